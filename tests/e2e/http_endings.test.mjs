// How requests end before their time: clients that are slow, clients that leave, and a platform that is told to stop.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { answer, chunk, connect, lastChunk, serveRequests, startOrigin } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const H = (script) => `Host: ${script}.local.workers.localhost\r\n`;
const get = (script, target = "/") => `GET ${target} HTTP/1.1\r\n${H(script)}\r\n`;
const post = (script, more, body = "") => `POST / HTTP/1.1\r\n${H(script)}${more}\r\n${body}`;

const scripts = {
  plain: { code: `export default { fetch() { return new Response("plain"); } }` },
  waits: { code: `export default { async fetch(request) { await scheduler.wait(Number(new URL(request.url).pathname.slice(1))); return new Response("waited"); } }` },
  reads: { code: `let begun = 0; export default { async fetch(request) {
    if (new URL(request.url).pathname === "/begun") return new Response(String(begun));
    begun++;
    return new Response(await request.text());
  } }` },
  echo: { code: `export default { fetch(request) { return new Response(request.body.pipeThrough(new TransformStream())); } }` },
  pipe: { code: `export default { fetch(request) { return new Response(request.body); } }` },
  endless: { code: `let cancelled = 0; let produced = 0; export default { fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/cancelled") return new Response(String(cancelled));
    return new Response(new ReadableStream({ pull(c) { produced++; c.enqueue(new Uint8Array(65536)); }, cancel() { cancelled++; } }));
  } }` },
  // Counts for as long as it is allowed to.
  counts: { code: `let n = 0; export default { async fetch(request) {
    if (new URL(request.url).pathname === "/n") return new Response(String(n));
    for (;;) { n++; await scheduler.wait(1); }
  } }` },
  uploads: { code: `let failed = ""; let begun = 0; export default { async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/failed") return new Response(failed);
    if (new URL(request.url).pathname === "/begun") return new Response(String(begun));
    begun++;
    const read = request.text().catch((error) => { failed = error.name + ": " + error.message; });
    ctx.waitUntil(read);
    await read;
    return new Response(failed);
  } }` },
  proxy: { code: `export default { fetch(request, env) { return fetch(env.ORIGIN + new URL(request.url).pathname, request); } }` },
  later: { code: `export default { fetch(request, env, ctx) { ctx.waitUntil(fetch(env.ORIGIN + "/later").then((r) => r.text()).then((text) => console.log(text))); return new Response("now"); } }` },
};

test("slow clients", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--engines", "1", "--head-ms", "300", "--idle-ms", "400", "--body-stall-ms", "400", "--write-stall-ms", "500"] });
  let cases = 0;
  const it = (name, body) => { cases++; return t.test(name, body); };

  await it("a connection that says nothing is closed without a word", async () => {
    const client = await connect(weir.port);
    assert.equal((await client.toEnd()).length, 0);
    assert.equal(client.broken, null);
  });
  await it("so is one that has nothing more to say", async () => {
    const client = await connect(weir.port);
    assert.equal((await client.get(get("plain"))).text, "plain");
    assert.equal((await client.toEnd()).length, 0);
  });
  await it("a head that stops is 408", async () => {
    const client = await connect(weir.port);
    const response = await client.get("GET / HTTP/1.1\r\nHost: pl");
    assert.equal(response.status, 408);
    assert.equal(response.headers.connection, "close");
    assert.equal(await client.end(), "end");
  });
  await it("a head that drips is given no more time", async () => {
    const client = await connect(weir.port);
    client.send("GET / HTTP/1.1\r\n");
    const answered = client.response();
    let over = false;
    answered.finally(() => { over = true; }).catch(() => {});
    for (let i = 0; !over && i < 1000; i++) {
      client.send(`X-${i}: y\r\n`);
      await sleep(10);
    }
    assert.equal((await answered).status, 408);
  });
  await it("a body that stops is 408 while a script waits for it", async () => {
    const client = await connect(weir.port);
    const response = await client.get(post("reads", "Content-Length: 10\r\n", "abc"));
    assert.equal(response.status, 408);
    assert.equal(response.headers.connection, "close");
    assert.equal(await client.end(), "end");
  });
  await it("a body that stops behind a response that has begun cuts it", async () => {
    const client = await connect(weir.port);
    client.send(post("pipe", "Transfer-Encoding: chunked\r\n"));
    client.send(chunk("abc"));
    await client.head();
    assert.equal((await client.chunk()).toString(), "abc");
    await client.end();
    assert.equal(client.buffer.length, 0, "no end of the body");
  });
  await it("a body that nobody waits for may take its time, and so may a script", async () => {
    const client = await connect(weir.port);
    client.send(`POST /900 HTTP/1.1\r\n${H("waits")}Content-Length: 3\r\n\r\n`);
    assert.equal((await client.response()).text, "waited");
    client.send("abc");
    assert.equal((await client.get(get("plain"))).text, "plain");
  });
  await it("a reader that stops is gone after a while, and the script's stream is cancelled", async () => {
    const client = await connect(weir.port);
    client.send(get("endless"));
    await client.head();
    client.socket.pause();
    const traces = await weir.traced((all) => all.some((trace) => trace.scriptName === "endless"));
    assert.equal(traces.find((trace) => trace.scriptName === "endless").outcome, "responseStreamDisconnected");
    assert.equal((await weir.request("endless", "/cancelled")).text, "1");
    client.socket.destroy();
  });
  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  await it("a client that was told of its slowness left no error behind", () => {
    assert.deepEqual(traces.filter((trace) => trace.scriptName === "reads").map((trace) => trace.outcome), ["canceled"]);
    assert.ok(!traces.some((trace) => trace.outcome === "exception"));
  });
  assert.equal(cases, 9);
});

