// wrangler deploy, as it comes from npm, against a running weir.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callApi, releases, startProject } from "./wrangler.mjs";
import { startWeir } from "./weir.mjs";

const answering = (text) => `export default { fetch(request, env) { return new Response(${text}); } };`;

for (const release of releases) {
  test(`${release}: whoami, deploy and deploy again`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, files: { "src/index.js": answering("`one ${env.NAME}`") }, config: { vars: { NAME: "weir" } } });

    const who = await project.run("whoami");
    assert.match(who.stdout, /local/);
    assert.ok(who.stdout.includes(project.environment.CLOUDFLARE_ACCOUNT_ID));

    const first = await project.run("deploy");
    assert.match(first.stdout, /Uploaded hello/);
    assert.match(first.stdout, /Current Version ID: [0-9a-f]{8}-[0-9a-f-]{27}/);
    assert.match(first.stdout, /Worker Startup Time: \d+ ms/);
    assert.equal((await weir.request("hello")).text, "one weir");
    assert.equal((await weir.request("hello", "/", { host: "hello.local.workers.dev" })).text, "one weir");

    project.write("src/index.js", answering("`two ${env.NAME}`"));
    const second = await project.run("deploy");
    assert.equal((await weir.request("hello")).text, "two weir");
    const id = (text) => /Current Version ID: (\S+)/.exec(text)[1];
    assert.notEqual(id(first.stdout), id(second.stdout));
    const versions = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/versions");
    assert.deepEqual(versions.body.result.items.map((one) => one.id), [id(second.stdout), id(first.stdout)]);
    assert.equal(versions.body.result.items[0].metadata.source, "wrangler");
    assert.equal(versions.body.result.items[0].start.from, "snapshot");
  });
}

test("what was deployed is served after a kill and a start", async (t) => {
  const before = await startWeir({});
  const project = await startProject(t, before, { files: { "src/index.js": answering("`kept ${env.NAME}`") }, config: { vars: { NAME: "well" } } });
  await project.run("deploy");
  await before.kill();
  const weir = await startWeir({}, { folder: before.folder });
  t.after(() => weir.stop());
  assert.equal((await weir.request("hello")).text, "kept well");
});
