// What the contract says of a script's life: hangs, ownership, waitUntil, lost receivers, errors inside scripts.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const kHung = "The Workers runtime canceled this request because it detected that your Worker's code had hung and would " +
  "never generate a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";
const kOther = "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response " +
  "bodies, and others) created in the context of one request handler cannot be accessed from a different request's handler.";
const kIllegal = "Illegal invocation: function called with incorrect `this` reference.";
const kGlobal = "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a " +
  "timeout, and generating random values are not allowed within global scope.";

const scripts = {
  hang: { code: `export default { fetch(req) { let response = new Response("Example response"); let { promise, resolve } = Promise.withResolvers(); return promise.then(() => response); } }` },
  nobodywrites: { code: `export default { async fetch() { const { readable } = new TransformStream(); await readable.getReader().read(); return new Response("no"); } }` },
  otherspromise: { code: `let waiting; export default { async fetch(request) { if (!waiting) { waiting = new Promise(() => {}); return new Response("first"); } await waiting; return new Response("no"); } }` },
  hangwait: { code: `export default { fetch(request, env, ctx) { ctx.waitUntil(new Promise(() => {})); return new Response("sent"); } }` },
  ctxdestructured: { code: `export default { async fetch(request, env, ctx) { const { waitUntil } = ctx; waitUntil(Promise.resolve()); return new Response("no"); } }` },
  ctxrebound: { code: `export default { async fetch(request, env, ctx) { const p = Promise.resolve(); const { waitUntil } = ctx; waitUntil.apply(ctx, [p]); waitUntil.call(ctx, p); waitUntil.bind(ctx)(p); ctx.waitUntil(p); return new Response("ok"); } }` },
  illegal: { code: `export default { fetch() { const out = []; for (const [name, f] of [["clone", () => Response.prototype.clone.call({})], ["random", () => { const f = crypto.getRandomValues; f(new Uint8Array(1)); }], ["get", () => { const { get } = new Headers(); get("a"); }], ["fetch", () => { const { atob } = globalThis; atob("YQ=="); }]]) { try { f(); out.push(name + ": fine"); } catch (e) { out.push(name + ": " + e.name + ": " + e.message); } } return Response.json(out); } }` },
  cached: { code: `let cachedResponse = null; let release; export default { async fetch(request) { if (cachedResponse) { release(); return cachedResponse; } cachedResponse = new Response("Hello, world!"); await new Promise((resolve) => { release = resolve; setTimeout(resolve, 5000); }); return cachedResponse; } }` },
  cacheddata: { code: `let cachedData = null; export default { async fetch(request) { if (cachedData) return new Response(cachedData); const response = new Response("Hello, world!"); cachedData = await response.text(); return new Response(cachedData, response); } }` },
  global: { code: `let seen = []; for (const f of [() => fetch("http://127.0.0.1/"), () => setTimeout(() => {}, 1), () => crypto.getRandomValues(new Uint8Array(1)), () => crypto.randomUUID()]) { try { f(); seen.push("fine"); } catch (e) { seen.push(e.name + ": " + e.message); } } seen.push("now " + Date.now()); export default { fetch() { return Response.json([...seen, Date.now() > 1e12]); } }` },
  waits: { code: `export default { fetch(request, env, ctx) { ctx.waitUntil(scheduler.wait(20).then(() => console.log("waited"))); return new Response("sent"); } }` },
  nowaits: { code: `export default { fetch() { scheduler.wait(20).then(() => console.log("never")); return new Response("sent"); } }` },
  toolong: { code: `export default { fetch(request, env, ctx) { ctx.waitUntil(scheduler.wait(600000)); return new Response("sent"); } }`, limits: { wait_until_ms: 100 } },
  rejectswait: { code: `export default { fetch(request, env, ctx) { ctx.waitUntil(Promise.reject(new TypeError("in the background"))); return new Response("sent"); } }` },
  gone: { code: `export default { async fetch(request, env, ctx) { console.log("started"); await scheduler.wait(600000); return new Response("no"); } }` },
  gonewaits: { code: `export default { async fetch(request, env, ctx) { ctx.waitUntil(scheduler.wait(50).then(() => console.log("after the client"))); await scheduler.wait(600000); return new Response("no"); } }`, limits: { wait_until_ms: 400 } },
  streamgone: { code: `export default { fetch() { return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(new Uint8Array(1000)); } })); } }` },
  interval: { code: `export default { fetch() { return new Promise((resolve) => { let n = 0; const id = setInterval(() => { if (++n === 5) { clearInterval(id); resolve(new Response("five")); } }, 1); }); } }` },
  thrown: { code: `export default { fetch() { throw { toString() { return "not an Error"; } }; } }` },
  errorresponse: { code: `export default { fetch() { return Response.error(); } }` },
  noresponse: { code: `export default { async fetch() { return "text"; } }` },
  nofetch: { code: `export default { scheduled() {} }` },
  timers: { code: `export default { fetch() { try { for (let i = 0; i < 10001; i++) setTimeout(() => {}, 1e6); } catch (e) { return new Response(e.name + ": " + e.message + " " + (e instanceof DOMException)); } } }` },
  bodies: { code: `export default { async fetch(request) { const out = []; const t = async (f) => { try { out.push(await f()); } catch (e) { out.push(e.name + ": " + e.message); } };
    const r = new Response("x"); await r.text(); await t(() => r.text()); const l = new Response("y"); l.body.getReader(); await t(() => l.text()); await t(() => new Response("z", { status: 42 }));
    await t(() => fetch("ftp://x/")); await t(() => fetch("no url")); await t(() => new Request("no url")); await t(() => new Request("http://h/", { cache: "force-cache" })); return Response.json(out); } }` },
};

