// What goes wrong inside a script, each provoked for real, with its class, its text and its marks.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const kOther = "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, and " +
  "others) created in the context of one request handler cannot be accessed from a different request's handler. This is a " +
  "limitation of Cloudflare Workers which allows us to improve overall performance.";
const kGlobal = "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, " +
  "and generating random values are not allowed within global scope. To fix this error, perform this operation within a " +
  "handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/";

const caught = (body) => ({ code: `export default { async fetch(request, env, ctx) {
  const url = request.headers.get("x-url");
  try { ${body} } catch (e) { return Response.json([e.name, e.message, e.retryable, e instanceof Error]); }
  return new Response("nothing was thrown");
} }` });

const globals = {
  fetch: `fetch("http://127.0.0.1/")`, setTimeout: `setTimeout(() => {}, 1)`, setInterval: `setInterval(() => {}, 1)`,
  wait: `scheduler.wait(1)`, getRandomValues: `crypto.getRandomValues(new Uint8Array(1))`, randomUUID: `crypto.randomUUID()`,
  webSocket: `new WebSocket("ws://127.0.0.1/")`, abortTimeout: `AbortSignal.timeout(1)`,
};

// One request keeps these; another uses them.
const keeps = `{
  response: new Response("text"), request: new Request("http://x/", { method: "POST", body: "text" }),
  incoming: request, fetched: await fetch(url + "/open"), reader: (await fetch(url + "/open")).body.getReader(),
  writer: new IdentityTransformStream().writable.getWriter(), stream: new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); } }),
  socket: Object.values(new WebSocketPair())[1],
}`;
const uses = {
  response: ["kept.response.text()", "BodyBufferInputStream"], request: ["kept.request.text()", "BodyBufferInputStream"],
  clone: ["kept.response.clone()", "BodyBufferInputStream"], incoming: ["kept.incoming.text()", "BodyBufferInputStream"],
  fetched: ["kept.fetched.text()", "ReadableStreamSource"], body: ["kept.fetched.body.getReader()", "ReadableStreamSource"],
  reader: ["kept.reader.read()", "ReadableStreamSource"], passed: ["new Response(kept.fetched.body)", "ReadableStreamSource"],
  writer: ["kept.writer.write(new Uint8Array(1))", "WritableStreamSink"],
  send: ["kept.socket.send('x')", "Native"], accept: ["kept.socket.accept()", "Native"],
};

