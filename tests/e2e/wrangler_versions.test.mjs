// wrangler's commands on versions, deployments, secrets and what else belongs to a script, run for real.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callApi, releases, startProject } from "./wrangler.mjs";
import { startWeir } from "./weir.mjs";

const answering = (text) => `export default { fetch(request, env) { return new Response(${text}); } };`;
const idIn = (text) => /Worker Version ID: (\S+)/.exec(text)?.[1] ?? /Current Version ID: (\S+)/.exec(text)[1];

for (const release of releases) {
  test(`${release}: versions, deployments, rollback and delete`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, files: { "src/index.js": answering('"one"') } });
    const one = idIn((await project.run("deploy")).stdout);

    project.write("src/index.js", answering('"two"'));
    const two = idIn((await project.run("versions", "upload", "--message", "the second", "--tag", "v2")).stdout);
    assert.equal((await weir.request("hello")).text, "one", "an upload alone changes nothing that is served");

    const listed = (await project.run("versions", "list")).stdout;
    assert.ok(listed.includes(one) && listed.includes(two), listed);
    assert.match(listed, /the second/);
    const viewed = (await project.run("versions", "view", two)).stdout;
    assert.match(viewed, /v2/);
    assert.match(viewed, /2026-01-01/);

    await project.run("versions", "deploy", `${one}@40`, `${two}@60`, "-y");
    const status = (await project.run("deployments", "status")).stdout;
    assert.ok(status.includes("(40%)") && status.includes("(60%)"), status);
    // A key always gets the same version, and enough keys get both.
    const answers = new Map();
    for (let key = 0; key < 60; ++key) {
      const ask = async () => (await weir.request("hello", "/", { headers: { "cloudflare-workers-version-key": `user-${key}` } })).text;
      answers.set(key, await ask());
      assert.equal(await ask(), answers.get(key), `key ${key}`);
    }
    assert.deepEqual([...new Set(answers.values())].sort(), ["one", "two"]);

    await project.run("versions", "deploy", `${two}@100`, "-y", "--message", "whole");
    for (let i = 0; i < 10; ++i) assert.equal((await weir.request("hello")).text, "two");
    assert.match((await project.run("deployments", "list")).stdout, /whole/);

    await project.run("rollback", one, "-y", "--message", "back");
    assert.equal((await weir.request("hello")).text, "one");
    assert.match((await project.run("deployments", "list")).stdout, /back/);

    await project.run("delete", "--name", "hello", ...(release === "wrangler-3" ? [] : ["--force"]));
    assert.equal((await weir.request("hello")).status, 404);
    assert.equal((await callApi(project.environment, "GET", "{A}/workers/scripts")).body.result.length, 0);
  });

  test(`${release}: secrets`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const shows = answering("JSON.stringify({ a: env.A, b: env.B, text: env.TEXT })");
    const project = await startProject(t, weir, { release, files: { "src/index.js": shows }, config: { vars: { TEXT: "plain" } } });
    const env = async () => JSON.parse((await weir.request("hello")).text);
    await project.run("deploy");
    assert.deepEqual(await env(), { text: "plain" });

    await project.runWith({ input: "first secret" }, "secret", "put", "A");
    assert.deepEqual(await env(), { a: "first secret", text: "plain" });
    assert.deepEqual(JSON.parse((await project.run("secret", "list")).stdout), [{ name: "A", type: "secret_text" }]);

    await project.run("deploy");
    assert.deepEqual(await env(), { a: "first secret", text: "plain" }, "a deploy keeps secrets");

    project.write("secrets.json", JSON.stringify({ A: "changed", B: "second" }));
    await project.run("secret", "bulk", "secrets.json");
    assert.deepEqual(await env(), { a: "changed", b: "second", text: "plain" });

    await project.run("secret", "delete", "A");
    assert.deepEqual(await env(), { b: "second", text: "plain" });

    // A version's own secrets: nothing is served before it is deployed.
    const made = await project.runWith({ input: "of a version" }, "versions", "secret", "put", "A");
    assert.deepEqual(await env(), { b: "second", text: "plain" });
    const refused = await project.tryRunWith({ input: "x" }, "secret", "put", "B");
    assert.notEqual(refused.code, 0);
    assert.match(refused.text, /latest version/i);
    const id = /Created version (\S+)/.exec(made.stdout)[1];
    await project.run("versions", "deploy", `${id}@100`, "-y");
    assert.deepEqual(await env(), { a: "of a version", b: "second", text: "plain" });

    // What is at rest is sealed, and nothing gives it back.
    const settings = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/settings");
    assert.ok(!JSON.stringify(settings.body).includes("of a version"));
    const content = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/content/v2");
    assert.ok(!content.body.includes("of a version"));
    assert.match(content.headers.get("cf-entrypoint"), /^index\.js$/);
  });
}

test("a secret for a Worker that is not there makes a draft of it", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: { "src/index.js": answering("env.A") } });
  await project.runWith({ input: "early" }, "secret", "put", "A");
  await project.run("deploy");
  assert.equal((await weir.request("hello")).text, "early");
});

test("rolling back to a version with other secrets is said first", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: { "src/index.js": answering("String(env.A)") } });
  const first = idIn((await project.run("deploy")).stdout);
  await project.runWith({ input: "later" }, "secret", "put", "A");
  assert.equal((await weir.request("hello")).text, "later");
  const refused = await callApi(project.environment, "POST", "{A}/workers/scripts/hello/deployments",
    { body: { strategy: "percentage", versions: [{ version_id: first, percentage: 100 }] } });
  assert.equal(refused.body.errors[0].code, 10220);
  assert.equal(refused.body.errors[0].message, "The following secrets have changed: A");
  await project.run("rollback", first, "-y");
  assert.equal((await weir.request("hello")).text, "undefined");
});
