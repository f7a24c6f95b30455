// What a project's configuration and modules may say, deployed by each release of wrangler.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callApi, releases, startProject } from "./wrangler.mjs";
import { startWeir } from "./weir.mjs";

// (module (func (export "answer") (result i32) i32.const 42))
const wasm = Buffer.from("0061736d010000000105016000017f03020100070a0106616e7377657200000a06010400412a0b", "hex");

const module = `import text from "./note.txt";
import data from "./bytes.bin";
import wasm from "./answer.wasm";
import { half } from "./half.js";
export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === "/other") return env.OTHER.fetch("https://any.example/path");
    if (path === "/throw") half("nothing");
    const instance = await WebAssembly.instantiate(wasm);
    return Response.json({ text, data: [...new Uint8Array(data)], wasm: instance.exports.answer(), half: half(84),
      plain: env.PLAIN, object: env.OBJECT, about: env.ABOUT, binaryType: new WebSocketPair()[0].binaryType });
  }
};`;

for (const release of releases) {
  test(`${release}: a configuration that says much`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const other = await startProject(t, weir, { release, config: { name: "other" },
      files: { "src/index.js": 'export default { fetch(request) { return new Response("other " + request.url); }, tail() {} };' } });
    await other.run("deploy");
    const config = {
      vars: { PLAIN: "text", OBJECT: { list: [1, { deep: true }] } },
      version_metadata: { binding: "ABOUT" },
      services: [{ binding: "OTHER", service: "other" }],
      compatibility_date: "2025-06-01",
      compatibility_flags: ["websocket_standard_binary_type"],
      limits: { cpu_ms: 77 },
      observability: { enabled: true, head_sampling_rate: 0.5 },
      logpush: true,
      tail_consumers: [{ service: "other" }],
      placement: { mode: "smart" },
      upload_source_maps: true,
    };
    const project = await startProject(t, weir, { release, config, files: {
      "src/index.js": module,
      "src/half.js": "export function half(n) {\n  if (typeof n !== 'number') throw new TypeError('no number');\n  return n / 2;\n}\n",
      "src/note.txt": "a note", "src/bytes.bin": Buffer.from([1, 2, 3]), "src/answer.wasm": wasm } });
    const deployed = await project.run("deploy");
    const { shows } = project;
    const get = async (path) => (await callApi(project.environment, "GET", `{A}/workers/scripts/hello${path}`)).body.result;
    const answer = JSON.parse((await weir.request("hello")).text);
    const [newest] = (await get("/versions")).items;
    const version = await get(`/versions/${newest.id}`);
    const settings = await get("/settings");

    await shows("deploy: text, data and Wasm modules", () => {
      assert.deepEqual([answer.text, answer.data, answer.wasm], ["a note", [1, 2, 3], 42]);
    });
    await shows("deploy: vars", () => assert.equal(answer.plain, "text"));
    await shows("deploy: json vars", () => assert.deepEqual(answer.object, { list: [1, { deep: true }] }));
    await shows("deploy: version metadata", () => {
      assert.equal(answer.about.id, newest.id);
      assert.ok(Math.abs(Date.parse(answer.about.timestamp) - Date.now()) < 600_000);
    });
    await shows("deploy: service bindings", async () => {
      assert.equal((await weir.request("hello", "/other")).text, "other https://any.example/path");
    });
    await shows("deploy: compatibility date and flags", () => {
      const { compatibility_date: date, compatibility_flags: flags } = version.resources.script_runtime;
      assert.deepEqual([date, flags], ["2025-06-01", ["websocket_standard_binary_type"]]);
      assert.equal(answer.binaryType, "blob");
    });
    await shows("deploy: limits.cpu_ms", () => assert.equal(version.resources.script_runtime.limits.cpu_ms, 77));
    await shows("deploy: observability", () => {
      assert.equal(settings.observability.enabled, true);
      assert.equal(settings.observability.head_sampling_rate, 0.5);
    });
    await shows("deploy: logpush", () => assert.equal(settings.logpush, true));
    await shows("deploy: tail consumers", () => assert.deepEqual(settings.tail_consumers.map((one) => one.service), ["other"]));
    await shows("deploy: placement", async () => {
      assert.match(deployed.stdout, /Uploaded hello/);
      // No release shows what an answer says beside its result, but at this level.
      const debugged = await project.runWith({ env: { WRANGLER_LOG: "debug", WRANGLER_LOG_SANITIZE: "false" } }, "deploy");
      assert.match(debugged.text, /"messages":\[\{"code":\d+,"message":"placement is kept/);
    });
    await shows("deploy: source maps", async () => {
      const content = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/content/v2");
      assert.match(content.body, /name="index\.js\.map"/);
      assert.match(content.body, /"sources":\[[^\]]*half\.js/);
    });
  });

  test(`${release}: several modules, as they are`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, config: { no_bundle: true, find_additional_modules: true,
      rules: [{ type: "ESModule", globs: ["**/*.js"] }, { type: "Text", globs: ["**/*.txt"] }] }, files: {
      "src/index.js": 'import { b } from "./deep/b.js";\nexport default { async fetch() { return new Response(b + (await import("./deep/late.js")).late); } };',
      "src/deep/b.js": 'import note from "../note.txt";\nexport const b = `b ${note} `;', "src/deep/late.js": 'export const late = "late";', "src/note.txt": "note" } });
    await project.run("deploy");
    await project.shows("deploy: ES modules, several", async () => {
      assert.equal((await weir.request("hello")).text, "b note late");
      const content = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/content/v2");
      for (const name of ["index.js", "deep/b.js", "deep/late.js", "note.txt"]) assert.ok(content.body.includes(`name="${name}"`), name);
    });
  });

  test(`${release}: service-worker format`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, config: { vars: { PLAIN: "plain" } }, files: { "src/note.txt": "a note",
      "src/bytes.bin": Buffer.from([4, 5]), "src/answer.wasm": wasm, "src/index.js": `import text from "./note.txt";
import data from "./bytes.bin";
import wasm from "./answer.wasm";
addEventListener("fetch", (event) => event.respondWith(answer()));
async function answer() {
  const instance = await WebAssembly.instantiate(wasm);
  return Response.json([text, [...new Uint8Array(data)], instance.exports.answer(), PLAIN]);
}` } });
    await project.shows("deploy: service-worker format", async () => {
      for (let i = 0; i < 2; ++i) {
        await project.run("deploy");
        assert.deepEqual(JSON.parse((await weir.request("hello")).text), ["a note", [4, 5], 42, "plain"]);
      }
    });
  });

  test(`${release}: bindings that weir does not serve are refused by name`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, files: {
      "src/index.js": "export class Room {}\nexport default { fetch() { return new Response('works'); } };" } });
    const id = "0123456789abcdef0123456789abcdef";
    const cases = [
      ["kv_namespace", { kv_namespaces: [{ binding: "IT", id }] }],
      ["durable_object_namespace", { durable_objects: { bindings: [{ name: "IT", class_name: "Room" }] } }],
      ["d1", { d1_databases: [{ binding: "IT", database_id: id, database_name: "x" }] }],
      ["analytics_engine", { analytics_engine_datasets: [{ binding: "IT", dataset: "x" }] }],
      ["ai", { ai: { binding: "IT" } }],
      ["hyperdrive", { hyperdrive: [{ binding: "IT", id }] }],
    ];
    await project.shows("deploy: bindings that weir does not serve, refused by name", async () => {
      for (const [type, config] of cases) {
        project.configure(config);
        const { code, text } = await project.tryRun("deploy");
        assert.equal(code, 1, `${type}: ${text}`);
        assert.match(text, new RegExp(`binding IT is of type ${type}, which is not served here\\. \\[code: 10015\\]`), text);
      }
      for (const [what, ...args] of [["KV namespaces", "kv", "namespace", "create", "IT"], ["D1 databases", "d1", "create", "it"], ["queues", "queues", "create", "it"]]) {
        const { code, text } = await project.tryRun(...args);
        assert.equal(code, 1, text);
        assert.match(text, new RegExp(`${what} are not served here\\. \\[code: 10015\\]`), text);
      }
      assert.deepEqual((await callApi(project.environment, "GET", "{A}/workers/scripts")).body.result, [], "nothing is stored");
    });
  });
}