test("a script's life", async (t) => {
  const weir = await startWeir(scripts);
  const expect = { hang: 1, nobodywrites: 1, otherspromise: 2, hangwait: 1, ctxdestructured: 1, ctxrebound: 1, illegal: 1, cached: 2,
    cacheddata: 2, global: 1, waits: 1, nowaits: 1, toolong: 1, rejectswait: 1, gone: 1, gonewaits: 1, streamgone: 1, interval: 1,
    thrown: 1, errorresponse: 1, noresponse: 1, nofetch: 1, timers: 1, bodies: 1 };
  const get = (script, path) => weir.request(script, path);
  const failed = async (script) => {
    const response = await get(script);
    assert.equal(response.status, 500, script);
    assert.match(response.text, /1101/, script);
  };

  await t.test("what can never settle is 1101 at once", async () => {
    await failed("hang");
    await failed("nobodywrites");
    assert.equal((await get("otherspromise")).text, "first");
    await failed("otherspromise");
    assert.equal((await get("hangwait")).text, "sent");
    assert.equal((await get("interval")).text, "five");
  });
  await t.test("a lost receiver is an illegal invocation", async () => {
    await failed("ctxdestructured");
    assert.equal((await get("ctxrebound")).text, "ok");
    const lines = JSON.parse((await get("illegal")).text);
    assert.equal(lines.length, 4);
    for (const line of lines.slice(0, 3)) assert.ok(line.includes(`TypeError: ${kIllegal}`), line);
    assert.equal(lines[3], "fetch: fine");
  });
  await t.test("an I/O object of another request is refused, its data is not", async () => {
    const first = get("cached");
    const [a, b] = await Promise.all([first, first.constructor.resolve().then(() => get("cached"))]);
    assert.deepEqual([a.status, b.status].sort(), [200, 500]);
    assert.equal((await get("cacheddata")).text, "Hello, world!");
    assert.equal((await get("cacheddata")).text, "Hello, world!");
  });
  await t.test("global scope does no I/O and has no clock", async () => {
    const lines = JSON.parse((await get("global")).text);
    assert.equal(lines.length, 6);
    for (const line of lines.slice(0, 4)) assert.ok(line.startsWith(`Error: ${kGlobal}`), line);
    assert.equal(lines[4], "now 0");
    assert.equal(lines[5], true);
  });
  await t.test("waitUntil goes on after the response, for its time", async () => {
    for (const script of ["waits", "nowaits", "toolong", "rejectswait"]) assert.equal((await get(script)).text, "sent");
  });
  await t.test("a client that leaves", async () => {
    const leave = (script, when) => new Promise((done) => {
      const request = http.get({ port: weir.port, host: "127.0.0.1", headers: { host: `${script}.local.workers.localhost` } });
      request.on("error", () => done());
      request.on("response", (response) => { response.on("error", () => {}); response.once("data", () => { request.destroy(); done(); }); });
      when(request);
    });
    await leave("gone", (request) => request.on("finish", () => setImmediate(() => request.destroy())));
    await leave("gonewaits", (request) => request.on("finish", () => setImmediate(() => request.destroy())));
    await leave("streamgone", () => {});
  });
  await t.test("what a handler may not return or throw", async () => {
    for (const script of ["thrown", "errorresponse", "noresponse", "nofetch"]) await failed(script);
  });
  await t.test("errors inside a script have their texts", async () => {
    assert.equal((await get("timers")).text, "QuotaExceededError: You have exceeded the number of active timeouts you may set. " +
      "max active timeouts: 10000, current active timeouts: 10000, finished timeouts: 0. true");
    assert.deepEqual(JSON.parse((await get("bodies")).text), [
      "TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice.",
      "TypeError: This ReadableStream is currently locked to a reader.",
      "RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive.",
      "TypeError: Fetch API cannot load: ftp://x/",
      "TypeError: Invalid URL: no url",
      "TypeError: Invalid URL: no url",
      "TypeError: Unsupported cache mode: force-cache",
    ]);
  });

  await weir.traced((traces) => Object.entries(expect).every(([name, n]) => traces.filter((one) => one.scriptName === name).length >= n));
  const { traces } = await weir.stop();
  await t.test("every end has its outcome", () => {
    let checked = 0;
    const of = (script) => traces.filter((one) => one.scriptName === script);
    const outcomes = { waits: "ok", nowaits: "ok", toolong: "ok", rejectswait: "exception", gone: "canceled", gonewaits: "canceled",
      streamgone: "responseStreamDisconnected", hang: "exception", hangwait: "exception", interval: "ok", thrown: "exception" };
    for (const [script, outcome] of Object.entries(outcomes)) {
      assert.equal(of(script).length, expect[script], script);
      assert.equal(of(script)[0].outcome, outcome, script);
      checked++;
    }
    assert.equal(checked, 11);
    for (const script of ["hang", "nobodywrites", "hangwait"]) assert.equal(of(script)[0].exceptions[0].message, kHung, script);
    assert.equal(of("otherspromise")[1].exceptions[0].message, kHung);
    const refused = of("cached").flatMap((one) => one.exceptions);
    assert.equal(refused.length, 1);
    assert.ok(refused[0].message.startsWith(kOther), refused[0].message);
    assert.match(refused[0].message, / \(I\/O type: \w+\)$/);
    assert.ok(of("ctxdestructured")[0].exceptions[0].message.startsWith(kIllegal));
    assert.deepEqual(of("waits")[0].logs.map((log) => log.message), [["waited"]]);
    assert.deepEqual(of("nowaits")[0].logs, []);
    assert.equal(of("toolong")[0].logs[0].level, "warn");
    assert.match(of("toolong")[0].logs[0].message[0], /^waitUntil\(\) tasks did not complete within the allowed time/);
    assert.equal(of("rejectswait")[0].exceptions[0].message, "in the background");
    assert.deepEqual(of("gone")[0].exceptions, []);
    assert.deepEqual(of("gonewaits")[0].logs.map((log) => log.message)[0], ["after the client"]);
    assert.equal(of("thrown")[0].exceptions[0].message, "not an Error");
    assert.equal(of("errorresponse")[0].exceptions[0].message, "Return value from serve handler must not be an error response (like Response.error())");
    assert.equal(of("noresponse")[0].exceptions[0].message, "Incorrect type for Promise: the Promise did not resolve to 'Response'.");
    assert.equal(of("nofetch")[0].exceptions[0].message, "Handler does not export a fetch() function.");
    assert.match(of("nofetch")[0].logs[0].message[0], /^Received a FetchEvent but we lack a handler for FetchEvents\./);
  });
});
