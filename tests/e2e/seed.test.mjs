// The seed page, "Errors and exceptions", row by row: each test has the name of its row and the page's own example. What is
// said there of uploads is the management API's.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket as Client } from "ws";
import { enginesOf } from "./processes.mjs";
import { command, root, startWeir } from "./weir.mjs";

const module = (body) => ({ code: `export default { async fetch(request, env, ctx) { ${body} } }` });

const webSocketExample = (close) => `async function handleRequest(request) {
  let webSocketPair = new WebSocketPair();
  let [client, server] = Object.values(webSocketPair);
  server.accept();
  server.addEventListener("close", () => { ${close} });
  return new Response(null, { status: 101, webSocket: client });
}
export default { fetch: handleRequest };`;

const scripts = {
  throws: module(`throw new Error("oops");`),
  spins: { ...module(`for (;;);`), limits: { cpu_ms: 50 } },
  hoards: { ...module(`const all = []; for (;;) all.push(new Array(1e5).fill(1));`), limits: { memory_mb: 64 } },
  hello: module(`return new Response("hello");`),
  loops: { ...module(`return fetch(request);`), flags: ["global_fetch_strictly_public"] },
  asks: module(`const response = await fetch(request.headers.get("x-url")); return new Response(await response.text(), { status: response.status });`),
  never: { code: `export default { fetch(req) { let response = new Response("Example response"); let { promise, resolve } = Promise.withResolvers();
    return promise.then(() => response); } }` },
  resolved: { code: `export default { fetch(req) { let response = new Response("Example response"); let { promise, resolve } = Promise.withResolvers();
    setTimeout(resolve, 0);
    return promise.then(() => response); } }` },
  wsopen: { code: webSocketExample(""), date: "2025-01-01" },
  wsclosed: { code: webSocketExample("server.close();"), date: "2025-01-01" },
  lost: { code: `const somePromise = Promise.resolve(); export default { async fetch(request, env, ctx) { const { waitUntil } = ctx; waitUntil(somePromise); return fetch(request); } }` },
  kept: { code: `export default { async fetch(request, env, ctx) { const somePromise = scheduler.wait(1).then(() => console.log("waited"));
    ctx.waitUntil(somePromise);
    const { waitUntil } = ctx;
    waitUntil.apply(ctx, [somePromise]); waitUntil.call(ctx, somePromise);
    const reboundWaitUntil = waitUntil.bind(ctx); reboundWaitUntil(somePromise);
    return new Response("kept"); } }` },
  cached: { code: `let cachedResponse = null;
    export default { async fetch(request, env, ctx) {
      if (cachedResponse) return cachedResponse;
      cachedResponse = new Response("Hello, world!");
      await fetch(request.headers.get("x-url"));  // the page sleeps for 5 s here; this lasts until the test lets it go
      return cachedResponse;
    } }` },
  data: { code: `let cachedData = null;
    export default { async fetch(request, env, ctx) {
      if (cachedData) return new Response(cachedData);
      const response = new Response("Hello, world!");
      cachedData = await response.text();
      return new Response(cachedData, response);
    } }` },
  reads: module(`try { const response = await fetch(request.headers.get("x-url")); await response.arrayBuffer(); return new Response("whole"); }
    catch (e) { return Response.json({ name: e.name, message: e.message, retryable: e.retryable }); }`),
  streams: module(`return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(new Uint8Array(1000)); } }));`),
  waits: module(`await scheduler.wait(600000);`),
  logs: { code: `export default { async fetch(request, env, ctx) {
    function postLog(data) { return fetch(request.headers.get("x-log"), { method: "POST", body: data }); }
    if (request.headers.has("x-wait")) ctx.waitUntil(postLog("stack")); else postLog("stack");
    return new Response("sent"); } }` },
  logsevent: { code: `addEventListener("fetch", (event) => { event.respondWith(handleEvent(event)); });
    async function handleEvent(event) { event.waitUntil(postLog(event.request.headers.get("x-log"), "stack")); return new Response("sent"); }
    function postLog(url, data) { return fetch(url, { method: "POST", body: data }); }` },
  opens: { code: `export default { async fetch(request, env, ctx) { ctx.passThroughOnException(); throw new Error("an error here"); } };` },
  opensevent: { code: `addEventListener("fetch", (event) => { event.passThroughOnException(); event.respondWith(handleRequest(event.request)); });
    async function handleRequest(request) { throw new Error("an error here"); }` },
};

