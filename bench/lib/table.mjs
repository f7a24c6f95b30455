// The table that a run prints.
import { verdict } from "./statistics.mjs";

const units = { us: "µs", ms: "ms", mb: "MB" };

/** Three significant digits, or whole numbers from 100: 7.46, 12.3, 497. */
export function number(value) {
  const rounded = Number(value.toPrecision(3));
  if (rounded === 0) return "0";
  return value.toFixed(Math.min(2, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded))))));
}

export function quantity(value, unit) {
  return `${number(value)} ${units[unit] ?? unit}`;
}

function goalText(goal, unit) {
  return goal === undefined ? "" : `≤ ${goal} ${units[unit] ?? unit}`;
}

function side(result, unit) {
  if (!result) return "—";
  if (result.note) return result.note;
  return quantity(result.median, unit);
}

/**
 * rows: { title, unit, goal, then, weir, workerd, floor }, the last three { median, min, max } or { note }, floor and workerd
 * optional. One line per row, columns aligned.
 */
export function renderTable(rows) {
  const lines = [["", "weir", "(min–max)", "workerd", "ratio", "bare loop", "first goal", ""]];
  for (const row of rows) {
    const both = row.weir?.median !== undefined && row.workerd?.median !== undefined;
    const spread = row.weir?.median !== undefined && row.weir.max !== row.weir.min
      ? `(${number(row.weir.min)}–${number(row.weir.max)})` : "";
    lines.push([
      row.title,
      side(row.weir, row.unit),
      spread,
      side(row.workerd, row.unit),
      both ? (row.weir.median / row.workerd.median).toFixed(2) : "",
      row.floor ? side(row.floor, row.unit) : "",
      goalText(row.goal, row.unit),
      verdict(row.weir?.median, row.goal, row.then),
    ]);
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) => line.map((cell, column) =>
    column === 0 || column === 7 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join("  ").trimEnd()).join("\n");
}
