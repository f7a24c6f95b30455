// wrangler deploy, as it comes from npm, against a running weir.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callApi, releases, startProject } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

const answering = (text) => `export default { fetch(request, env) { return new Response(${text}); } };`;

for (const release of releases) {
  test(`${release}: whoami, deploy and deploy again`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, files: { "src/index.js": answering("`one ${env.NAME}`") }, config: { vars: { NAME: "weir" } } });
    const { environment, shows } = project;
    const id = (text) => /Current Version ID: (\S+)/.exec(text)[1];
    let first;

    await shows("deploy --dry-run", async () => {
      const tried = await project.runWith({ env: { CLOUDFLARE_API_TOKEN: "" } }, "deploy", "--dry-run", "--outdir", "out");
      assert.match(tried.text, /--dry-run: exiting now/);
      assert.deepEqual((await callApi(environment, "GET", "{A}/workers/scripts")).body.result, []);
    });
    await shows("whoami", async () => {
      const who = await project.run("whoami");
      assert.match(who.stdout, /local/);
      assert.ok(who.stdout.includes(environment.CLOUDFLARE_ACCOUNT_ID));
    });
    await shows("deploy: first", async () => {
      const { stdout } = await project.run("deploy");
      assert.match(stdout, /Uploaded hello/);
      assert.match(stdout, /Current Version ID: [0-9a-f]{8}-[0-9a-f-]{27}/);
      assert.match(stdout, /Worker Startup Time: \d+ ms/);
      first = id(stdout);
      assert.equal((await weir.request("hello")).text, "one weir");
      assert.equal((await weir.request("hello", "/", { host: "hello.local.workers.dev" })).text, "one weir");
    });
    await shows("deploy: again", async () => {
      project.write("src/index.js", answering("`two ${env.NAME}`"));
      const second = id((await project.run("deploy")).stdout);
      assert.equal((await weir.request("hello")).text, "two weir");
      assert.notEqual(first, second);
      const versions = await callApi(environment, "GET", "{A}/workers/scripts/hello/versions");
      assert.deepEqual(versions.body.result.items.map((one) => one.id), [second, first]);
      assert.equal(versions.body.result.items[0].metadata.source, "wrangler");
      assert.equal(versions.body.result.items[0].start.from, "snapshot");
    });
  });

  test(`${release}: keys, e-mail addresses and tokens`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, files: { "src/index.js": answering('"one"') } });
    const token = async (...args) => (await command(weir, "token", "create", ...args)).stdout.trim();
    const keyed = { env: { CLOUDFLARE_API_TOKEN: "", CLOUDFLARE_API_KEY: await token("key"), CLOUDFLARE_EMAIL: "me@example.com" } };
    await project.shows("whoami: API key and e-mail address", async () => {
      assert.match((await project.runWith(keyed, "whoami")).stdout, /logged in with an Global API Key, associated with the email me@example\.com/i);
    });
    await project.shows("deploy: API key and e-mail address", async () => {
      await project.runWith(keyed, "deploy");
      assert.equal((await weir.request("hello")).text, "one");
    });
    await project.shows("deploy: token of one script", async () => {
      const narrow = { env: { CLOUDFLARE_API_TOKEN: await token("narrow", "--script", "hello") } };
      project.write("src/index.js", answering('"two"'));
      await project.runWith(narrow, "deploy");
      assert.equal((await weir.request("hello")).text, "two");
      const other = await project.tryRunWith(narrow, "deploy", "--name", "other");
      assert.equal(other.code, 1, other.text);
      assert.match(other.text, /\[code: 10023\]/);
    });
    await project.shows("deploy: read-only token refused", async () => {
      const refused = await project.tryRunWith({ env: { CLOUDFLARE_API_TOKEN: await token("reader", "--read-only") } }, "deploy");
      assert.equal(refused.code, 1, refused.text);
      assert.match(refused.text, /does not allow changes.* \[code: 10023\]/);
    });
  });

  test(`${release}: what was deployed is served after a kill and a start`, async (t) => {
    const before = await startWeir({});
    const project = await startProject(t, before, { release, files: { "src/index.js": answering("`kept ${env.NAME}`") }, config: { vars: { NAME: "well" } } });
    await project.run("deploy");
    await before.kill();
    const weir = await startWeir({}, { folder: before.folder });
    t.after(() => weir.stop());
    await project.shows("deploy: after a kill of weir", async () => assert.equal((await weir.request("hello")).text, "kept well"));
  });
}
