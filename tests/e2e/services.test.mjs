// Service bindings: one script calls another, in this process, by fetch().
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const scripts = {
  front: {
    code: `export default { async fetch(request, env) { const path = new URL(request.url).pathname;
      if (path === "/echo") return env.BACK.fetch("https://inner.example/echo?q", { method: "POST", body: "question", headers: { "x-a": "b" } });
      if (path === "/pass") return env.BACK.fetch(request);
      if (path === "/throw") { try { await env.BACK.fetch("http://x/throw"); } catch (e) { return Response.json({ name: e.name, message: e.message, remote: e.remote }); } }
      if (path === "/uncaught") return env.BACK.fetch("http://x/throw");
      if (path === "/hang") { try { await env.BACK.fetch("http://x/hang"); } catch (e) { return new Response(e.message); } }
      if (path === "/spin") { try { await env.BACK.fetch("http://x/spin"); } catch (e) { return new Response(e.message); } }
      if (path === "/named") return env.NAMED.fetch("http://x/named");
      if (path === "/class") return env.CLASS.fetch("http://x/class");
      if (path === "/props") return env.PROPS.fetch("http://x/props");
      if (path === "/noprops") return env.CLASS.fetch("http://x/props");
      if (path === "/defaultprops") return env.DEFAULT.fetch("http://x/props");
      if (path === "/missing") { try { await env.MISSING.fetch("http://x/"); } catch (e) { return new Response(e.message); } }
      if (path === "/gone") { try { await env.GONE.fetch("http://x/"); } catch (e) { return new Response(e.message); } }
      if (path === "/large") { const r = await env.BACK.fetch("http://x/large"); let n = 0; for await (const c of r.body) n += c.length; return new Response(String(n)); }
      if (path === "/upload") { const { readable, writable } = new TransformStream(); const r = env.BACK.fetch("http://x/length", { method: "PUT", body: readable }); const w = writable.getWriter(); for (let i = 0; i < 64; i++) await w.write(new Uint8Array(65536)); await w.close(); return r; }
      if (path.startsWith("/tell/")) { try { const r = await env.BACK.fetch("http://x" + path.slice(5), { headers: request.headers }); return new Response(r.status + " " + await r.text()); } catch (e) { return Response.json([e.constructor.name, e.name, e.message, { ...e }]); } }
      if (path === "/receiver") { const { fetch } = env.BACK; try { await fetch("http://x/"); } catch (e) { return new Response(e.name); } }
      if (path === "/many") { let n = 0; try { for (;;) { await env.BACK.fetch("http://x/two"); n++; } } catch (e) { return new Response(n + " " + e.message); } }
      return new Response("no such path"); } }`,
    services: { BACK: "back", NAMED: { script: "back", entrypoint: "named" }, CLASS: { script: "back", entrypoint: "Entry" }, PROPS: { script: "back", entrypoint: "Entry", props: { tier: "gold", list: [1, "é"] } },
      DEFAULT: { script: "back", props: { tier: "plain" } }, MISSING: { script: "back", entrypoint: "Nowhere" }, GONE: "not-there" },
  },
  back: {
    code: `export const named = { fetch(request, env) { return new Response("named " + env.V); } };
      export class Entry { constructor(ctx, env) { this.env = env; this.ctx = ctx; } fetch(request) { if (request.url.endsWith("/props")) return Response.json(this.ctx.props); return new Response("class " + this.env.V + " " + new URL(request.url).pathname); } }
      export default { async fetch(request, env, ctx) { const url = new URL(request.url);
      if (url.pathname === "/props") return Response.json(ctx.props);
      if (url.pathname === "/echo") return new Response(request.method + " " + request.url + " " + request.headers.get("x-a") + " " + request.headers.get("cf-ray") + " " + await request.text(), { headers: { "x-back": "1" }, status: 201 });
      if (url.pathname === "/pass") return new Response(request.url + " " + await request.text());
      if (url.pathname === "/dom") throw new DOMException("by name", "AbortError");
      if (url.pathname === "/custom") { class Mine extends TypeError { name = "Mine"; code = 7; } throw new Mine("mine"); }
      if (url.pathname === "/string") throw "a string";
      if (url.pathname === "/wordy") { for (let i = 0; i < 300; i++) console.log("x".repeat(1000)); throw new RangeError("behind many words"); }
      if (url.pathname === "/notaresponse") return "text";
      if (url.pathname === "/part") return new Response(new ReadableStream({ async pull(c) { if (this.again) throw new RangeError("mid body"); this.again = true; await scheduler.wait(1); c.enqueue(new Uint8Array(3)); } }));
      if (url.pathname === "/down") return fetch("http://127.0.0.1:1/");
      if (url.pathname === "/held") { await fetch(request.headers.get("x-origin")); return new Response("no"); }
      if (url.pathname === "/heldwaits") { ctx.waitUntil(scheduler.wait(5).then(() => console.log("its own work"))); await fetch(request.headers.get("x-origin")); }
      if (url.pathname === "/throw") throw new RangeError("from the back");
      if (url.pathname === "/hang") return new Promise(() => {});
      if (url.pathname === "/spin") for (;;) {}
      if (url.pathname === "/large") return new Response(new ReadableStream({ start() { this.n = 0; }, pull(c) { if (this.n++ === 200) c.close(); else c.enqueue(new Uint8Array(50000)); } }));
      if (url.pathname === "/length") { let n = 0; for await (const chunk of request.body) n += chunk.length; return new Response(String(n)); }
      if (url.pathname === "/two") { await env.SELF.fetch("http://x/leaf"); return new Response("2"); }
      return new Response("leaf"); } }`,
    vars: { V: "v" }, services: { SELF: "back" }, limits: { cpu_ms: 200 },
  },
  deep: {
    code: `export default { async fetch(request, env) { const n = Number(new URL(request.url).searchParams.get("n") ?? 1); const r = await env.ME.fetch("http://x/?n=" + (n + 1)); const text = await r.text(); return new Response(text.startsWith("error code") ? n + " " + r.status + " " + text : text); } }`,
    services: { ME: "deep" },
  },
};