const scripts = {
  cut: caught(`await (await fetch(url + "/cut")).text();`),
  refusedhead: caught(`await fetch(url + "/reset");`),
  known: caught(`await (await fetch(url + "/known"))[new URL(request.url).pathname.slice(1)]();`),
  unknown: caught(`await (await fetch(url + "/unknown"))[new URL(request.url).pathname.slice(1)]();`),
  uploaded: { ...caught(`await request[new URL(request.url).pathname.slice(1)]();`), limits: { memory_mb: 64 } },
  called: { ...caught(`await (await env.BACK.fetch("http://back/", { headers: { "x-url": url } })).text();`), services: { BACK: "large" } },
  large: { code: `export default { fetch(request) { return fetch(request.headers.get("x-url") + "/unknown"); } }` },
  cutbody: caught(`const reader = (await fetch(url + "/cut")).body.getReader(); for (;;) if ((await reader.read()).done) break;`),
  cutpipe: caught(`await (await fetch(url + "/cut")).body.pipeTo(new WritableStream());`),
  fetchget: caught(`const r = new Response("x"); await r.json().catch(() => {}); new Response(r.body);`),
  cloned: caught(`const r = new Response("x"); await r.text(); r.clone();`),
  lockedclone: caught(`const r = new Response("x"); r.body.getReader(); r.clone();`),
  lockedpipe: caught(`const r = new Response("x"); r.body.getReader(); await r.body.pipeTo(new WritableStream());`),
  lockedreader: caught(`const r = new Response("x"); r.body.getReader(); r.body.getReader();`),
  statushigh: caught(`new Response("", { status: 600 });`),
  norequesturl: caught(`new Request("//");`),
  many: { ...caught(`for (let i = 0; i < 10; i++) await (await fetch(url + "/")).text();`), limits: { subrequests: 3 } },
  redirects: caught(`await fetch(url + "/round");`),
  used: caught(`const r = new Response("x"); await r.text(); await r.text();`),
  locked: caught(`const r = new Response("x"); r.body.getReader(); await r.text();`),
  status: caught(`new Response("", { status: 199 });`),
  scheme: caught(`await fetch("ftp://x/");`),
  nourl: caught(`await fetch("nothing");`),
  cache: caught(`new Request("http://x/", { cache: "only-if-cached" });`),
  timers: caught(`for (let i = 0; i < 10001; i++) setTimeout(() => {}, 1e6);`),
  abort: caught(`const c = new AbortController(); const p = fetch(url + "/silent", { signal: c.signal }); setTimeout(() => c.abort(), 1); await p;`),
  randomlong: caught(`crypto.getRandomValues(new Uint8Array(65537));`),
  pieces: { code: `export default { async fetch(request) { let n = 0; for await (const piece of (await fetch(request.headers.get("x-url") + "/unknown")).body) n += piece.length; return new Response(String(n)); } }` },
  errorresponse: { code: `export default { fetch() { return Response.error(); } }` },
  noresponse: { code: `export default { fetch() {} }` },
  websocket: { code: `export default { fetch() { const [client, server] = Object.values(new WebSocketPair()); server.accept(); return new Response(null, { status: 101, webSocket: client }); } }` },
  global: { code: `const said = {}; ${Object.entries(globals).map(([name, what]) => `try { const r = ${what}; said.${name} = "fine"; r?.catch?.((e) => { said.${name} = e.name + ": " + e.message; }); } catch (e) { said.${name} = e.name + ": " + e.message; }`).join("\n")}
    export default { fetch() { return Response.json(said); } }` },
  keeps: { code: `let kept; export default { async fetch(request) {
    const url = request.headers.get("x-url");
    if (url) { kept = ${keeps}; await fetch(url + "/held"); return new Response("kept until here"); }
    const use = { ${Object.entries(uses).map(([name, [what]]) => `${name}: () => ${what}`).join(", ")} }[new URL(request.url).pathname.slice(1)];
    try { const r = await use(); return new Response("no error: " + r); } catch (e) { return new Response(e.name + ": " + e.message); }
  } }` },
  returns: { code: `let kept; export default { async fetch(request) { if (kept) return kept; kept = new Response("x"); await fetch(request.headers.get("x-url") + "/held"); return new Response("first"); } }` },
  promises: { code: `let release; export default { async fetch(request) {
    const path = new URL(request.url).pathname;
    if (path === "/waits") {
      const origin = request.headers.get("x-url");
      const alive = setTimeout(() => {}, 600_000);
      const said = await new Promise((resolve) => { release = resolve; });
      clearTimeout(alive);
      const text = await (await fetch(origin + "/")).text();  // as the request that waited
      console.log("behind the promise");
      return new Response(said + " " + text);
    }
    if (path === "/waiting") return new Response(String(release !== undefined));
    release("released");
    return new Response("done");
  } }` },
  sentbody: { code: `export default { fetch(request, env, ctx) {
    ctx.waitUntil(request.text().catch((e) => console.log(e.name + ": " + e.message)));
    if (new URL(request.url).pathname === "/throws") throw new Error("failed");
    return new Response("sent");
  } }` },
  aborts: { code: `export default { async fetch(request, env, ctx) {
    const path = new URL(request.url).pathname;
    ctx.waitUntil(scheduler.wait(600_000));
    if (path === "/reason") { await scheduler.wait(1); ctx.abort(new RangeError("enough")); }
    if (path === "/body") return new Response(new ReadableStream({ async pull(c) { c.enqueue(new Uint8Array(10)); await scheduler.wait(1); if (this.n = (this.n ?? 0) + 1, this.n > 2) ctx.abort(); } }));
    ctx.abort();
    return new Response("too late");
  } }` },
  hour: { code: `export default { fetch() { return new Promise((resolve) => setTimeout(resolve, 3_600_000)); } }` },
  interval: { code: `export default { fetch() { return new Promise(() => { setInterval(() => {}, 1); }); } }` },
  slow: { code: `export default { async fetch(request) { const r = await fetch(request.headers.get("x-url") + "/held"); return new Response(await r.text()); } }` },
};

