// Nobody is called hung who is not, and everybody who is: random nests of timers, fetches, streams and promises.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { randomOf } from "./random.mjs";
import { startWeir } from "./weir.mjs";

const kRequests = 600;
const kAtOnce = 16;

// A plan is a tree: [kind, ...]; its value is the sum of its leaves, or nothing when it can never settle.
const interpreter = `
  const origin = { url: "" };
  async function read(stream) { let n = 0; for await (const chunk of stream) n += chunk.length; return n; }
  function streamOf(n) {
    return new ReadableStream({ async pull(c) { if (n-- <= 0) return c.close(); if (n % 3 === 0) await scheduler.wait(0); c.enqueue(new Uint8Array(1)); } });
  }
  async function run([kind, ...rest], ctx) {
    switch (kind) {
      case "leaf": return rest[0];
      case "timer": await new Promise((resolve) => setTimeout(resolve, rest[0])); return run(rest[1], ctx);
      case "interval": { let left = rest[0]; await new Promise((resolve) => { const id = setInterval(() => { if (--left <= 0) { clearInterval(id); resolve(); } }, 1); }); return run(rest[1], ctx); }
      case "micro": for (let i = 0; i < rest[0]; i++) await null; return run(rest[1], ctx);
      case "thenable": await { then(resolve) { queueMicrotask(resolve); } }; return run(rest[0], ctx);
      case "fetch": { const response = await fetch(origin.url + "/" + rest[0]); const n = Number(await response.text()); return n + await run(rest[1], ctx); }
      case "unread": { await fetch(origin.url + "/" + rest[0]); return run(rest[1], ctx); }
      case "stream": return await read(streamOf(rest[0])) + await run(rest[1], ctx);
      case "through": {
        const { readable, writable } = new TransformStream();
        const [n] = await Promise.all([read(readable), streamOf(rest[0]).pipeTo(writable)]);
        return n + await run(rest[1], ctx);
      }
      case "tee": { const [a, b] = streamOf(rest[0]).tee(); return await read(a) + await read(b) + await run(rest[1], ctx); }
      case "upload": { const response = await fetch(origin.url + "/length", { method: "POST", body: streamOf(rest[0]) }); return Number(await response.text()) + await run(rest[1], ctx); }
      case "abort": { const c = new AbortController(); const p = fetch(origin.url + "/never", { signal: c.signal }); setTimeout(() => c.abort(), rest[0]); try { await p; } catch {} return run(rest[1], ctx); }
      case "all": return (await Promise.all(rest[0].map((one) => run(one, ctx)))).reduce((a, b) => a + b, 0);
      case "race": await Promise.race(rest[0].map((one) => run(one, ctx))); return 1;
      case "background": ctx.waitUntil(run(rest[0], ctx)); return run(rest[1], ctx);
      case "hang": return new Promise(() => {});
      case "hangstream": await new TransformStream().readable.getReader().read(); return 0;
    }
  }
  export default { async fetch(request, env, ctx) {
    const { plan, url, streamed } = JSON.parse(request.headers.get("x-plan"));
    origin.url = url;
    if (!streamed) return new Response(String(await run(plan, ctx)));
    return new Response(new ReadableStream({ async pull(c) { c.enqueue(new TextEncoder().encode(String(await run(plan, ctx)))); c.close(); } }));
  } }`;

function makePlan(random, depth, hangs) {
  const below = (n) => Math.floor(random() * n);
  const next = () => makePlan(random, depth - 1, hangs);
  if (depth <= 0) return hangs && below(6) === 0 ? [below(2) === 0 ? "hang" : "hangstream"] : ["leaf", below(10)];
  const some = () => Array.from({ length: 1 + below(3) }, next);
  switch (below(14)) {
    case 0: return ["timer", below(4), next()];
    case 1: return ["interval", 1 + below(3), next()];
    case 2: return ["micro", below(20), next()];
    case 3: return ["thenable", next()];
    case 4: case 5: return ["fetch", below(5), next()];
    case 6: return ["unread", below(3), next()];
    case 7: return ["stream", below(12), next()];
    case 8: return ["through", below(12), next()];
    case 9: return ["tee", below(8), next()];
    case 10: return ["upload", below(12), next()];
    case 11: return ["abort", below(3), next()];
    case 12: return ["all", some()];
    default: return below(4) === 0 ? ["background", makePlan(random, depth - 1, false), next()] : ["race", some()];
  }
}