test("service bindings", async (t) => {
  const weir = await startWeir(scripts);
  const get = async (path, init) => weir.request("front", path, init);

  await t.test("a request goes in as it is, the response comes back as it is", async () => {
    const response = await get("/echo");
    assert.equal(response.status, 201);
    assert.equal(response.headers["x-back"], "1");
    assert.equal(response.text, "POST https://inner.example/echo?q b null question");
    assert.equal((await get("/pass", { method: "POST", body: "body" })).text, `http://front.local.workers.localhost:${weir.port}/pass body`);
  });
  await t.test("an exception reaches the caller as it was thrown", async () => {
    assert.deepEqual(JSON.parse((await get("/throw")).text), { name: "RangeError", message: "from the back", remote: true });
    assert.equal((await get("/uncaught")).status, 500);
    assert.match((await get("/hang")).text, /had hung and would never generate a response/);
    assert.equal((await get("/spin")).text, "Worker exceeded CPU time limit.");
  });
  await t.test("… with the name of its class where that is a standard one, whatever was thrown", async () => {
    const tell = async (what) => JSON.parse((await get(`/tell/${what}`)).text);
    assert.deepEqual(await tell("dom"), ["DOMException", "AbortError", "by name", { remote: true }]);
    assert.deepEqual(await tell("custom"), ["Error", "Error", "mine", { remote: true }]);
    assert.deepEqual(await tell("string"), ["Error", "Error", "a string", { remote: true }]);
    assert.deepEqual(await tell("notaresponse"), ["TypeError", "TypeError", "Incorrect type for Promise: the Promise did not resolve to 'Response'.", { remote: true }]);
    assert.deepEqual(await tell("wordy"), ["RangeError", "RangeError", "behind many words", { remote: true }], "though its trace has no room for it");
  });
  await t.test("a body that breaks is a lost connection, an error page a Response", async () => {
    assert.deepEqual(JSON.parse((await get("/tell/part")).text), ["Error", "Error", "Network connection lost.", { retryable: true }]);
    assert.equal((await get("/tell/down")).text, "521 error code: 521\n");
  });
  await t.test("entrypoints: an object, a class, one that is not there; a script that is not there", async () => {
    assert.equal((await get("/named")).text, "named v");
    assert.equal((await get("/class")).text, "class v /class");
    assert.match((await get("/missing")).text, /^The entrypoint name Nowhere was not found in this worker\./);
    assert.equal((await get("/gone")).text, "Worker not found.");
    assert.equal((await get("/receiver")).text, "TypeError");
  });
  await t.test("props come with the binding, whatever the entrypoint; a client's request has none", async () => {
    assert.equal((await get("/props")).text, '{"list":[1,"é"],"tier":"gold"}');
    assert.equal((await get("/noprops")).text, "{}");
    assert.equal((await get("/defaultprops")).text, '{"tier":"plain"}');
    assert.equal((await weir.request("back", "/props")).text, "{}");
  });
  await t.test("bodies stream both ways", async () => {
    assert.equal((await get("/large")).text, String(200 * 50000));
    assert.equal((await get("/upload")).text, String(64 * 65536));
  });
  await t.test("the chain has one budget of subrequests and sixteen invocations", async () => {
    assert.equal((await get("/many")).text, "500 Too many subrequests by single Worker invocation.");
    assert.equal((await weir.request("deep")).text, "16 500 error code: 1019\n");
  });

  const { exit, traces } = await weir.stop();
  await t.test("each invocation has its trace", () => {
    assert.deepEqual(exit, { code: 0, signal: null });
    const of = (script, path) => traces.filter((one) => one.scriptName === script && new URL(one.event.request.url).pathname === path);
    assert.equal(of("back", "/throw").length, 2);
    assert.equal(of("back", "/throw")[0].outcome, "exception");
    assert.equal(of("front", "/throw")[0].outcome, "ok");
    assert.equal(of("front", "/uncaught")[0].exceptions[0].message, "from the back");
    assert.equal(of("back", "/spin")[0].outcome, "exceededCpu");
    assert.equal(traces.filter((one) => one.scriptName === "deep").length, 16);
  });
});

