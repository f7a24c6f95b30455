import assert from "node:assert/strict";
import { test } from "node:test";
import { median, summary, verdict } from "./statistics.mjs";
import { number, renderTable } from "./table.mjs";

test("the median is the middle, or the mean of the two there, whatever the order", () => {
  const cases = [[[3], 3], [[9, 1, 5], 5], [[4, 1, 3, 2], 2.5], [[10, 9, 100], 10]];
  for (const [values, expected] of cases) assert.equal(median(values), expected);
  assert.equal(cases.length, 4);
  assert.throws(() => median([]), RangeError);
});

test("summary leaves its input alone", () => {
  const values = [5, 1, 3];
  assert.deepEqual(summary(values), { median: 3, min: 1, max: 5 });
  assert.deepEqual(values, [5, 1, 3]);
});

test("a goal is met when it is reached exactly", () => {
  assert.equal(verdict(10, 10), "met");
  assert.equal(verdict(10.01, 10), "not met");
  assert.equal(verdict(8, 10, 7), "met");
  assert.equal(verdict(7, 10, 7), "met, and ≤ 7");
  assert.equal(verdict(undefined, 10), "");
  assert.equal(verdict(1, undefined), "");
});

test("numbers have three digits", () => {
  const cases = [[0, "0"], [0.4567, "0.46"], [7.456, "7.46"], [12.34, "12.3"], [99.96, "100"], [497.2, "497"], [1234.5, "1235"]];
  for (const [value, expected] of cases) assert.equal(number(value), expected);
});

test("the table has a line per row, the ratio of the medians and the verdict", () => {
  const text = renderTable([
    { title: "one", unit: "us", goal: 10, weir: { median: 5, min: 4, max: 6 }, workerd: { median: 20, min: 20, max: 20 }, floor: { median: 2, min: 2, max: 2 } },
    { title: "another", unit: "ms", goal: 3, weir: { median: 4, min: 4, max: 4 }, workerd: { note: "never answers" } },
    { title: "third", unit: "mb", weir: { note: "failed" } },
  ]);
  const lines = text.split("\n");
  assert.equal(lines.length, 4);
  assert.match(lines[1], /^one +5\.00 µs +\(4\.00–6\.00\) +20\.0 µs +0\.25 +2\.00 µs +≤ 10 µs  met$/);
  assert.match(lines[2], /^another +4\.00 ms +never answers +≤ 3 ms  not met$/);
  assert.match(lines[3], /^third +failed +—$/);
  assert.equal(lines[1].indexOf("µs") + 2, lines[2].indexOf("ms") + 2);
});