test("clients that leave", async (t) => {
  let release;
  const origin = await startOrigin(serveRequests(async (request, wire) => {
    if (request.target === "/hangs") return undefined;
    wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire.send(chunk("first"));
    await release;
    return undefined;
  }));
  release = new Promise(() => {});
  scripts.proxy.vars = scripts.later.vars = { ORIGIN: origin.url };
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  let cases = 0;
  const it = (name, body) => { cases++; return t.test(name, body); };

  await it("while a script works: it stops, and the outcome is canceled", async () => {
    const client = await connect(weir.port);
    client.send(get("counts"));
    while ((await weir.request("counts", "/n")).text === "0");
    client.socket.destroy();
    await weir.traced((all) => all.some((trace) => trace.scriptName === "counts" && trace.outcome === "canceled"));
    const { text } = await weir.request("counts", "/n");
    for (let i = 0; i < 5; i++) await weir.request("waits", "/2");
    assert.equal((await weir.request("counts", "/n")).text, text, "it counts no more");
  });
  await it("a client that ends its side counts as gone too", async () => {
    const client = await connect(weir.port);
    const { text } = await weir.request("counts", "/n");
    client.send(get("counts"));
    while ((await weir.request("counts", "/n")).text === text);
    client.socket.end();
    await weir.traced((all) => all.filter((trace) => trace.scriptName === "counts" && trace.outcome === "canceled").length === 2);
    assert.equal(await client.end(), "end");
  });
  await it("while a body streams: responseStreamDisconnected, and the stream is cancelled", async () => {
    const client = await connect(weir.port);
    client.send(get("endless"));
    await client.head();
    await client.chunk();
    client.socket.destroy();
    await weir.traced((all) => all.some((trace) => trace.scriptName === "endless" && trace.outcome === "responseStreamDisconnected"));
    assert.equal((await weir.request("endless", "/cancelled")).text, "1");
  });
  await it("within its own body: what goes on for waitUntil() sees its read fail", async () => {
    const client = await connect(weir.port);
    client.send(post("uploads", "Content-Length: 10\r\n", "abc"));
    while ((await weir.request("uploads", "/begun")).text === "0");
    client.socket.destroy();
    await weir.traced((all) => all.some((trace) => trace.scriptName === "uploads" && trace.outcome === "canceled"));
    assert.equal((await weir.request("uploads", "/failed")).text, "TypeError: Can't read from request stream because client disconnected.");
  });
  await it("while a script waits for an origin: the origin sees it at once", async () => {
    const client = await connect(weir.port);
    client.send(get("proxy", "/hangs"));
    while (origin.wires.length === 0) await sleep(1);
    const wire = origin.wires.at(-1);
    client.socket.destroy();
    await wire.toEnd();
    const all = await weir.traced((traces) => traces.some((trace) => trace.scriptName === "proxy"));
    assert.equal(all.find((trace) => trace.scriptName === "proxy").outcome, "canceled");
  });
  await it("while a body is piped past the script: the origin sees it at once", async () => {
    const client = await connect(weir.port);
    client.send(get("proxy", "/streams"));
    await client.head();
    assert.equal((await client.chunk()).toString(), "first");
    const wire = origin.wires.at(-1);
    client.socket.destroy();
    await wire.toEnd();
    await weir.traced((all) => all.some((trace) => trace.scriptName === "proxy" && trace.outcome === "responseStreamDisconnected"));
  });
  await it("within a body that is piped to an origin: the origin sees it cut", async () => {
    const before = origin.wires.length;
    const client = await connect(weir.port);
    client.send(post("proxy", "Content-Length: 100\r\n", "abc"));
    while (origin.wires.length === before) await sleep(1);
    const wire = origin.wires.at(-1);
    await wire.until(() => wire.buffer.includes("abc") || wire.buffer.length === 0, "the body's start");
    client.socket.destroy();
    await wire.toEnd();
  });
  const { exit } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  origin.stop();
  assert.equal(cases, 7);
});