test("the client of the first script is the client of all", async (t) => {
  const held = [];
  const origin = http.createServer((request, response) => { held.push(response); response.on("close", () => held.splice(held.indexOf(response), 1)); }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const weir = await startWeir({ back: scripts.back, front: scripts.front });
  t.after(() => weir.stop());
  const until = async (ready) => { while (!ready()) await new Promise(setImmediate); };
  const request = http.get({ port: weir.port, host: "127.0.0.1", path: "/tell/heldwaits",
    headers: { host: "front.local.workers.localhost", "x-origin": `http://localhost:${origin.address().port}/` } });
  request.on("error", () => {});
  await until(() => held.length === 1);
  request.destroy();
  await until(() => held.length === 0);
  const traces = await weir.traced((all) => ["front", "back"].every((name) => all.some((one) => one.scriptName === name)));
  const brief = (name) => traces.filter((one) => one.scriptName === name).map((one) => [one.outcome, one.exceptions, one.logs.map((log) => log.message[0])]);
  assert.deepEqual(brief("front"), [["canceled", [], []]]);
  assert.deepEqual(brief("back"), [["canceled", [], ["its own work"]]]);
});

test("weir ends while one script waits for another", async () => {
  const waits = `export default { async fetch(request, env) { if (env.NEXT) return env.NEXT.fetch(request); await scheduler.wait(600000); return new Response("no"); } }`;
  const weir = await startWeir({ one: { code: waits, services: { NEXT: "two" } }, two: { code: waits, services: { NEXT: "three" } }, three: { code: waits } },
    { flags: ["--loops", "1", "--drain-ms", "1"] });
  // Slots are given out again, so that some callers come to lie behind those they call.
  const asked = Array.from({ length: 8 }, () => weir.request("one").catch((error) => error.code));
  await weir.request("nobody");
  const { exit } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.equal((await Promise.all(asked)).length, 8);
});
