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
    const project = await startProject(t, weir, { release, files: { "src/index.js": answering('"one"') }, config: { preview_urls: true, workers_dev: true } });
    const { shows } = project;
    const one = idIn((await project.run("deploy")).stdout);
    let two;

    await shows("versions upload", async () => {
      project.write("src/index.js", answering('"two"'));
      two = idIn((await project.run("versions", "upload", "--message", "the second", "--tag", "v2")).stdout);
      assert.equal((await weir.request("hello")).text, "one", "an upload alone changes nothing that is served");
    });
    await shows("versions upload: preview URL", async () => {
      assert.equal((await weir.request("", "/", { host: `${two.slice(0, 8)}-hello.local.workers.dev` })).text, "two");
    });
    await shows("versions list", async () => {
      const listed = (await project.run("versions", "list")).stdout;
      assert.ok(listed.includes(one) && listed.includes(two), listed);
      assert.match(listed, /the second/);
    });
    await shows("versions view", async () => {
      const viewed = (await project.run("versions", "view", two)).stdout;
      assert.match(viewed, /v2/);
      assert.match(viewed, /2026-01-01/);
    });
    await shows("versions deploy: gradual, sticky by key", async () => {
      await project.run("versions", "deploy", `${one}@40`, `${two}@60`, "-y");
      // A key always gets the same version, and enough keys get both.
      const answers = new Map();
      for (let key = 0; key < 60; ++key) {
        const ask = async () => (await weir.request("hello", "/", { headers: { "cloudflare-workers-version-key": `user-${key}` } })).text;
        answers.set(key, await ask());
        assert.equal(await ask(), answers.get(key), `key ${key}`);
      }
      assert.deepEqual([...new Set(answers.values())].sort(), ["one", "two"]);
    });
    await shows("deployments status", async () => {
      const status = (await project.run("deployments", "status")).stdout;
      assert.ok(status.includes("(40%)") && status.includes("(60%)"), status);
    });
    await shows("versions deploy", async () => {
      await project.run("versions", "deploy", `${two}@100`, "-y", "--message", "whole");
      for (let i = 0; i < 10; ++i) assert.equal((await weir.request("hello")).text, "two");
    });
    await shows("rollback", async () => {
      await project.run("rollback", one, "-y", "--message", "back");
      assert.equal((await weir.request("hello")).text, "one");
    });
    await shows("deployments list", async () => {
      const listed = (await project.run("deployments", "list")).stdout;
      assert.match(listed, /whole/);
      assert.match(listed, /back/);
    });
    await shows("delete", async () => {
      await project.run("delete", "--name", "hello", ...(release === "wrangler-3" ? [] : ["--force"]));
      assert.equal((await weir.request("hello")).status, 404);
      assert.equal((await callApi(project.environment, "GET", "{A}/workers/scripts")).body.result.length, 0);
    });
  });

  test(`${release}: secrets`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const code = answering("JSON.stringify({ a: env.A, b: env.B, c: env.C, text: env.TEXT })");
    const project = await startProject(t, weir, { release, files: { "src/index.js": code }, config: { vars: { TEXT: "plain" } } });
    const { shows } = project;
    const env = async () => JSON.parse((await weir.request("hello")).text);

    await shows("secret put: draft of a new Worker", async () => {
      await project.runWith({ input: "early" }, "secret", "put", "C");
      await project.run("deploy");
      assert.deepEqual(await env(), { c: "early", text: "plain" });
    });
    await shows("secret put", async () => {
      await project.runWith({ input: "first secret" }, "secret", "put", "A");
      assert.deepEqual(await env(), { a: "first secret", c: "early", text: "plain" });
      const taken = await project.tryRunWith({ input: "x" }, "secret", "put", "TEXT");
      assert.equal(taken.code, 1);
      assert.match(taken.text, /Binding name TEXT is already in use\. Rename one of the bindings and try again\. \[code: 10053\]/);
      assert.deepEqual(await env(), { a: "first secret", c: "early", text: "plain" });
    });
    await shows("secret list", async () => {
      const listed = JSON.parse((await project.run("secret", "list")).stdout);
      assert.deepEqual(listed.sort((a, b) => a.name.localeCompare(b.name)), ["A", "C"].map((name) => ({ name, type: "secret_text" })));
    });
    await shows("deploy: secrets kept", async () => {
      await project.run("deploy");
      assert.deepEqual(await env(), { a: "first secret", c: "early", text: "plain" });
    });
    await shows("secret bulk", async () => {
      project.write("secrets.json", JSON.stringify({ A: "changed", B: "second" }));
      await project.run("secret", "bulk", "secrets.json");
      assert.deepEqual(await env(), { a: "changed", b: "second", c: "early", text: "plain" });
      project.write("secrets.json", JSON.stringify({ A: "once more", TEXT: "x" }));
      assert.match((await project.tryRun("secret", "bulk", "secrets.json")).text, /Binding name TEXT is already in use/);
      assert.deepEqual(await env(), { a: "changed", b: "second", c: "early", text: "plain" }, "all or nothing");
    });
    const before = idIn((await project.run("deploy")).stdout);
    await shows("secret delete", async () => {
      await project.run("secret", "delete", "A");
      await project.run("secret", "delete", "C");
      assert.deepEqual(await env(), { b: "second", text: "plain" });
    });

    // A version's own secrets: nothing is served before it is deployed.
    const made = (text) => /Created version (\S+)/.exec(text)[1];
    await shows("versions secret put", async () => {
      await project.runWith({ input: "of a version" }, "versions", "secret", "put", "A");
      assert.deepEqual(await env(), { b: "second", text: "plain" });
      const refused = await project.tryRunWith({ input: "x" }, "secret", "put", "B");
      assert.notEqual(refused.code, 0);
      assert.match(refused.text, /latest version/i);
    });
    await shows("versions secret bulk", async () => {
      project.write("secrets.json", JSON.stringify({ B: "of both", C: "of one" }));
      await project.run("versions", "secret", "bulk", "secrets.json");
      assert.deepEqual(await env(), { b: "second", text: "plain" });
    });
    await shows("versions secret delete", async () => {
      const id = made((await project.run("versions", "secret", "delete", "C")).stdout);
      await project.run("versions", "deploy", `${id}@100`, "-y");
      assert.deepEqual(await env(), { a: "of a version", b: "of both", text: "plain" });
    });
    await shows("versions secret list", async () => {
      const listed = (await project.run("versions", "secret", "list")).stdout;
      assert.match(listed, /Secret Name: A\b/);
      assert.match(listed, /Secret Name: B\b/);
      assert.doesNotMatch(listed, /of a version/);
    });

    // What is at rest is sealed, and nothing gives it back.
    const settings = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/settings");
    assert.ok(!JSON.stringify(settings.body).includes("of a version"));
    const content = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/content/v2");
    assert.ok(!content.body.includes("of a version"));
    assert.match(content.headers.get("cf-entrypoint"), /^index\.js$/);

    await shows("rollback: secrets have changed", async () => {
      const refused = await callApi(project.environment, "POST", "{A}/workers/scripts/hello/deployments",
        { body: { strategy: "percentage", versions: [{ version_id: before, percentage: 100 }] } });
      assert.equal(refused.body.errors[0].code, 10220);
      assert.equal(refused.body.errors[0].message, "The following secrets have changed: A, B, C");
      await project.run("rollback", before, "-y");
      assert.deepEqual(await env(), { a: "changed", b: "second", c: "early", text: "plain" });
    });
  });
}
