// The whole way of a run, short: servers up, load, table, file. Says nothing about speed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const bench = (...args) => spawnSync(join(folder, "run.sh"), args, { encoding: "utf8", timeout: 60_000 });

test("a quick run of one row measures both servers and writes the file", () => {
  const out = mkdtempSync(join(tmpdir(), "weir-bench-test-"));
  try {
    const file = join(out, "result.json");
    const { status, stdout, stderr } = bench("--quick", "--only", "hello", "--json", file);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^hello world, CPU per request .* µs/m);
    const { rows, rounds } = JSON.parse(readFileSync(file, "utf8"));
    assert.equal(rounds, 1);
    assert.deepEqual(rows.map(({ key }) => key), ["hello"]);
    for (const server of ["weir", "workerd", "floor"]) assert.ok(rows[0][server].rounds[0] > 0, server);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});

test("what it cannot do is said on one line, exit 2", () => {
  const cases = [[["--only", "nothing"], /no row 'nothing'/], [["--rounds", "0"], /--rounds wants/], [["--what"], /--what/]];
  for (const [args, expected] of cases) {
    const { status, stderr } = bench(...args);
    assert.equal(status, 2, args.join(" "));
    assert.match(stderr, expected);
    assert.equal(stderr.trimEnd().split("\n").length, 1);
  }
  assert.equal(cases.length, 3);
});
