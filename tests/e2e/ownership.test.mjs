// What belongs to one request: every kind of I/O object in the hands of another request, and when its own is over.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { startWeir } from "./weir.mjs";

const kOther = "Error: Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and " +
  "others) created in the context of one request handler cannot be accessed from a different request's handler. This is a " +
  "limitation of Cloudflare Workers which allows us to improve overall performance.";
const kHung = /^The Workers runtime canceled this request because it detected that your Worker's code had hung/;

// What /keep leaves in a global variable.
const keeps = `{
  controller: new AbortController(), timeout: AbortSignal.timeout(600_000), client: request.signal,
  fetched: await fetch(origin + "/open"), reader: (await fetch(origin + "/open")).body.getReader(),
  writer: new IdentityTransformStream().writable.getWriter(), identity: new IdentityTransformStream(),
  incoming: request, made: new Request(origin, { method: "POST", body: "made" }), bodyless: new Request(origin),
  response: new Response("text"), empty: new Response(null, { status: 204 }),
  server: Object.values(new WebSocketPair())[1], upstream: (await fetch(sockets, { headers: { upgrade: "websocket" } })).webSocket,
  timer: setTimeout(() => console.log("the timer fired"), 30), later: fetch(origin + "/later"),
  bytes: new Uint8Array([1, 2, 3]), headers: new Headers({ a: "b" }), url: new URL(origin), form: new FormData(), blob: new Blob(["blob"]),
  stream: new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); } }),
  env, ctx,
}`;

const kSignal = "RefcountedCanceler", kSource = "ReadableStreamSource", kBytes = "BodyBufferInputStream", kSink = "WritableStreamSink", kNative = "Native";
// What another request does with it -> its (I/O type: X).
const refused = {
  "kept.controller.abort()": kSignal,
  "fetch(origin, { signal: kept.controller.signal })": kSignal,
  "fetch(origin, { signal: kept.timeout })": kSignal,
  "fetch(origin, { signal: kept.client })": kSignal,
  "scheduler.wait(1, { signal: kept.controller.signal })": kSignal,
  "AbortSignal.any([kept.controller.signal])": kSignal,
  "kept.fetched.text()": kSource, "kept.fetched.arrayBuffer()": kSource, "kept.fetched.json()": kSource, "kept.fetched.blob()": kSource,
  "kept.fetched.bytes()": kSource, "kept.fetched.formData()": kSource, "kept.fetched.clone()": kSource,
  "kept.fetched.body.getReader()": kSource, "kept.fetched.body.cancel()": kSource, "kept.fetched.body.tee()": kSource,
  "kept.fetched.body.pipeTo(new WritableStream())": kSource, "kept.fetched.body.pipeThrough(new TransformStream())": kSource,
  "(async () => { for await (const chunk of kept.fetched.body) return chunk; })()": kSource,
  "new Response(kept.fetched.body)": kSource, "fetch(origin, { method: 'POST', body: kept.fetched.body })": kSource,
  "kept.reader.read()": kSource, "kept.reader.cancel()": kSource,
  "kept.writer.write(new Uint8Array(1))": kSink, "kept.writer.close()": kSink, "kept.writer.abort()": kSink,
  "kept.identity.writable.getWriter()": kSink, "kept.identity.readable.getReader()": kSource,
  "kept.incoming.text()": kBytes, "kept.incoming.clone()": kBytes, "new Request(kept.incoming)": kBytes, "fetch(kept.incoming)": kBytes,
  "kept.made.text()": kBytes, "fetch(kept.made)": kBytes, "kept.env.BACK.fetch(kept.made)": kBytes,
  "kept.response.text()": kBytes, "kept.response.clone()": kBytes, "kept.response.body.getReader()": kSource,
  "kept.server.accept()": kNative, "kept.server.send('x')": kNative, "kept.server.close()": kNative,
  "kept.upstream.accept()": kNative, "kept.upstream.send('x')": kNative, "kept.upstream.close()": kNative,
};
// What it may do.
const shared = {
  "kept.response.status": "200", "kept.response.headers.get('content-type')": "text/plain;charset=UTF-8", "kept.response.bodyUsed": "false",
  "kept.incoming.method": "POST", "kept.incoming.headers.get('x-mine')": "yes", "kept.empty.status": "204", "kept.controller.signal.aborted": "false",
  "kept.bytes.join()": "1,2,3", "kept.headers.get('a')": "b", "kept.url.href.length > 0": "true", "kept.form.has('x')": "false", "kept.blob.text()": "blob",
  "new Response(kept.bytes).arrayBuffer().then((all) => all.byteLength)": "3",
  "crypto.subtle.digest('SHA-256', kept.bytes).then((all) => all.byteLength)": "32",
  "fetch(kept.bodyless).then((r) => r.text())": "ok", "kept.env.BACK.fetch('http://back/').then((r) => r.text())": "back",
  "kept.stream.getReader().read().then(({ value }) => value.length)": "1",
  "clearTimeout(kept.timer)": "undefined",
};