test("SIGTERM", async (t) => {
  let asked = 0;
  const waiting = [];
  const origin = await startOrigin(serveRequests(async () => {
    asked++;
    await new Promise((go) => waiting.push(go));
    return answer(200, {}, "origin");
  }));
  scripts.proxy.vars = scripts.later.vars = { ORIGIN: origin.url };

  await t.test("what runs is finished, what is idle goes, nobody new comes in", async () => {
    const weir = await startWeir(scripts, { flags: ["--engines", "1", "--drain-ms", "60000"] });
    const idle = await connect(weir.port);
    assert.equal((await idle.get(get("plain"))).text, "plain");
    const fresh = await connect(weir.port);
    const slow = await connect(weir.port);
    slow.send(get("proxy", "/slow"));
    const later = await connect(weir.port);
    assert.equal((await later.get(get("later"))).text, "now");
    const streaming = await connect(weir.port);
    streaming.send(post("echo", "Transfer-Encoding: chunked\r\n"));
    streaming.send(chunk("before"));
    await streaming.head();
    assert.equal((await streaming.chunk()).toString(), "before");
    const uploading = await connect(weir.port);
    uploading.send(post("reads", "Content-Length: 6\r\n", "abc"));
    while (asked < 2) await sleep(1);
    while ((await weir.request("reads", "/begun")).text === "0");
    const unread = await connect(weir.port);
    unread.send(get("plain"));

    process.kill(weir.pid, "SIGTERM");
    assert.equal(await idle.end(), "end");
    assert.equal(await fresh.end(), "end");
    assert.equal(await later.end(), "end");
    assert.equal((await unread.response()).text, "plain", "what had come was served");
    await assert.rejects(async () => { const socket = net.connect(weir.port, "127.0.0.1"); await once(socket, "connect"); }, { code: "ECONNREFUSED" });
    uploading.send("def");
    const uploaded = await uploading.response();
    assert.equal(uploaded.text, "abcdef");
    assert.equal(uploaded.headers.connection, "close");
    streaming.send(chunk("after"));
    assert.equal((await streaming.chunk()).toString(), "after");
    streaming.send(lastChunk);
    assert.equal((await streaming.chunk()).length, 0);
    assert.equal(await streaming.end(), "end");
    for (const go of waiting.splice(0)) go();
    const slowly = await slow.response();
    assert.equal(slowly.text, "origin");
    assert.equal(slowly.headers.connection, "close");
    assert.equal(await slow.end(), "end");
    const { exit, traces } = await weir.stop();
    assert.deepEqual(exit, { code: 0, signal: null });
    assert.deepEqual(traces.filter((trace) => !trace.event.request.url.endsWith("/begun")).map((trace) => `${trace.scriptName} ${trace.outcome}`).sort(), ["echo ok", "later ok", "plain ok", "plain ok", "proxy ok", "reads ok"]);
    assert.deepEqual(traces.find((trace) => trace.scriptName === "later").logs.map((log) => log.message), [["origin"]], "waitUntil() had its time");
  });

  await t.test("at its bound what is left is cut, and has its trace", async () => {
    const weir = await startWeir(scripts, { flags: ["--engines", "1", "--drain-ms", "100"] });
    const streaming = await connect(weir.port);
    streaming.send(get("endless"));
    await streaming.head();
    streaming.socket.pause();
    const uploading = await connect(weir.port);
    uploading.send(post("reads", "Content-Length: 6\r\n", "abc"));
    while ((await weir.request("reads", "/begun")).text === "0");
    const later = await connect(weir.port);
    assert.equal((await later.get(get("later"))).text, "now");
    const busy = await connect(weir.port);
    busy.send(get("counts"));
    while ((await weir.request("counts", "/n")).text === "0");
    process.kill(weir.pid, "SIGTERM");
    const { exit, traces } = await weir.stop();
    assert.deepEqual(exit, { code: 0, signal: null });
    assert.deepEqual(traces.filter((trace) => !/(begun|n)$/.test(trace.event.request.url)).map((trace) => `${trace.scriptName} ${trace.outcome}`).sort(),
      ["counts canceled", "endless responseStreamDisconnected", "later ok", "reads canceled"]);
    for (const client of [busy, streaming, uploading, later]) client.socket.destroy();
  });
  for (const go of waiting.splice(0)) go();
  origin.stop();
});
