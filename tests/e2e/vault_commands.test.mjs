// weir token, audit, secret-key: what they say, how they refuse, and what a first start leaves.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startWeir, tryCommand } from "./weir.mjs";

const hello = { hello: { code: `export default { fetch() { return new Response("hello") } }` } };

function tools(folder) {
  const run = (...args) => tryCommand({ folder }, ...args);
  return {
    run,
    async json(...args) {
      const result = await run(...args, "--json");
      assert.equal(result.code, 0, result.stderr);
      return JSON.parse(result.stdout);
    },
    async refused(code, pattern, ...args) {
      const result = await run(...args);
      assert.equal(result.code, code, args.join(" "));
      assert.equal(result.stdout, "");
      assert.match(result.stderr, pattern);
      assert.equal(result.stderr.trimEnd().split("\n").length, 1, `one line: ${result.stderr}`);
    },
  };
}

function newFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), "weir-e2e-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("tokens are made, shown once, and revoked", async (t) => {
  const folder = newFolder(t);
  const { run, json, refused } = tools(folder);
  const made = await run("token", "create", "ci");
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^weir_[A-Za-z0-9_-]{43}\n$/);
  const text = made.stdout.trim();
  await json("account", "add", "acme");
  await refused(1, /there are 2 accounts: name one with --account/, "token", "create", "two");
  const narrow = await json("token", "create", "two", "--account", "acme", "--script", "shop", "--script", "blog", "--read-only",
    "--expires-in", "12h");
  assert.equal(narrow.access, "read");
  assert.deepEqual(narrow.scripts, ["shop", "blog"]);
  assert.equal(Date.parse(narrow.expires_on) - Date.parse(narrow.issued_on), 12 * 3600_000);
  assert.match(narrow.value, /^weir_/);
  const wide = await json("token", "create", "three", "--every-account");
  assert.equal(wide.account_id, null);
  assert.equal(wide.access, "write");
  assert.equal(wide.expires_on, null);

  const listed = await run("token", "list");
  assert.match(listed.stdout, /^NAME +ID +ACCOUNT +ACCESS +SCRIPTS +EXPIRES +LAST USED\nci +\w{32} +local +write +all +never +never\n/);
  assert.match(listed.stdout, /two +\w{32} +acme +read +shop and 1 more +\d{4}-/);
  assert.equal((await json("token", "list", "--account", "acme")).length, 1);
  assert.ok(!JSON.stringify(await json("token", "list")).includes("weir_"));
  for (const file of ["catalog.db", "catalog.db-wal"]) {
    try {
      assert.ok(!readFileSync(join(folder, "data", file)).includes(text), file);
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }

  await refused(1, /token ci: there is one of this name/, "token", "create", "ci", "--account", "local");
  await refused(1, /script No: no script can have this name/, "token", "create", "x", "--account", "acme", "--script", "No");
  await refused(1, /--expires-in 3: write it as 30m, 12h or 90d/, "token", "create", "x", "--account", "acme", "--expires-in", "3");
  await refused(2, /excludes/, "token", "create", "x", "--account", "acme", "--every-account");
  assert.equal((await run("token", "revoke", "ci")).stdout, "revoked token ci\n");
  await refused(1, /token ci: there is none of this name or id; see weir token list/, "token", "revoke", "ci");
  assert.equal((await json("token", "list")).length, 2);
});

test("the audit log tells who changed what", async (t) => {
  const folder = newFolder(t);
  const { run, json, refused } = tools(folder);
  await json("zone", "add", "example.com");
  await json("route", "add", "example.com/*", "--script", "shop");
  await run("route", "remove", "example.com/*");
  await run("token", "create", "ci");
  const all = await json("audit");
  assert.deepEqual(all.map((one) => `${one.action} ${one.resource} ${one.name}`),
    ["create token ci", "delete route example.com/*", "create route example.com/*", "create zone example.com", "create account local"]);
  const user = String(process.getuid());
  for (const one of all.slice(0, 4)) {
    assert.equal(one.actor_type, "operator");
    assert.equal(one.actor_id, user);
    assert.equal(one.via, "cli");
    assert.match(one.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.ok(Math.abs(Date.parse(one.when) - Date.now()) < 600_000);
  }
  assert.equal(all[2].detail.script, "shop");
  assert.deepEqual((await json("audit", "--resource", "route", "--action", "delete")).map((one) => one.name), ["example.com/*"]);
  assert.equal((await json("audit", "--limit", "2")).length, 2);
  assert.equal((await json("audit", "--actor", user, "--account", "local")).length, 5);
  assert.equal((await json("audit", "--before", "2026-01-01")).length, 0);
  assert.equal((await json("audit", "--since", "2026-01-01T00:00:00+01:00")).length, 5);
  assert.match((await run("audit")).stdout, /^WHEN +WHO +FROM +DID +WHAT +NAME\n\d{4}-\S+Z +\S+ \(operator\) +- +create +token +ci\n/);
  await refused(1, /--since yesterday: write it as 2026-01-31/, "audit", "--since", "yesterday");
});

test("a first start makes a key and a token for their owner alone", async (t) => {
  const weir = await startWeir(hello);
  t.after(() => weir.stop());
  const data = join(weir.folder, "data");
  for (const file of ["secret.key", "token"]) assert.equal(statSync(join(data, file)).mode & 0o777, 0o600, file);
  assert.match(readFileSync(join(data, "token"), "utf8"), /^weir_[A-Za-z0-9_-]{43}\n$/);
  const { json, run } = tools(weir.folder);
  const [token] = await json("token", "list");
  assert.equal(token.name, "first start");
  assert.equal(token.account_id, (await json("account", "list"))[0].id);
  const keys = await json("secret-key", "show");
  assert.deepEqual(keys.map((one) => [one.in_use, one.here]), [[true, true]]);

  // While it serves.
  const rotated = await json("secret-key", "rotate");
  assert.equal(rotated.key_before, keys[0].key);
  assert.equal((await json("secret-key", "show"))[0].key, rotated.key);
  assert.match((await run("secret-key", "show")).stdout, new RegExp(`^KEY +STATE +FROM\n${rotated.key} +in use +\\S+secret.key\n$`));
  assert.equal((await weir.request("hello")).text, "hello");
});

test("weir does not start with another key than its secrets'", async (t) => {
  const first = await startWeir(hello);
  const { folder } = first;
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await first.stop({ keep: true });
  const key = join(folder, "data/secret.key");
  const right = readFileSync(key, "utf8");
  writeFileSync(key, `${"c".repeat(64)}\n`);
  await assert.rejects(startWeir(hello, { folder }), /weir ended with 2: weir: \S+secret\.key: it has the key \w{16}, but secrets in the catalog are sealed with \w{16}; give it that key again/);
  renameSync(key, `${key}.away`);
  await assert.rejects(startWeir(hello, { folder }), /secret\.key: it is missing, and secrets in the catalog are sealed with its key \w{16}; put it back/);
  const { run } = tools(folder);
  const shown = await run("secret-key", "show");
  assert.equal(shown.code, 1);
  assert.match(shown.stdout, /in use +missing\n$/);
  writeFileSync(key, right);
  chmodSync(key, 0o644);
  await assert.rejects(startWeir(hello, { folder }), /others than its owner can read or write it; run chmod 600/);
  // From elsewhere.
  rmSync(key);
  const second = await startWeir(hello, { folder, flags: ["--secret-key-command", `echo ${right}`] });
  t.after(() => second.kill());
  assert.equal((await second.request("hello")).text, "hello");
});
