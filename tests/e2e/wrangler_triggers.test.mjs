// What makes a deployed Worker run, and what it is told of itself: cron triggers, previews, version metadata, services.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callApi, releases, startProject } from "./wrangler.mjs";
import { startWeir } from "./weir.mjs";

const answering = (text) => `export default { fetch(request, env) { return new Response(${text}); } };`;
const idIn = (text) => /(?:Worker|Current) Version ID: (\S+)/.exec(text)[1];

for (const release of releases) {
  test(`${release}: cron triggers are those of the last deploy`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const code = `export default { scheduled(event) { console.log("cron " + event.cron); }, fetch() { return new Response("x"); } };`;
    const project = await startProject(t, weir, { release, files: { "src/index.js": code }, config: { triggers: { crons: ["*/5 * * * *", "0 3 * * 1"] } } });
    const schedules = async () => (await callApi(project.environment, "GET", "{A}/workers/scripts/hello/schedules")).body.result.schedules.map((one) => one.cron);
    await project.shows("deploy: cron triggers", async () => {
      await project.run("deploy");
      assert.deepEqual(await schedules(), ["*/5 * * * *", "0 3 * * 1"].sort());
      const fired = await fetch(new URL("/trigger/cron", project.environment.CLOUDFLARE_API_BASE_URL),
        { method: "POST", headers: { authorization: `Bearer ${project.environment.CLOUDFLARE_API_TOKEN}`, "weir-script": "hello", "weir-cron": "*/5 * * * *" } });
      assert.equal(fired.status, 200, await fired.clone().text());
      assert.equal((await fired.json()).outcome, "ok");
    });
    await project.shows("triggers deploy", async () => {
      project.configure({ triggers: { crons: ["7 * * * *"] } });
      await project.run("triggers", "deploy");
      assert.deepEqual(await schedules(), ["7 * * * *"]);
      project.configure({ triggers: { crons: [] } });
      await project.run("triggers", "deploy");
      assert.deepEqual(await schedules(), []);
    });
    const bad = await callApi(project.environment, "PUT", "{A}/workers/scripts/hello/schedules", { body: JSON.stringify([{ cron: "never" }]) });
    assert.equal(bad.status, 400);
  });
}

test("a version answers at its own name, deployed or not", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const about = answering('JSON.stringify({ text: "WHICH", ...env.ABOUT })');
  const project = await startProject(t, weir, { files: { "src/index.js": about.replace("WHICH", "one") },
    config: { preview_urls: true, workers_dev: true, version_metadata: { binding: "ABOUT" } } });
  const one = idIn((await project.run("deploy")).stdout);
  project.write("src/index.js", about.replace("WHICH", "two"));
  const uploaded = (await project.run("versions", "upload", "--tag", "green")).stdout;
  const two = idIn(uploaded);
  assert.ok(uploaded.includes(`${two.slice(0, 8)}-hello.local`), uploaded);
  const at = async (host) => {
    const answer = await weir.request("", "/", { host });
    return answer.status === 200 ? JSON.parse(answer.text) : answer.status;
  };
  const preview = (id) => at(`${id.slice(0, 8)}-hello.local.workers.dev`);
  const served = await at("hello.local.workers.dev");
  assert.equal(served.text, "one");
  assert.equal(served.id, one);
  assert.equal(served.tag, "");
  assert.ok(Math.abs(Date.parse(served.timestamp) - Date.now()) < 600_000);
  assert.deepEqual({ ...(await preview(two)), timestamp: 0 }, { text: "two", id: two, tag: "green", timestamp: 0 });
  assert.equal((await preview(one)).id, one);
  assert.equal(await at("00000000-hello.local.workers.dev"), 404);
  assert.equal(await at("00000000-nobody.local.workers.dev"), 404);
  await callApi(project.environment, "POST", "{A}/workers/scripts/hello/subdomain", { body: { enabled: true, previews_enabled: false } });
  assert.equal(await preview(two), 404);
  const { traces } = await weir.stop({ keep: true });
  assert.ok(traces.some((one) => one.scriptVersion?.id === two), "its traces name the whole version");
});

for (const release of ["wrangler", "wrangler-4-86"]) {
  test(`${release}: a version answers at an alias, until another one has it`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.kill());
    const project = await startProject(t, weir, { release, files: { "src/index.js": answering("'deployed'") }, config: { preview_urls: true, workers_dev: true } });
    await project.run("deploy");
    const at = async (label) => {
      const answer = await weir.request("", "/", { host: `${label}.local.workers.dev` });
      return answer.status === 200 ? answer.text : answer.status;
    };
    const uploadAs = async (text, alias) => {
      project.write("src/index.js", answering(`'${text}'`));
      return (await project.run("versions", "upload", "--preview-alias", alias)).stdout;
    };
    assert.match(await uploadAs("one", "pr-7"), /Version Preview Alias URL: https:\/\/pr-7-hello\.local\./);
    assert.equal(await at("pr-7-hello"), "one");
    assert.equal(await at("hello"), "deployed");
    await uploadAs("two", "pr-7");
    assert.equal(await at("pr-7-hello"), "two");
    await uploadAs("three", "staging");
    assert.equal(await at("pr-7-hello"), "two");
    assert.equal(await at("staging-hello"), "three");
    assert.equal(await at("pr-8-hello"), 404);
    const refused = await project.tryRun("versions", "upload", "--preview-alias", "No_Alias");
    assert.equal(refused.code, 1);
    await weir.kill();
    const again = await startWeir({}, { folder: weir.folder });
    t.after(() => again.stop());
    assert.equal((await again.request("", "/", { host: "pr-7-hello.local.workers.dev" })).text, "two");
  });
}

test("service-worker format: text, data and Wasm come as globals", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: { "src/index.js": "" } });
  // (module (func (export "answer") (result i32) i32.const 42))
  const wasm = Buffer.from("0061736d010000000105016000017f03020100070a0106616e7377657200000a06010400412a0b", "hex");
  const script = `addEventListener("fetch", (event) => event.respondWith(answer()));
async function answer() {
  const instance = await WebAssembly.instantiate(MODULE);
  return Response.json({ text: TEXT, data: [...new Uint8Array(DATA)], wasm: instance.exports.answer(), plain: PLAIN });
}`;
  const form = new FormData();
  form.set("metadata", JSON.stringify({ body_part: "script", compatibility_date: "2026-01-01", bindings: [
    { name: "MODULE", type: "wasm_module", part: "MODULE" }, { name: "TEXT", type: "text_blob", part: "TEXT" },
    { name: "DATA", type: "data_blob", part: "DATA" }, { name: "PLAIN", type: "plain_text", text: "plain" }] }));
  form.set("script", new File([script], "script", { type: "application/javascript" }));
  form.set("MODULE", new File([wasm], "module.wasm", { type: "application/wasm" }));
  form.set("TEXT", new File(["some text"], "text.txt", { type: "text/plain" }));
  form.set("DATA", new File([Buffer.from([1, 2, 3])], "data.bin", { type: "application/octet-stream" }));
  const made = await callApi(project.environment, "PUT", "{A}/workers/scripts/hello", { body: form });
  assert.equal(made.body.success, true, JSON.stringify(made.body));
  assert.deepEqual(JSON.parse((await weir.request("hello")).text), { text: "some text", data: [1, 2, 3], wasm: 42, plain: "plain" });
});