/** undefined: it never settles. */
function valueOf([kind, ...rest]) {
  const plus = (n, plan) => { const value = valueOf(plan); return value === undefined ? undefined : n + value; };
  switch (kind) {
    case "leaf": return rest[0];
    case "timer": case "interval": case "micro": case "unread": case "abort": case "background": return valueOf(rest[1]);
    case "thenable": return valueOf(rest[0]);
    case "fetch": case "stream": case "through": case "upload": return plus(rest[0], rest[1]);
    case "tee": return plus(2 * rest[0], rest[1]);
    case "all": return rest[0].map(valueOf).reduce((a, b) => (a === undefined || b === undefined ? undefined : a + b), 0);
    case "race": return rest[0].some((one) => valueOf(one) !== undefined) ? 1 : undefined;
    default: return undefined;
  }
}

test("hangs and only hangs are found", async (t) => {
  const seed = Number(process.env.WEIR_SEED ?? 20_240_917);
  t.diagnostic(`seed ${seed} (WEIR_SEED=n for another)`);
  const random = randomOf(seed);
  const weir = await startWeir({ nests: { code: interpreter, limits: { subrequests: 10_000 } } });
  t.after(() => weir.stop());
  const origin = http.createServer(async (request, response) => {
    if (request.url === "/never") return;
    if (request.url === "/length") {
      let n = 0;
      try {
        for await (const chunk of request) n += chunk.length;
      } catch {
        return;  // its invocation ended without it: it lost a race
      }
      response.end(String(n));
      return;
    }
    if (request.url === "/4") { response.write(""); setTimeout(() => response.end("4"), 1); return; }
    if (request.url === "/3") { response.flushHeaders(); setImmediate(() => response.end("3")); return; }
    response.end(request.url.slice(1));
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const url = `http://localhost:${origin.address().port}`;
  const plans = Array.from({ length: kRequests }, (_, i) => ({ plan: makePlan(random, 1 + (i % 4), i % 3 === 0), url, streamed: i % 7 === 0 }));
  let next = 0;
  let hung = 0;
  let answered = 0;
  await Promise.all(Array.from({ length: kAtOnce }, async () => {
    for (let i = next++; i < plans.length; i = next++) {
      const expected = valueOf(plans[i].plan);
      const headers = { "x-plan": JSON.stringify(plans[i]), "x-number": String(i) };
      const what = `seed ${seed}, request ${i}: ${headers["x-plan"]}`;
      if (expected === undefined && plans[i].streamed) {
        await assert.rejects(weir.request("nests", "/", { headers }), /aborted|hang up|ECONNRESET/, what);
        hung++;
        continue;
      }
      const answer = await weir.request("nests", "/", { headers });
      if (expected === undefined) {
        assert.deepEqual([answer.status, answer.text], [500, "error code: 1101\n"], what);
        hung++;
      } else {
        assert.deepEqual([answer.status, answer.text], [200, String(expected)], what);
        answered++;
      }
    }
  }));
  assert.ok(hung >= 20 && answered >= 400, `${hung} hung, ${answered} answered`);
  const traces = await weir.traced((all) => all.length >= kRequests);
  const called = traces.filter((one) => one.exceptions.some((e) => /had hung/.test(e.message)));
  assert.equal(called.length, hung);
  assert.equal(traces.filter((one) => one.outcome !== "ok").length, hung);
});
