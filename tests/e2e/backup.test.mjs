// weir backup and restore, and what a kill leaves of them and of a rotation.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root, startWeir, tryCommand } from "./weir.mjs";

const binary = process.env.WEIR_BINARY ?? join(root, "build/weir");
const hello = { hello: { code: `export default { fetch() { return new Response("hello") } }` } };

function newFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), "weir-e2e-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function json(folder, ...args) {
  const result = await tryCommand({ folder }, ...args, "--json");
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout);
}

test("a backup taken while weir serves is restored elsewhere, and serves", async (t) => {
  const weir = await startWeir(hello);
  t.after(() => weir.stop());
  const folder = newFolder(t);
  await json(weir.folder, "zone", "add", "example.com");
  await json(weir.folder, "route", "add", "example.com/*", "--script", "hello");
  const text = (await json(weir.folder, "token", "create", "ci")).value;

  const file = join(folder, "weir.db");
  const made = await json(weir.folder, "backup", file);
  assert.equal(made.file, file);
  assert.equal(made.bytes, statSync(file).size);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match(made.secret_key, /^[0-9a-f]{16}$/);
  assert.ok(!readFileSync(file).includes(text));
  assert.ok(!readFileSync(file).includes(readFileSync(join(weir.folder, "data/secret.key"), "utf8").trim()));
  await json(weir.folder, "zone", "remove", "example.com");
  const again = await tryCommand(weir, "backup", file);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^weir: \S+weir\.db: there is a file already; name another\n$/);

  const restored = await tryCommand({ folder }, "restore", file);
  assert.equal(restored.code, 0, restored.stderr);
  assert.match(restored.stdout, /^restored 1 accounts, 0 scripts and 0 secrets into \S+data\nThe key of secrets, \w{16}, is no part of a backup: put it at \S+secret\.key/);
  await assert.rejects(startWeir(hello, { folder }), /secret\.key: it is missing/);
  copyFileSync(join(weir.folder, "data/secret.key"), join(folder, "data/secret.key"));
  const second = await startWeir(hello, { folder });
  t.after(() => second.kill());
  assert.equal((await second.request("", "/x", { host: "example.com" })).text, "hello");
  assert.equal((await weir.request("", "/x", { host: "example.com" })).status, 404);
  assert.equal((await json(folder, "token", "list")).length, 2);
  // The token of the first start was never used, and its text is not in a backup: it has a new one.
  assert.deepEqual((await json(folder, "audit")).slice(0, 3).map((one) => `${one.action} ${one.name}`),
    ["roll first start", `restore ${file}`, `backup ${file}`]);
  assert.notEqual(readFileSync(join(folder, "data/token"), "utf8"), readFileSync(join(weir.folder, "data/token"), "utf8"));

  const full = await tryCommand({ folder }, "restore", file);
  assert.equal(full.code, 2);
  assert.match(full.stderr, /^weir: --data \S+: it is not empty \(it has \S+\); restore into a new directory, and start weir with that\n$/);
});

test("what is no backup is refused, and the directory stays as it was", async (t) => {
  const folder = newFolder(t);
  const refused = async (file, pattern) => {
    const result = await tryCommand({ folder }, "restore", file);
    assert.equal(result.code, 1);
    assert.match(result.stderr, pattern);
    assert.equal(result.stderr.trimEnd().split("\n").length, 1);
    assert.ok(!existsSync(join(folder, "data/catalog.db")));
  };
  await refused(join(folder, "none"), /there is no such file, or it cannot be read; name a file that weir backup made/);
  writeFileSync(join(folder, "text"), "text ".repeat(1000));
  await refused(join(folder, "text"), /file is not a database/);
  await json(join(folder, "made"), "zone", "add", "example.com");
  const file = join(folder, "backup.db");
  await json(join(folder, "made"), "backup", file);
  writeFileSync(file, readFileSync(file).subarray(0, 8192));
  await refused(file, /backup\.db: /);
});

// Runs a command and kills it after `ms`, or lets it end. Whether it was killed.
function killedAfter(ms, ...args) {
  return new Promise((done) => {
    const child = spawn(binary, args, { stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), ms);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      done(signal === "SIGKILL");
    });
  });
}

// At instants spread over what a whole run takes.
async function killAtManyInstants(runs, once) {
  const begun = performance.now();
  await once(60_000);
  const whole = performance.now() - begun;
  let killed = 0;
  for (let i = 0; i < runs; ++i) killed += (await once((whole * (i + 0.5)) / runs)) ? 1 : 0;
  return killed;
}

test("a kill during backup or rotation leaves a data directory that starts", async (t) => {
  const weir = await startWeir(hello);
  const { folder } = weir;
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, "data");
  for (let i = 0; i < 20; ++i) await json(folder, "zone", "add", `z${i}.example.com`);

  const backups = newFolder(t);
  let made = 0;
  let killed = await killAtManyInstants(20, async (ms) => {
    const file = join(backups, `${made}.db`);
    const was = await killedAfter(ms, "backup", file, "--data", data);
    if (existsSync(file)) {
      // What is there is whole.
      const target = join(backups, `restored${made}`);
      const restored = await tryCommand({ folder: target }, "restore", file);
      assert.equal(restored.code, 0, restored.stderr);
      assert.equal((await json(target, "zone", "list")).length, 20);
      ++made;
    }
    return was;
  });
  assert.ok(killed > 0, "none was killed");
  assert.ok(made > 0, "none was made");

  killed = await killAtManyInstants(30, async (ms) => {
    const was = await killedAfter(ms, "secret-key", "rotate", "--data", data);
    const keys = await json(folder, "secret-key", "show");
    assert.equal(keys.filter((one) => one.in_use && one.here).length, 1, JSON.stringify(keys));
    assert.ok(keys.length <= 2, JSON.stringify(keys));
    return was;
  });
  assert.ok(killed > 0, "none was killed");
  await weir.kill();
  const after = await startWeir(hello, { folder });
  t.after(() => after.kill());
  assert.equal((await after.request("hello")).text, "hello");
  assert.deepEqual((await json(folder, "secret-key", "show")).map((one) => one.in_use), [true]);
  assert.ok(!readdirSync(data).some((name) => name.includes("partial")));
});