test("errors and exceptions", async (t) => {
  const weir = await startWeir(scripts);
  let stopped = false;
  t.after(() => stopped || weir.stop());
  const seen = [];
  const held = [];
  const origin = http.createServer((request, response) => {
    seen.push(request.url);
    if (request.url === "/held") return void held.push(response);
    if (request.url === "/cut") { response.writeHead(200, { "content-length": 1000 }); response.write("part"); return void setImmediate(() => response.destroy()); }
    if (request.url === "/known") { response.writeHead(200, { "content-length": 200_000_000 }); return void response.write("x"); }
    response.end("origin");
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const url = `http://localhost:${origin.address().port}`;
  await command(weir, "zone", "add", "example.test", "--origin", `http://127.0.0.1:${origin.address().port}`);
  for (const name of ["hello", "asks", "opens", "opensevent", "gone"]) await command(weir, "route", "add", `${name}.example.test/*`, "--script", name);
  const get = (script, headers) => weir.request(script, "/", { headers });
  const inZone = (script, headers) => weir.request(null, "/", { host: `${script}.example.test`, headers });
  for (let ready = false; !ready;) ready = (await inZone("gone")).status === 500;
  const shows = async (answer, status, code) => assert.deepEqual([(await answer).status, (await answer).text], [status, `error code: ${code}\n`]);
  const traceOf = async (script, wanted = () => true) => (await weir.traced((traces) => traces.some((one) => one.scriptName === script && wanted(one)))).find((one) => one.scriptName === script && wanted(one));

  await t.test("1101: Worker threw a JavaScript exception", () => shows(get("throws"), 500, 1101));
  await t.test("1102: Worker exceeded CPU time limit", () => shows(get("spins"), 503, 1102));
  await t.test("1103: The owner of this worker needs to contact Support", async () => {
    await command(weir, "account", "suspend", "local");
    for (let text = ""; text !== "error code: 1103\n";) ({ text } = await get("hello"));
    await shows(get("hello"), 403, 1103);
    await command(weir, "account", "resume", "local");
    for (let status = 0; status !== 200;) ({ status } = await get("hello"));
  });
  await t.test("1015: Worker hit the burst rate limit", async () => {
    await command(weir, "account", "set", "local", "--limit", "burst_per_minute=1");
    let answer;
    do answer = await get("hello"); while (answer.status === 200);
    await shows(answer, 429, 1015);
    assert.ok(Number(answer.headers["retry-after"]) > 0);
    await command(weir, "account", "set", "local", "--drop-limit", "burst_per_minute");
    do answer = await get("hello"); while (answer.status !== 200);
  });
  await t.test("1019: Worker hit loop limit", async () => {
    await shows(get("loops"), 500, 1019);
    const loops = (await weir.traced((traces) => traces.filter((one) => one.scriptName === "loops").length >= 16)).filter((one) => one.scriptName === "loops");
    assert.equal(loops.length, 16, "a Worker cannot call itself more than 16 times");
    assert.deepEqual(loops.map((one) => Number(one.event.request.headers["cf-ew-via"] ?? 16)).sort((a, b) => a - b), Array.from({ length: 16 }, (_, i) => i + 1));
    await shows(get("loops", { "cf-ew-via": "0" }), 500, 1019);
  });
  await t.test("1021: Worker has requested a host it cannot access", async () => {
    const strict = await startWeir({ asks: scripts.asks }, { outbound: [] });
    await shows(strict.request("asks", "/", { headers: { "x-url": url } }), 403, 1021);
    await strict.stop();
  });
  await t.test("1022: failed to route the request to the Worker", () => shows(inZone("gone"), 500, 1022));
  await t.test("1024: Worker cannot make a subrequest to an address of the platform", () => shows(get("asks", { "x-url": `http://localhost:${weir.port}/` }), 403, 1024));
  await t.test("1027: Worker exceeded free tier daily request limit", async () => {
    await command(weir, "account", "set", "local", "--limit", "requests_per_day=1");
    let answer;
    do answer = await get("hello"); while (answer.status === 200);
    await shows(answer, 429, 1027);
    await command(weir, "account", "set", "local", "--drop-limit", "requests_per_day");
    do answer = await get("hello"); while (answer.status !== 200);
  });
  await t.test("1042: Worker tried to fetch from another Worker on the same zone", async () => {
    await shows(inZone("asks", { "x-url": "http://hello.example.test/" }), 404, 1042);
  });
  await t.test("other 11xx errors: a problem with the runtime itself", async () => {
    const other = await startWeir({ holds: module(`await fetch(request.headers.get("x-url")); return new Response("never");`) }, { flags: ["--engines", "1"] });
    const answer = other.request("holds", "/", { headers: { "x-url": `${url}/held` } });
    while (held.length === 0) await new Promise(setImmediate);
    for (const { pid } of enginesOf(other.pid)) process.kill(pid, "SIGKILL");
    await shows(answer, 500, 1104);
    held.pop().destroy();
    const { traces } = await other.stop();
    assert.equal(traces[0].outcome, "internalError");
  });

  await t.test("the script will never generate a response", async () => {
    await shows(get("never"), 500, 1101);
    assert.match((await traceOf("never")).exceptions[0].message, /your Worker's code had hung and would never generate a response/);
    assert.equal((await get("resolved")).text, "Example response");
  });
  await t.test("a WebSocket that is missing the code to close its server-side connection", async () => {
    for (const script of ["wsopen", "wsclosed"]) {
      const client = new Client(`ws://127.0.0.1:${weir.port}/`, [], { headers: { host: `${script}.local.workers.localhost` } });
      await once(client, "open");
      client.close(1000);
      await once(client, "close");
    }
    assert.match((await traceOf("wsopen")).exceptions[0].message, /would never generate a response/);
    assert.deepEqual((await traceOf("wsclosed")).exceptions, []);
  });
  await t.test("Illegal invocation: function called with incorrect this reference", async () => {
    await shows(get("lost"), 500, 1101);
    const [{ name, message }] = (await traceOf("lost")).exceptions;
    assert.equal(name, "TypeError");
    assert.match(message, /^Illegal invocation: function called with incorrect `this` reference\. See /);
    assert.equal((await get("kept")).text, "kept");
    assert.deepEqual((await traceOf("kept")).logs.map((log) => log.message), [["waited"]]);
  });
  await t.test("Cannot perform I/O on behalf of a different request", async () => {
    const first = get("cached", { "x-url": `${url}/held` });
    while (held.length === 0) await new Promise(setImmediate);
    await shows(get("cached"), 500, 1101);
    held.pop().end();
    assert.equal((await first).text, "Hello, world!");
    assert.match((await traceOf("cached", (one) => one.outcome === "exception")).exceptions[0].message,
      /^Cannot perform I\/O on behalf of a different request\. I\/O objects \(such as streams, request\/response bodies, and others\) created in the context of one request handler cannot be accessed from a different request's handler\./);
    assert.deepEqual([(await get("data")).text, (await get("data")).text], ["Hello, world!", "Hello, world!"]);
  });

  await t.test("Network connection lost", async () => {
    assert.deepEqual(JSON.parse((await get("reads", { "x-url": `${url}/cut` })).text), { name: "Error", message: "Network connection lost.", retryable: true });
  });
  await t.test("Memory limit would be exceeded before EOF", async () => {
    assert.deepEqual(JSON.parse((await get("reads", { "x-url": `${url}/known` })).text), { name: "TypeError", message: "Memory limit would be exceeded before EOF." });
  });
  await t.test("daemonDown: a temporary problem invoking the Worker, and loadShed", async () => {
    const engine = mkdtempSync(join(tmpdir(), "weir-engine-"));
    cpSync(join(root, "build/engine"), engine, { recursive: true });
    const other = await startWeir({ hello: scripts.hello }, { flags: ["--engines", "1", "--loops", "1", "--engine-dir", engine] });
    assert.equal((await other.request("hello")).text, "hello");
    rmSync(engine, { recursive: true });  // no other engine can start
    for (const { pid } of enginesOf(other.pid)) process.kill(pid, "SIGKILL");
    await other.said(/killed by SIGKILL/);
    await shows(other.request("hello"), 500, 1104);
    await other.traced((traces) => traces.some((one) => one.outcome === "daemonDown"));
    // So many wait for an engine and no more: the others are turned away at once.
    const answers = await Promise.all(Array.from({ length: 1100 }, () => other.request("hello")));
    assert.deepEqual(Object.entries(Object.groupBy(answers, (one) => one.text)).map(([text, all]) => [text, all.length]).sort(),
      [["error code: 1104\n", 1024], ["error code: 1105\n", 76]]);
    const { traces } = await other.stop();
    assert.equal(traces.filter((one) => one.outcome === "loadShed").length, 76);
  });

  await t.test("Errors by invocation status: Uncaught Exception, Exceeded CPU Time Limits, Exceeded Memory, Internal", async () => {
    await shows(get("hoards"), 503, 1102);
    assert.deepEqual([(await traceOf("throws")).outcome, (await traceOf("spins")).outcome, (await traceOf("hoards")).outcome], ["exception", "exceededCpu", "exceededMemory"]);
  });
  await t.test("Client disconnects: Response Stream Disconnected", async () => {
    const request = http.get({ port: weir.port, host: "127.0.0.1", headers: { host: "streams.local.workers.localhost" } });
    const [response] = await once(request, "response");
    await once(response, "data");
    response.on("error", () => {});
    request.destroy();
    assert.equal((await traceOf("streams")).outcome, "responseStreamDisconnected");
  });
  await t.test("Client disconnects: Cancelled", async () => {
    const socket = net.connect(weir.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: waits.local.workers.localhost\r\n\r\n", () => setImmediate(() => socket.destroy()));
    assert.equal((await traceOf("waits")).outcome, "canceled");
  });
  await t.test("exceptions show up under the exceptions field, and the outcome is exception", async () => {
    const { outcome, exceptions } = await traceOf("throws");
    assert.deepEqual([outcome, exceptions[0].name, exceptions[0].message], ["exception", "Error", "oops"]);
    assert.match(exceptions[0].stack, /at .*index\.js:1:\d+/);
  });

  await t.test("outstanding tasks are canceled once the response is sent, unless passed to waitUntil()", async () => {
    assert.equal((await get("logs", { "x-log": `${url}/held` })).text, "sent");
    assert.equal((await traceOf("logs")).outcome, "ok");  // although its log was never answered
    seen.length = 0;
    for (const script of ["logs", "logsevent"]) assert.equal((await get(script, { "x-log": `${url}/log`, "x-wait": "1" })).text, "sent");
    await weir.traced((traces) => traces.filter((one) => one.scriptName.startsWith("logs")).length >= 3);
    assert.deepEqual(seen, ["/log", "/log"]);
  });
  await t.test("passThroughOnException: the origin response, as if the Worker wasn't present", async () => {
    for (const script of ["opens", "opensevent"]) {
      assert.equal((await inZone(script)).text, "origin");
      const trace = await traceOf(script);
      assert.deepEqual([trace.outcome, trace.failedOpen, trace.exceptions[0].message], ["exception", true, "an error here"]);
    }
  });
});