// What the newest release asks for before it uploads, and other bindings.
test("what else is not served is refused too, before or by the upload, and never dropped", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: { "src/index.js": "export default { fetch() { return new Response('works'); } };" } });
  const id = "0123456789abcdef0123456789abcdef";
  const cases = {
    r2_buckets: [{ binding: "IT", bucket_name: "bucket" }],
    queues: { producers: [{ binding: "IT", queue: "queue" }] },
    vectorize: [{ binding: "IT", index_name: "x" }],
    browser: { binding: "IT" },
    images: { binding: "IT" },
    dispatch_namespaces: [{ binding: "IT", namespace: "x" }],
    mtls_certificates: [{ binding: "IT", certificate_id: id }],
    send_email: [{ name: "IT" }],
    secrets_store_secrets: [{ binding: "IT", store_id: id, secret_name: "x" }],
  };
  for (const [name, value] of Object.entries(cases)) {
    project.configure({ [name]: value });
    const { code, text } = await project.tryRun("deploy");
    assert.equal(code, 1, `${name}: ${text}`);
    assert.match(text, /(binding IT is|bucket bucket:|dispatch namespaces are) .*not served here\. \[code: 10015\]/, `${name}: ${text}`);
  }
  assert.deepEqual((await callApi(project.environment, "GET", "{A}/workers/scripts")).body.result, []);
});
