// Measures weir beside workerd and prints one table. bench/README.md says how to read it.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { rows as allRows, Servers } from "./lib/rows.mjs";
import { root } from "./lib/servers.mjs";
import { summary } from "./lib/statistics.mjs";
import { renderTable } from "./lib/table.mjs";

const help = `Measures weir beside workerd, the same scripts in the same run, in turns, and prints one table.

  bench/run.sh [options]          or: make bench ARGS="options"

  --quick          a short run: one round, few requests; says whether it works, not how fast
  --rounds N       rounds, weir and workerd in turns (default 5); the table shows medians
  --only A,B       only these rows: ${allRows.map(({ key }) => key).join(", ")}
  --weir-only      leave workerd out
  --json FILE      also write every round, the machine and the versions to FILE
  --profile ROW    profile weir under the load of ROW instead (needs perf); --profile help explains
  --help

Example:
  make bench ARGS="--only hello,proxy --rounds 3"
`;

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({ options: { quick: { type: "boolean", default: false }, rounds: { type: "string" },
      only: { type: "string" }, "weir-only": { type: "boolean", default: false }, json: { type: "string" },
      profile: { type: "string" }, help: { type: "boolean", default: false } } }).values;
  } catch (error) {
    return fail(`${error.message}; see --help`);
  }
}

function chosenRows(only) {
  if (only === undefined) return allRows;
  return only.split(",").map((key) => allRows.find((row) => row.key === key) ?? fail(`no row '${key}'; see --help`));
}

function machine() {
  const text = (file, ...args) => {
    try {
      return execFileSync(file, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      return "unknown";
    }
  };
  return {
    cpu: cpus()[0].model, cores: cpus().length, kernel: release(), load: loadavg(),
    commit: text("git", "describe", "--always", "--dirty"),
    weir: text(join(root, "build/weir"), "--version"),
    workerd: JSON.parse(readFileSync(join(root, "node_modules/workerd/package.json"), "utf8")).version,
  };
}

// Rounds of one row, the servers in turns: { weir: { median, min, max, rounds } or { note }, … }
async function measureRow(row, names, rounds, context) {
  const values = Object.fromEntries(names.map((name) => [name, []]));
  const notes = {};
  const details = {};
  for (let round = 0; round < rounds; ++round) {
    for (const name of names) {
      if (notes[name]) continue;
      process.stderr.write(`\r\x1b[K${row.title}: round ${round + 1} of ${rounds}, ${name}`);
      const result = await row.measure(name, { ...context, round });
      if (typeof result === "number") values[name].push(result);
      else if (result.note) notes[name] = result.note;
      else {
        values[name].push(result.value);
        (details[name] ??= []).push(result.details);
      }
    }
  }
  process.stderr.write("\r\x1b[K");
  return Object.fromEntries(names.map((name) => [name, notes[name] !== undefined ? { note: notes[name] }
    : { ...summary(values[name]), rounds: values[name], details: details[name] }]));
}

const chosen = options();
if (chosen.help) {
  console.log(help);
  process.exit(0);
}
for (const file of ["build/weir", "build/bin/bench_load", "build/bin/bench_origin"]) {
  if (!existsSync(join(root, file))) fail(`${file} is missing: run make bench`);
}
if (chosen.profile !== undefined) {
  const { profile } = await import("./lib/profile.mjs");
  process.exit(await profile(chosen.profile));
}
const rounds = chosen.rounds === undefined ? (chosen.quick ? 1 : 5) : Number(chosen.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) fail("--rounds wants a whole number from 1 to 100");

const about = machine();
let servers = new Servers();
const measured = [];
let failures = 0;
for (const row of chosenRows(chosen.only)) {
  const names = ["weir", ...(chosen["weir-only"] ? [] : ["workerd"]), ...(row.floor ? ["floor"] : [])];
  const { key, title, unit, goal, then, comment } = row;
  try {
    measured.push({ key, title, unit, goal, then, comment, ...await measureRow(row, names, rounds, { servers, scale: chosen.quick ? 0.05 : 1 }) });
  } catch (error) {
    ++failures;
    process.stderr.write(`\r\x1b[Kbench: ${title}: ${error.message}\n`);
    measured.push({ key, title, unit, goal, then, comment, weir: { note: "failed" } });
    await servers.stop(0);  // whatever state they are in now
    servers = new Servers();
  }
}
await servers.stop();

console.log(`${about.cpu}, ${about.cores} cores, Linux ${about.kernel}, load ${about.load[0].toFixed(1)}; ${about.weir} ` +
  `(${about.commit}), workerd ${about.workerd}; ${rounds} round${rounds > 1 ? "s" : ""}${chosen.quick ? ", quick" : ""}\n`);
console.log(renderTable(measured));
for (const { title, comment } of measured) if (comment) console.log(`\n${title} — ${comment}.`);
if (chosen.json) writeFileSync(chosen.json, JSON.stringify({ machine: about, quick: chosen.quick, rounds, rows: measured }, null, 2) + "\n");
process.exit(failures > 0 ? 1 : 0);