const nth = (table) => Object.keys(table).map((what, i) => `${i}: () => ${what}`).join(",\n");
const code = `let kept, ticks = 0, socket;
export default { async fetch(request, env, ctx) {
  const { ORIGIN: origin, SOCKETS: sockets } = env;
  const { pathname, searchParams } = new URL(request.url);
  switch (pathname) {
    case "/keep":
      kept = ${keeps};
      await fetch(origin + "/held");
      return new Response("over");
    case "/refused": case "/shared": {
      const use = (pathname === "/refused" ? { ${nth(refused)} } : { ${nth(shared)} })[searchParams.get("n")];
      try { return new Response(String(await use())); } catch (error) { return new Response(error.name + ": " + error.message); }
    }
    case "/return": return kept.response;
    case "/returnempty": return kept.empty;
    case "/promise": {
      const alive = setTimeout(() => {}, 600_000);
      const response = await kept.later;
      try { await response.text(); } catch (error) { return new Response(response.status + " " + error.message); }
    }
    case "/pending": kept = fetch(origin + "/never"); return new Response("left");
    case "/waits": return kept;
    case "/work":
      setInterval(() => ticks++, 1);
      kept = [await fetch(origin + "/open"), fetch(origin + "/never"), (await fetch(sockets, { headers: { upgrade: "websocket" } })).webSocket];
      while (ticks === 0) await scheduler.wait(1);
      return new Response("done");
    case "/ticks": return new Response(String(ticks));
    case "/context": ctx.waitUntil(scheduler.wait(1)); kept = ctx; return new Response("kept");
    case "/usecontext":
      kept.waitUntil(scheduler.wait(5).then(() => console.log("waited for")));
      return new Response("used");
  }
} };`;

test("ownership", async (t) => {
  const held = [], ended = [], seen = [];
  const origin = http.createServer((request, response) => {
    seen.push(request.url);
    response.on("close", () => { if (!response.writableFinished) ended.push(request.url); });
    if (request.url === "/open") response.write("x");
    else if (request.url === "/held" || request.url === "/later") held.push(response);
    else if (request.url !== "/never") response.end("ok");
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(sockets, "listening");
  t.after(() => { for (const one of sockets.clients) one.terminate(); sockets.close(); });
  const vars = { ORIGIN: `http://localhost:${origin.address().port}`, SOCKETS: `http://localhost:${sockets.address().port}` };
  const scripts = { s: { code, vars, services: { BACK: "back" }, date: "2026-11-17" }, back: { code: `export default { fetch() { return new Response("back"); } }` } };
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  let stopped = false;
  t.after(() => stopped || weir.stop());
  const ask = async (path, init) => (await weir.request("s", path, init)).text;
  const until = async (ready) => { while (!ready()) await new Promise(setImmediate); };

  const first = ask("/keep", { method: "POST", body: "incoming", headers: { "x-mine": "yes" } });
  await until(() => held.length === 2);
  for (const [i, what] of Object.keys(refused).entries()) {
    await t.test(`refused: ${what}`, async () => assert.equal(await ask(`/refused?n=${i}`), `${kOther} (I/O type: ${refused[what]})`));
  }
  for (const [i, what] of Object.keys(shared).entries()) {
    await t.test(`shared: ${what}`, async () => assert.equal(await ask(`/shared?n=${i}`), shared[what]));
  }
  await t.test("a Response is not another's to return, unless it has no body", async () => {
    assert.equal(await ask("/return"), "error code: 1101\n");
    assert.equal((await weir.request("s", "/returnempty")).status, 204);
  });
  await t.test("a subrequest's promise may be waited for, its body not be read", async () => {
    const waits = ask("/promise");
    assert.equal(await ask("/ticks"), "0");  // it waits by now
    held.splice(held.findIndex((response) => response.req.url === "/later"), 1)[0].end("late");
    assert.equal(await waits, `200 ${kOther.slice("Error: ".length)} (I/O type: ${kSource})`);
  });
  await t.test("when its own request is over it is the same", async () => {
    held.pop().end();
    assert.equal(await first, "over");
    for (const [i, what] of Object.keys(refused).entries()) {
      assert.equal(await ask(`/refused?n=${i}`), `${kOther} (I/O type: ${refused[what]})`, what);
    }
  });
  await t.test("a promise of a request that is over never settles: a hang", async () => {
    assert.equal(await ask("/pending"), "left");
    assert.equal(await ask("/waits"), "error code: 1101\n");
    const traces = await weir.traced((all) => all.some((one) => one.event.request?.url.endsWith("/waits")));
    assert.match(traces.find((one) => one.event.request?.url.endsWith("/waits")).exceptions[0].message, kHung);
  });
  await t.test("bodies, subrequests, timers and sockets end with their request, though a global holds them", async () => {
    ended.length = 0;
    const before = sockets.clients.size;
    const gone = once(sockets, "connection").then(([socket]) => once(socket, "close"));
    assert.equal(await ask("/work"), "done");
    await until(() => ended.includes("/open") && ended.includes("/never"));
    assert.equal((await gone)[0], 1001);
    assert.equal(sockets.clients.size, before);
    const ticks = await ask("/ticks");
    for (let i = 0; i < 5; i++) await ask("/shared?n=0");
    assert.equal(await ask("/ticks"), ticks);
  });
  await t.test("a kept ctx does for the request that uses it what that asks of it", async () => {
    assert.equal(await ask("/context"), "kept");
    await weir.traced((all) => all.some((one) => one.event.request?.url.endsWith("/context")));
    assert.equal(await ask("/usecontext"), "used");
    const traces = await weir.traced((all) => all.some((one) => one.event.request?.url.endsWith("/usecontext")));
    assert.deepEqual(traces.find((one) => one.event.request?.url.endsWith("/usecontext")).logs.map((log) => log.message), [["waited for"]]);
  });
  const { traces } = await weir.stop();
  stopped = true;
  await t.test("nobody can clear another's timer", () => {
    const keep = traces.find((one) => one.event.request?.url.endsWith("/keep"));
    assert.deepEqual(keep.logs.map((log) => log.message), [["the timer fired"]]);
  });
  await t.test("uncaught, it is an exception of the trace", () => {
    const returned = traces.find((one) => one.event.request?.url.endsWith("/return"));
    assert.deepEqual([returned.outcome, `${returned.exceptions[0].name}: ${returned.exceptions[0].message}`], ["exception", `${kOther} (I/O type: ${kBytes})`]);
  });
});