test("errors inside scripts", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });  // scripts that keep things keep them in one isolate
  t.after(() => weir.stop());
  const held = [];
  const pages = {
    "/cut"(response) { response.writeHead(200, { "content-length": 10 }); response.write("part"); setImmediate(() => response.destroy()); },
    "/reset"(response) { response.socket.destroy(); },
    "/known"(response) { response.writeHead(200, { "content-length": 200 << 20 }); return pages["/unknown"](response); },
    async "/unknown"(response) {
      const piece = Buffer.alloc(1 << 20, "x");
      for (let i = 0; i < 200 && !response.destroyed; i++) {
        if (!response.write(piece)) await new Promise((go) => { response.once("drain", go); response.socket?.once("close", go); });
      }
      response.end();
    },
    "/round"(response) { response.writeHead(302, { location: "/round" }).end(); },
    "/silent"() {},
    "/open"(response) { response.write("x"); },
    "/held"(response) { held.push(response); },
  };
  const origin = http.createServer((request, response) => (pages[request.url] ?? ((r) => r.end("ok")))(response)).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const headers = { "x-url": `http://localhost:${origin.address().port}` };
  const ask = (script, path = "/") => weir.request(script, path, { headers });
  const isHeld = async (count) => { while (held.length < count) await new Promise(setImmediate); };

  for (const [script, ...error] of [
    ["cut", "Error", "Network connection lost.", true],
    ["refusedhead", "Error", "Network connection lost.", true],
    ["called", "TypeError", "Memory limit exceeded before EOF."],
    ["cutbody", "Error", "Network connection lost.", true],
    ["cutpipe", "Error", "Network connection lost.", true],
    ["fetchget", "TypeError", "This ReadableStream is disturbed (has already been read from), and cannot be used as a body."],
    ["cloned", "TypeError", "Body has already been used. It can only be used once. Use tee() first if you need to read it twice."],
    ["lockedclone", "TypeError", "This ReadableStream is currently locked to a reader."],
    ["lockedpipe", "TypeError", "This ReadableStream is currently locked to a reader."],
    ["lockedreader", "TypeError", "This ReadableStream is currently locked to a reader."],
    ["statushigh", "RangeError", "Responses may only be constructed with status codes in the range 200 to 599, inclusive."],
    ["norequesturl", "TypeError", "Invalid URL: //"],
    ["many", "Error", "Too many subrequests by single Worker invocation."],
    ["redirects", "TypeError", "Too many redirects."],
    ["used", "TypeError", "Body has already been used. It can only be used once. Use tee() first if you need to read it twice."],
    ["locked", "TypeError", "This ReadableStream is currently locked to a reader."],
    ["status", "RangeError", "Responses may only be constructed with status codes in the range 200 to 599, inclusive."],
    ["scheme", "TypeError", "Fetch API cannot load: ftp://x/"],
    ["nourl", "TypeError", "Invalid URL: nothing"],
    ["cache", "TypeError", "Unsupported cache mode: only-if-cached"],
    ["timers", "QuotaExceededError", "You have exceeded the number of active timeouts you may set. max active timeouts: 10000, current active timeouts: 10000, finished timeouts: 0."],
    ["abort", "AbortError", "The operation was aborted"],
    ["randomlong", "QuotaExceededError", "getRandomValues() only accepts buffers of size <= 64K but provided 65537 bytes."],
  ]) {
    await t.test(`${error[0]}: ${error[1]}`, async () => {
      const answer = await ask(script);
      assert.deepEqual([answer.status, answer.text], [200, JSON.stringify([error[0], error[1], error[2], true].map((one) => one ?? null))], script);
    });
  }
  for (const how of ["text", "json", "arrayBuffer", "bytes", "blob", "formData"]) {
    await t.test(`${how}() of 200 MB: known it would be over the limit, unknown it is`, async () => {
      const error = (message) => JSON.stringify(["TypeError", message, null, true]);
      assert.equal((await ask("known", `/${how}`)).text, error("Memory limit would be exceeded before EOF."));
      assert.equal((await ask("unknown", `/${how}`)).text, error("Memory limit exceeded before EOF."));
      const upload = (init) => weir.request("uploaded", `/${how}`, { method: "POST", body: Buffer.alloc(80 << 20), ...init });
      assert.equal((await upload()).text, error("Memory limit would be exceeded before EOF."));
      assert.equal((await upload({ headers: { "transfer-encoding": "chunked" } })).text, error("Memory limit exceeded before EOF."));
    });
  }
  await t.test("200 MB read piece by piece are no more than a piece at a time", async () => {
    assert.equal((await ask("pieces")).text, String(200 << 20));
  });
  for (const [script, message] of [
    ["errorresponse", "Return value from serve handler must not be an error response (like Response.error())"],
    ["noresponse", "Incorrect type for Promise: the Promise did not resolve to 'Response'."],
    ["websocket", `Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".`],
  ]) {
    await t.test(`uncaught: ${message}`, async () => {
      assert.equal((await ask(script)).text, "error code: 1101\n");
      const traces = await weir.traced((all) => all.some((one) => one.scriptName === script));
      const [exception] = traces.find((one) => one.scriptName === script).exceptions;
      assert.deepEqual([exception.name, exception.message], ["TypeError", message]);
    });
  }
  await t.test("global scope does no I/O, whatever asks for it", async () => {
    const said = JSON.parse((await ask("global")).text);
    assert.deepEqual(said, Object.fromEntries(Object.keys(globals).map((name) => [name, `Error: ${kGlobal}`])));
  });
  await t.test("what belongs to another request says so, with its type", async () => {
    const first = weir.request("keeps", "/", { method: "POST", body: "incoming", headers });
    await isHeld(1);
    for (const [name, [, type]] of Object.entries(uses)) {
      assert.equal((await weir.request("keeps", "/" + name)).text, `Error: ${kOther} (I/O type: ${type})`, name);
    }
    held.pop().end();
    assert.equal((await first).text, "kept until here");
    assert.equal((await weir.request("keeps", "/response")).text, `Error: ${kOther} (I/O type: BodyBufferInputStream)`, "and when its request is over");
  });
  await t.test("a promise that another request settles goes on as the request that waits for it", async () => {
    const waits = ask("promises", "/waits");
    while ((await ask("promises", "/waiting")).text !== "true");
    assert.equal((await ask("promises", "/release")).text, "done");
    assert.equal((await waits).text, "released ok");
    const traces = await weir.traced((all) => all.some((one) => one.event.request?.url.endsWith("/waits")) && all.some((one) => one.event.request?.url.endsWith("/release")));
    const of = (path) => traces.find((one) => one.event.request?.url.endsWith(path));
    assert.deepEqual([of("/waits").outcome, of("/waits").logs.map((log) => log.message[0]), of("/release").logs], ["ok", ["behind the promise"], []]);
  });
  await t.test("a request body cannot be read when its request has been answered", async () => {
    for (const [path, answered, message] of [
      ["/", [200, "sent"], "TypeError: Can't read from request stream after response has been sent."],
      ["/throws", [500, "error code: 1101\n"], "TypeError: Can't read from request stream after responding with an exception."],
    ]) {
      const request = http.request({ port: weir.port, host: "127.0.0.1", method: "POST", path, headers: { host: "sentbody.local.workers.localhost", "content-length": "1000000" } });
      request.on("error", () => {});
      request.write("only the beginning");
      const [response] = await once(request, "response");
      let text = "";
      for await (const chunk of response) text += chunk;
      assert.deepEqual([response.statusCode, text], answered);
      const traces = await weir.traced((all) => all.some((one) => one.scriptName === "sentbody" && one.event.request.url.endsWith(path)));
      assert.deepEqual(traces.find((one) => one.scriptName === "sentbody" && one.event.request.url.endsWith(path)).logs.map((log) => log.message), [[message]]);
      request.destroy();
    }
  });
  await t.test("ctx.abort() ends everything at once", async () => {
    assert.equal((await ask("aborts", "/")).text, "error code: 1101\n");
    assert.equal((await ask("aborts", "/reason")).text, "error code: 1101\n");
    await assert.rejects(ask("aborts", "/body"), /aborted|hang up|ECONNRESET/);
    const traces = (await weir.traced((all) => all.filter((one) => one.scriptName === "aborts").length >= 3)).filter((one) => one.scriptName === "aborts");
    const kAborted = "Worker execution was aborted due to call to ctx.abort().";
    assert.deepEqual(traces.map((one) => [one.outcome, one.exceptions.map((e) => `${e.name}: ${e.message}`)]).sort(),
      [["aborted", [`Error: ${kAborted}`]], ["aborted", [`Error: ${kAborted}`]], ["aborted", ["RangeError: enough"]]]);
  });
  await t.test("uncaught it is Uncaught in the trace, and the client's 1101", async () => {
    const first = ask("returns");
    await isHeld(1);
    assert.equal((await ask("returns")).text, "error code: 1101\n");
    held.pop().end();
    assert.equal((await first).text, "first");
  });
  await t.test("what still can happen is no hang: a timer of an hour, an interval, a slow origin", async () => {
    const slow = ask("slow");
    await isHeld(1);
    for (const script of ["hour", "interval"]) {
      const socket = net.connect(weir.port, "127.0.0.1");
      await new Promise((done) => socket.write(`GET / HTTP/1.1\r\nHost: ${script}.local.workers.localhost\r\n\r\n`, done));
      for (let i = 0; i < 3; i++) assert.equal((await ask("used")).status, 200);  // time passes
      socket.destroy();
      const traces = await weir.traced((all) => all.some((one) => one.scriptName === script));
      const trace = traces.find((one) => one.scriptName === script);
      assert.deepEqual([trace.outcome, trace.exceptions], ["canceled", []], script);
    }
    held.pop().end("late");
    assert.equal((await slow).text, "late");
  });
});
