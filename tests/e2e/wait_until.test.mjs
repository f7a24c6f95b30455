// Work beside and behind the response: waitUntil(), its time, and what ends without it.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { connect } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const kTooLong = "waitUntil() tasks did not complete within the allowed time after invocation end and have been cancelled. " +
  "See: https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil";

const module = (body, more) => ({ code: `export default { async fetch(request, env, ctx) { const { ORIGIN: origin } = env; ${body} } }`, ...more });
// Five pieces, the last when the origin has answered.
const streamed = `new Response(new ReadableStream({ async pull(c) {
  this.n = (this.n ?? 0) + 1;
  if (this.n === 5) { await (await fetch(origin + "/last")).text(); c.close(); } else c.enqueue(new TextEncoder().encode("piece"));
} }))`;

const scripts = {
  imported: { code: `import { waitUntil } from "cloudflare:workers"; export default { fetch() { waitUntil(scheduler.wait(5).then(() => console.log("waited"))); return new Response("sent"); } }` },
  event: { code: `addEventListener("fetch", (event) => { event.waitUntil(scheduler.wait(5).then(() => console.log("waited"))); event.respondWith(new Response("sent")); });` },
  many: module(`ctx.waitUntil(Promise.reject(new Error("one fails"))); ctx.waitUntil("no promise"); ctx.waitUntil(undefined);
    ctx.waitUntil(scheduler.wait(5).then(() => console.log("another goes on")));
    ctx.waitUntil(scheduler.wait(10).then(() => ctx.waitUntil(scheduler.wait(10).then(() => console.log("one from within")))));
    ctx.waitUntil({ then(resolve) { setTimeout(() => { console.log("a thenable"); resolve(); }, 7); } });
    return new Response("sent");`),
  none: module(`try { ctx.waitUntil(); } catch (error) { return new Response(error.name); }`),
  toolong: module(`ctx.waitUntil(fetch(origin + "/held").then(() => console.log("never"))); ctx.waitUntil(scheduler.wait(600_000)); return new Response("sent");`, { limits: { wait_until_ms: 50 } }),
  shared: module(`ctx.waitUntil(scheduler.wait(5).then(() => console.log("in time"))); ctx.waitUntil(new Promise((resolve) => setInterval(() => {}, 1))); return new Response("sent");`, { limits: { wait_until_ms: 100 } }),
  unwaited: module(`fetch(origin + "/held"); await fetch(origin + "/reached"); setTimeout(() => console.log("never"), 1); return new Response("sent");`),
  streams: module(`fetch(origin + "/held"); let n = 0; setInterval(() => n++ === 3 && console.log("beside the body"), 1); return ${streamed};`),
  gone: module(`ctx.waitUntil(fetch(origin + "/held").then((r) => r.text()).then((text) => console.log(text))); await fetch(origin + "/silent");`),
  gonetoolong: module(`ctx.waitUntil(scheduler.wait(600_000)); await fetch(origin + "/silent");`, { limits: { wait_until_ms: 50 } }),
  spins: module(`ctx.waitUntil(scheduler.wait(1).then(() => { for (;;); })); return new Response("sent");`, { limits: { cpu_ms: 30 } }),
};

test("waitUntil", async (t) => {
  const held = [], ended = [], waiting = [];
  const origin = http.createServer((request, response) => {
    response.on("close", () => { if (!response.writableFinished) ended.push(request.url); });
    if (request.url === "/reached") waiting.push(response);
    else held.push(request.url === "/silent" ? null : response);
    if (held.length > 0) for (const one of waiting.splice(0)) one.end();
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  for (const one of Object.values(scripts)) one.vars = { ORIGIN: `http://localhost:${origin.address().port}` };
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  t.after(() => weir.stop());
  const until = async (ready) => { while (!ready()) await new Promise(setImmediate); };
  const traceOf = async (script) => (await weir.traced((all) => all.some((one) => one.scriptName === script))).find((one) => one.scriptName === script);
  const said = (trace) => trace.logs.map((log) => log.message.join(" "));
  const sent = async (script) => assert.deepEqual([(await weir.request(script)).text], ["sent"]);

  await t.test("ctx's, the event's and the imported one keep an invocation going behind its response", async () => {
    for (const script of ["imported", "event"]) {
      await sent(script);
      const trace = await traceOf(script);
      assert.deepEqual([trace.outcome, said(trace)], ["ok", ["waited"]]);
    }
  });
  await t.test("any number, as Promise.allSettled: one that fails is recorded and ends no other", async () => {
    await sent("many");
    const trace = await traceOf("many");
    assert.deepEqual([trace.outcome, trace.exceptions.map((one) => one.message), said(trace)],
      ["exception", ["one fails"], ["another goes on", "a thenable", "one from within"]]);
    assert.equal((await weir.request("none")).text, "TypeError");
  });
  await t.test("what is not done in time is cancelled with a warning, and the outcome stays", async () => {
    await sent("toolong");
    const trace = await traceOf("toolong");
    assert.deepEqual([trace.outcome, trace.exceptions, trace.logs.map((log) => [log.level, ...log.message])], ["ok", [], [["warn", kTooLong]]]);
    assert.ok(trace.wallTime >= 50, `${trace.wallTime}`);
    await until(() => ended.includes("/held"));
    held.length = ended.length = 0;
  });
  await t.test("the time is one for all of them", async () => {
    await sent("shared");
    assert.deepEqual(said(await traceOf("shared")), ["in time", kTooLong]);
  });
  await t.test("without it what is left ends with the response", async () => {
    await sent("unwaited");
    const trace = await traceOf("unwaited");
    assert.deepEqual([trace.outcome, said(trace), trace.exceptions], ["ok", [], []]);
    await until(() => ended.includes("/held"));
    held.length = ended.length = 0;
  });
  await t.test("… which is when its body has been sent, and not before", async () => {
    const answer = weir.request("streams");
    await until(() => held.length === 2);
    assert.deepEqual(ended, []);
    held.find((response) => response.req.url === "/last").end();
    assert.equal((await answer).text, "piece".repeat(4));
    const trace = await traceOf("streams");
    assert.equal(trace.outcome, "ok");
    await until(() => ended.includes("/held"));
    held.length = ended.length = 0;
  });
  await t.test("it goes on when the client has gone, for as long", async () => {
    for (const script of ["gone", "gonetoolong"]) {
      const client = await connect(weir.port);
      client.send(`GET / HTTP/1.1\r\nHost: ${script}.local.workers.localhost\r\n\r\n`);
      await until(() => held.includes(null));
      if (script === "gone") await until(() => held.length === 2);
      client.socket.destroy();
      if (script === "gone") {
        held.find((response) => response !== null).end("the report is in");
      }
      const trace = await traceOf(script);
      assert.deepEqual([trace.outcome, said(trace), trace.exceptions], ["canceled", [script === "gone" ? "the report is in" : kTooLong], []], script);
      await until(() => ended.includes("/silent"));  // nothing of the handler is left
      held.length = ended.length = 0;
    }
  });
  await t.test("its CPU time is the invocation's", async () => {
    await sent("spins");
    const trace = await traceOf("spins");
    assert.deepEqual([trace.outcome, trace.event.response.status, trace.exceptions[0].message], ["exceededCpu", 200, "Worker exceeded CPU time limit."]);
  });
});
