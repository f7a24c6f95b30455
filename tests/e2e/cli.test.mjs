// The command line as a user meets it: help, doctor, and one line and exit 2 for what cannot be done.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root, startWeir } from "./weir.mjs";

const weir = (...args) => spawnSync(join(root, "build/weir"), args, { encoding: "utf8", timeout: 30_000 });

test("help", () => {
  for (const args of [["--help"], ["serve", "--help"], ["dev", "--help"], ["doctor", "--help"]]) {
    const { status, stdout } = weir(...args);
    assert.equal(status, 0, args.join(" "));
    assert.match(stdout, args.length === 1 ? /doctor/ : /Example:\n  weir /);
  }
  assert.match(weir("--version").stdout, /^\d+\.\d+\.\d+/);
});

test("doctor says what is installed and what confines", () => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith("weir-doctor-")).length;
  const text = weir("doctor");
  const json = weir("doctor", "--json");
  const said = JSON.parse(json.stdout);
  assert.equal(said.confinements.length, 16);
  assert.equal(said.confined, said.confinements.every((one) => one.active));
  assert.equal(json.status, said.confined ? 0 : 1);
  assert.equal(text.status, json.status);
  assert.match(said.sha256, /^[0-9a-f]{64}$/);
  assert.ok(text.stdout.includes(said.sha256) && text.stdout.includes(said.v8));
  assert.equal(readdirSync(tmpdir()).filter((name) => name.startsWith("weir-doctor-")).length, before, "it leaves nothing behind");
});

test("what cannot be done is one line that says what to do, and exit 2", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "weir-cli-"));
  writeFileSync(join(folder, "weir.toml"), "");
  const serve = (...args) => weir("serve", "--config", join(folder, "weir.toml"), "--data", join(folder, "data"),
    ...(args.includes("--edge") ? [] : ["--edge", "127.0.0.1:0"]), ...(args.includes("--control") ? [] : ["--control", "127.0.0.1:0"]), ...args);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const other = await startWeir({});
  t.after(() => other.stop());
  const control = /control: http:\/\/([\d.:]+)\//.exec(other.output())[1];
  const cases = [
    ["a port in use", serve("--edge", `127.0.0.1:${taken.address().port}`), /--edge .* in use; .* choose another with --edge/],
    ["another weir's port", serve("--edge", `127.0.0.1:${other.port}`), /--edge .* in use; .* choose another with --edge/],
    ["its port for the management API", serve("--control", control), /--control .* in use; .* choose another with --control/],
    ["no such command", weir("sreve"), /weir --help/],
    ["no such flag", serve("--edgy"), /--edgy/],
    ["no such config", weir("serve", "--config", join(folder, "none.toml")), /none\.toml.*--config/],
    ["no such file", weir("dev", join(folder, "none.js"), "--data", join(folder, "dev")), /none\.js/],
    ["a missing engine", serve("--engine-dir", join(folder, "nowhere")), /run make/],
    ["a missing host", serve("--node", join(folder, "nowhere")), /--node/],
  ];
  writeFileSync(join(folder, "data/format"), "999\n");
  cases.push(["a newer data directory", serve(), /newer/]);
  taken.close();
  for (const [what, { status, stderr }, says] of cases) {
    assert.equal(status, 2, `${what}: ${stderr}`);
    assert.match(stderr, /^weir: [^\n]+\n$/, what);
    assert.match(stderr, says, what);
  }
  assert.equal(cases.length, 10);
  rmSync(folder, { recursive: true });
  await t.test("a data directory in use", async () => {
    const running = await startWeir({ a: { code: `export default { fetch() { return new Response("x"); } }` } });
    const second = weir("serve", "--config", join(running.folder, "weir.toml"), "--data", join(running.folder, "data"), "--edge", "127.0.0.1:0");
    assert.equal(second.status, 2);
    assert.match(second.stderr, /^weir: [^\n]*data[^\n]*\n$/);
    await running.stop();
  });
});
