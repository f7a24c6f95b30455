// A script is served, fails in every way it can, and harms nobody else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const scripts = {
  good: { code: `let n = 0; export default { fetch(request, env) { return new Response((env.A ?? "") + "ok " + ++n); } }`, vars: { A: "a" } },
  echo: { code: `export default { async fetch(request) { return new Response(await request.text(), { headers: { "x-method": request.method } }); } }` },
  stream: { code: `export default { fetch(request) { return new Response(request.body); } }` },
  throws: { code: `export default { fetch() { console.log("before", { a: 1 }); throw new TypeError("broken"); } }` },
  rejects: { code: `export default { async fetch() { await null; throw new Error("later"); } }` },
  nothing: { code: `export default { fetch() {} }` },
  hangs: { code: `export default { fetch() { return new Promise(() => {}); } }` },
  timer: { code: `export default { fetch(req) { let response = new Response("Example response"); let { promise, resolve } = Promise.withResolvers(); setTimeout(resolve, 0); return promise.then(() => response); } }` },
  spins: { code: `export default { fetch() { try { for (;;) {} } catch { return new Response("caught"); } finally { console.log("finally"); } } }`, limits: { cpu_ms: 100 } },
  grows: { code: `const all = []; export default { fetch() { for (;;) all.push(new Array(1000).fill({})); } }`, limits: { cpu_ms: 20000, memory_mb: 64 } },
  buffers: { code: `export default { fetch() { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)); } }`, limits: { memory_mb: 64 } },
  huge: { code: `export default { fetch() { try { new ArrayBuffer(1e12); } catch (e) { return new Response(e.name); } } }` },
  parses: { code: `export default { fetch() { return new Response("x") ` },
  worker: { code: `addEventListener("fetch", (event) => event.respondWith(new Response("service worker")));` },
  modules: { code: `import text from "./hello.txt"; import data from "./value.json"; import { f } from "./other.js"; export default { fetch() { return new Response(text + data.n + f()); } }`,
    files: { "hello.txt": "text ", "value.json": `{"n": 7}`, "other.js": "export const f = () => ' other';" } },
};

test("one platform, many scripts", async (t) => {
  const weir = await startWeir(scripts);
  const counts = new Map();
  const get = async (script, path, init) => {
    counts.set(script, (counts.get(script) ?? 0) + 1);
    return weir.request(script, path, init);
  };

  await t.test("a script answers and keeps its state", async () => {
    assert.equal((await get("good")).text, "aok 1");
    assert.equal((await get("good")).text, "aok 2");
  });
  await t.test("bodies go in and come out", async () => {
    const response = await get("echo", "/", { method: "POST", body: "hello" });
    assert.equal(response.text, "hello");
    assert.equal(response.headers["x-method"], "POST");
    const large = "x".repeat(3 << 20);
    assert.equal((await get("stream", "/", { method: "POST", body: large })).text.length, large.length);
  });
  await t.test("exceptions, rejections, no Response and hangs are 1101", async () => {
    for (const script of ["throws", "rejects", "nothing", "hangs"]) {
      const response = await get(script);
      assert.equal(response.status, 500, script);
      assert.match(response.text, /1101/, script);
    }
  });
  await t.test("a promise that a timer settles is no hang", async () => {
    assert.equal((await get("timer")).text, "Example response");
  });
  await t.test("the CPU limit is 1102 and runs neither catch nor finally", async () => {
    const response = await get("spins");
    assert.equal(response.status, 503);
    assert.match(response.text, /1102/);
  });
  await t.test("memory growth is 1102, an impossible buffer is a RangeError", async () => {
    for (const script of ["grows", "buffers"]) {
      const response = await get(script);
      assert.equal(response.status, 503, script);
      assert.match(response.text, /1102/, script);
    }
    assert.equal((await get("huge")).text, "RangeError");
  });
  await t.test("neighbours never noticed", async () => {
    assert.match((await get("good")).text, /^aok \d+$/);  // its engine may have been replaced, and its state with it
  });
  await t.test("service-worker syntax and several modules", async () => {
    assert.equal((await get("worker")).text, "service worker");
    assert.equal((await get("modules")).text, "text 7 other");
  });
  await t.test("a script that does not parse is named and refused", async () => {
    assert.equal((await get("parses")).status, 500);
  });
  await t.test("an unknown script is 1042; pages come in the form that was asked for", async () => {
    const text = await weir.request("nobody", "/", { headers: { "user-agent": "curl/8" } });
    assert.equal(text.status, 404);
    assert.equal(text.text, "error code: 1042\n");
    const json = await weir.request("nobody", "/", { headers: { accept: "application/problem+json" } });
    assert.equal(JSON.parse(json.text).error_code, 1042);
    const html = await weir.request("nobody", "/cdn-cgi/error/1101", { headers: { accept: "text/html", "user-agent": "Mozilla/5.0" } });
    assert.equal(html.status, 500);
    assert.match(html.text, /<html/);
  });

  const { exit, traces } = await weir.stop();
  await t.test("SIGTERM ends it with 0, and every invocation left one trace", () => {
    assert.deepEqual(exit, { code: 0, signal: null });
    for (const [script, count] of counts) {
      assert.equal(traces.filter((trace) => trace.scriptName === script).length, count, script);
    }
    const outcome = (script) => traces.find((trace) => trace.scriptName === script).outcome;
    assert.equal(outcome("throws"), "exception");
    assert.equal(outcome("spins"), "exceededCpu");
    assert.equal(outcome("grows"), "exceededMemory");
    const thrown = traces.find((trace) => trace.scriptName === "throws");
    assert.equal(thrown.exceptions[0].message, "broken");
    assert.match(thrown.exceptions[0].stack, /index\.js:1/);
    assert.deepEqual(thrown.logs[0].message, ["before", { a: 1 }]);
    const spins = traces.find((trace) => trace.scriptName === "spins");
    assert.equal(spins.logs.length, 0);
    assert.match(spins.exceptions[0].stack, /index\.js/);
    assert.match(traces.find((trace) => trace.scriptName === "hangs").exceptions[0].message, /had hung and would never generate a response/);
  });
});

test("bad input is one line and exit 2", async (t) => {
  await t.test("a config error names file, line and key", async () => {
    await assert.rejects(startWeir({ a: { code: "", limits: { cpu_ms: 0 } } }), /weir\.toml:4:\d+: script\[0\]\.limits\.cpu_ms: must be/);
  });
});
