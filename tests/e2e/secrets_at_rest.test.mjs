// Secrets as they lie in the data directory: sealed, under a key that can be changed while weir serves, and never shown.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { callApi, environmentOf, startProject } from "./wrangler.mjs";
import { command, startWeir, tryCommand } from "./weir.mjs";

const files = { "src/index.js": `export default { fetch(request, env) { return new Response(env.PASSWORD + " " + env.OTHER); } };` };

// Every byte that weir has written and printed.
function written(weir) {
  const out = [Buffer.from(weir.output())];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) out.push(readFileSync(path));
    }
  };
  walk(join(weir.folder, "data"));
  return Buffer.concat(out);
}

test("a secret is served, and is in no file, no answer and no log", async (t) => {
  const weir = await startWeir({});
  t.after(() => rmSync(weir.folder, { recursive: true, force: true }));
  const project = await startProject(t, weir, { files });
  await project.run("deploy");
  await project.runWith({ input: "hunter2hunter2\n" }, "secret", "put", "PASSWORD");
  assert.equal((await weir.request("hello")).text, "hunter2hunter2 undefined");
  const answers = [];
  for (const path of ["{A}/workers/scripts/hello/secrets", "{A}/workers/scripts/hello/settings", "{A}/workers/scripts/hello/versions",
    "{A}/workers/scripts", "{A}/audit_logs"]) {
    const answered = await callApi(project.environment, "GET", path);
    assert.equal(answered.status, 200, path);
    answers.push(JSON.stringify(answered.body));
  }
  assert.match(answers[0], /"PASSWORD"/);
  assert.ok(!answers.join().includes("hunter2hunter2"));
  const bytes = written(weir);
  assert.ok(bytes.includes("PASSWORD"));  // the name is no secret
  assert.ok(!bytes.includes("hunter2hunter2"));

  // Another key, while it serves: what runs goes on, and so does what comes after.
  const before = readFileSync(join(weir.folder, "data/secret.key"), "utf8");
  const rotated = JSON.parse((await command(weir, "secret-key", "rotate", "--json")).stdout);
  assert.ok(rotated.secrets >= 1);
  assert.equal((await weir.request("hello")).text, "hunter2hunter2 undefined");
  await project.runWith({ input: "swordfish\n" }, "secret", "put", "OTHER");
  assert.equal((await weir.request("hello")).text, "hunter2hunter2 swordfish");
  await project.run("deploy");
  assert.equal((await weir.request("hello")).text, "hunter2hunter2 swordfish");
  const key = readFileSync(join(weir.folder, "data/secret.key"), "utf8");
  assert.notEqual(key, before);
  assert.equal(statSync(join(weir.folder, "data/secret.key")).mode & 0o777, 0o600);
  await weir.kill();

  // With the key of before there are no secrets, and no weir.
  writeFileSync(join(weir.folder, "data/secret.key"), before);
  await assert.rejects(startWeir({}, { folder: weir.folder }), /secrets in the catalog are sealed with/);
  writeFileSync(join(weir.folder, "data/secret.key"), key);
  const again = await startWeir({}, { folder: weir.folder });
  t.after(() => again.kill());
  assert.equal((await again.request("hello")).text, "hunter2hunter2 swordfish");
});

test("a secret is not opened in another's place", async (t) => {
  const weir = await startWeir({});
  t.after(() => rmSync(weir.folder, { recursive: true, force: true }));
  const project = await startProject(t, weir, { files });
  await project.run("deploy");
  await project.runWith({ input: "hunter2hunter2\n" }, "secret", "put", "PASSWORD");
  project.configure({ name: "thief" });
  await project.run("deploy");
  await project.runWith({ input: "mine\n" }, "secret", "put", "PASSWORD");
  await weir.kill();
  // Somebody with the file, and without the key, gives one script the other's sealed bytes.
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(join(weir.folder, "data/catalog.db"));
  const moved = db.prepare(`UPDATE version_secrets SET sealed = (SELECT sealed FROM version_secrets WHERE version IN
    (SELECT number FROM versions v JOIN scripts s ON s.id = v.script WHERE s.name = 'hello') LIMIT 1) WHERE version IN
    (SELECT number FROM versions v JOIN scripts s ON s.id = v.script WHERE s.name = 'thief')`).run();
  assert.ok(moved.changes >= 1);
  db.close();
  const again = await startWeir({}, { folder: weir.folder });
  t.after(() => again.kill());
  assert.match((await again.request("hello")).text, /^hunter2hunter2/);
  const refused = await again.request("thief");
  assert.equal(refused.status, 500);
  assert.ok(!refused.text.includes("hunter2hunter2"));
  await again.said(/script thief: .*secret PASSWORD.*what is stored is damaged, or was not stored here/);
  // Nor does a rotation take it for good.
  const rotation = await tryCommand(weir, "secret-key", "rotate");
  assert.equal(rotation.code, 1);
  assert.match(rotation.stderr, /secret PASSWORD of script thief: what is stored is damaged, or was not stored here/);
});

test("an error that quotes a secret of the script names it instead", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const put = (code, bindings) => {
    const form = new FormData();
    form.set("metadata", JSON.stringify({ body_part: "script", compatibility_date: "2026-01-01", bindings }));
    form.set("script", new Blob([code], { type: "application/javascript" }), "script");
    return callApi(environment, "PUT", "{A}/workers/scripts/quoting", { body: form });
  };
  const throwing = 'throw new Error(`${PASSWORD} is wrong`); addEventListener("fetch", () => {});';
  const first = await put(throwing, [{ type: "secret_text", name: "PASSWORD", text: "hunter2hunter2" }]);
  assert.equal(first.body.errors[0].code, 10021);
  assert.match(first.body.errors[0].message, /Error: \[secret PASSWORD\] is wrong/);
  assert.ok(!JSON.stringify(first.body).includes("hunter2"));

  // And one that it keeps from before.
  const good = 'addEventListener("fetch", (event) => event.respondWith(new Response("here")));';
  assert.equal((await put(good, [{ type: "secret_text", name: "PASSWORD", text: "hunter2hunter2" }])).status, 200);
  const kept = await put(throwing, [{ type: "inherit", name: "PASSWORD" }]);
  assert.match(kept.body.errors[0].message, /Error: \[secret PASSWORD\] is wrong/);
  assert.equal((await weir.request("quoting")).text, "here");
});
