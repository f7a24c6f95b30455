// Requests that can never be answered are found at once, each way there is of never settling; what may still settle is left
// alone (runtime_errors.test.mjs, hang_stress.test.mjs; sockets: websocket.test.mjs).
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { startWeir, tryCommand } from "./weir.mjs";

const kHung = "The Workers runtime canceled this request because it detected that your Worker's code had hung and would " +
  "never generate a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";

const module = (body, more) => ({ code: `export default { async fetch(request, env, ctx) { ${body} } }`, ...more });
const cron = (body) => ({ code: `export default { scheduled(controller, env, ctx) { ${body} } }`, crons: ["0 0 1 1 *"] });

// What never settles, and is 1101.
const rows = {
  promise: module(`return new Promise(() => {});`),
  withresolvers: module(`const { promise } = Promise.withResolvers(); await promise; return new Response("no");`),
  thenable: module(`return { then() {} };`),
  forgotten: module(`await Promise.all([1, scheduler.wait(1), new Promise(() => {})]); return new Response("no");`),
  cleared: module(`await new Promise((resolve) => clearTimeout(setTimeout(resolve, 1))); return new Response("no");`),
  nobodywrites: module(`await new TransformStream().readable.getReader().read(); return new Response("no");`),
  nobodyreads: module(`const writer = new IdentityTransformStream().writable.getWriter(); await writer.write(new Uint8Array(1)); return new Response("no");`),
  localpair: module(`const [a, b] = Object.values(new WebSocketPair()); a.accept(); b.accept(); await new Promise((resolve) => b.addEventListener("message", resolve)); return new Response("no");`),
  listener: module(`await new Promise((resolve) => new AbortController().signal.addEventListener("abort", resolve)); return new Response("no");`),
  afterfetch: module(`await (await fetch(env.ORIGIN)).text(); await new Promise(() => {});`),
  afterwait: module(`ctx.waitUntil(scheduler.wait(5)); await new Promise(() => {});`),
  event: { code: `addEventListener("fetch", (event) => event.respondWith(new Promise(() => {})));` },
};
const background = {
  waits: module(`ctx.waitUntil(new Promise(() => {})); return new Response("whole");`),
  waitsbehind: module(`ctx.waitUntil(scheduler.wait(5).then(() => new Promise(() => {}))); return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(new TextEncoder().encode("whole")); c.close(); } }));`),
  waitsevent: { code: `addEventListener("fetch", (event) => { event.waitUntil(new Promise(() => {})); event.respondWith(new Response("whole")); });` },
};
const crons = {
  cron: cron(`return new Promise(() => {});`),
  cronwaits: cron(`ctx.waitUntil(new Promise(() => {}));`),
};
const others = {
  body: module(`return new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("begun")); }, pull() { return new Promise(() => {}); } }));`),
  // The other request's timer would have settled it.
  ended: { code: `let later; export default { async fetch(request) {
    if (!later) { later = scheduler.wait(20); return new Response("over"); }
    await later; return new Response("no");
  } }` },
  spins: module(`await scheduler.wait(1); for (;;);`, { limits: { cpu_ms: 30 } }),
  caller: module(`try { await env.CALLEE.fetch("http://x/"); } catch (error) { return new Response(error.message); }`, { services: { CALLEE: "promise" } }),
};

test("what never settles", async (t) => {
  const origin = http.createServer((request, response) => response.end("ok")).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const scripts = { ...rows, ...background, ...crons, ...others };
  rows.afterfetch.vars = { ORIGIN: `http://localhost:${origin.address().port}` };
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  t.after(() => weir.stop());
  const traceOf = async (script, count = 1) =>
    (await weir.traced((all) => all.filter((one) => one.scriptName === script).length >= count)).filter((one) => one.scriptName === script).at(-1);
  const isHung = (trace, status) => {
    assert.deepEqual([trace.outcome, trace.exceptions.map((one) => `${one.name}: ${one.message}`)], ["exception", [`Error: ${kHung}`]]);
    assert.equal(trace.event.response?.status, status);
  };

  for (const script of Object.keys(rows)) {
    await t.test(`${script}: 1101`, async () => {
      const { status, text } = await weir.request(script);
      assert.deepEqual([status, text], [500, "error code: 1101\n"]);
      isHung(await traceOf(script), 500);
    });
  }
  for (const script of Object.keys(background)) {
    await t.test(`${script}: recorded, and the client has its response`, async () => {
      const { status, text } = await weir.request(script);
      assert.deepEqual([status, text], [200, "whole"]);
      isHung(await traceOf(script), 200);
    });
  }
  for (const script of Object.keys(crons)) {
    await t.test(`${script}: a run that fails`, async () => {
      const [, port] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)/);
      assert.equal((await tryCommand(weir, "trigger", "cron", script, "--control", `127.0.0.1:${port}`)).stdout, `${script}: exception\n`);
      isHung(await traceOf(script), undefined);
    });
  }
  await t.test("a body that nobody goes on with is cut", async () => {
    await assert.rejects(weir.request("body"), /aborted|hang up|ECONNRESET/);
    isHung(await traceOf("body"), 200);
  });
  await t.test("a promise of a request that is over", async () => {
    assert.equal((await weir.request("ended")).text, "over");
    await traceOf("ended");
    assert.equal((await weir.request("ended")).text, "error code: 1101\n");
    isHung(await traceOf("ended", 2), 500);
  });
  await t.test("a limit that was passed is what is told instead", async () => {
    assert.equal((await weir.request("spins")).text, "error code: 1102\n");
    const trace = await traceOf("spins");
    assert.deepEqual([trace.outcome, trace.exceptions.map((one) => one.message)], ["exceededCpu", ["Worker exceeded CPU time limit."]]);
  });
  await t.test("a script that is called: its caller hears of it", async () => {
    assert.equal((await weir.request("caller")).text, kHung);
    isHung(await traceOf("promise", 2), 500);
    assert.equal((await traceOf("caller")).outcome, "ok");
  });
});
