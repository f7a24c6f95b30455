// WebSockets from outside, with real clients: `ws`, Node's own, and raw sockets for what no client would send.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import dns from "node:dns";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { WebSocket as Client, WebSocketServer } from "ws";
import { enginesOf, peakMb, stopProcess } from "./processes.mjs";
import { startWeir } from "./weir.mjs";

const accept = `const [client, server] = Object.values(new WebSocketPair()); server.accept();`;
const answer = `return new Response(null, { status: 101, webSocket: client });`;
const handler = (body) => `export default { async fetch(request, env, ctx) { ${body} } }`;

const scripts = {
  echo: { code: handler(`${accept}
    server.binaryType = "arraybuffer";
    server.addEventListener("message", ({ data }) => server.send(data));
    server.addEventListener("close", ({ code, reason, wasClean }) => {
      console.log("close", code, reason, wasClean, server.readyState);
      server.close(code === 1005 ? undefined : code, code === 1005 ? undefined : reason);
      ctx.waitUntil(scheduler.wait(1).then(() => console.log("after the close")));
    });
    ${answer}`) },
  closes: { code: handler(`${accept}
    server.addEventListener("message", ({ data }) => {
      const [code, reason] = JSON.parse(data);
      server.close(code, reason);
    });
    server.addEventListener("close", ({ code, reason, wasClean }) => console.log(code, reason, wasClean));
    ${answer}`) },
  early: { code: handler(`${accept}
    server.send("before the response");
    queueMicrotask(() => server.send("behind it"));
    let n = 0;
    const timer = setInterval(() => { server.send("tick " + n); if (++n === 5) { clearInterval(timer); server.close(1000, "over"); } }, 1);
    ${answer}`) },
  hangs: { code: handler(`${accept}
    server.addEventListener("close", () => console.log("closed", server.readyState));
    ${answer}`), date: "2026-04-06" },
  autoreply: { code: handler(`${accept}
    server.addEventListener("close", ({ code }) => { console.log("closed", code, server.readyState); server.close(); });
    ${answer}`), date: "2026-04-07" },
  halfopen: { code: handler(`const [client, server] = Object.values(new WebSocketPair()); server.accept({ allowHalfOpen: true });
    server.addEventListener("close", () => { server.send("last words"); server.close(4321, "by hand"); });
    ${answer}`), date: "2026-04-07" },
  manual: { code: handler(`${accept} ${answer}`), date: "2026-12-31", flags: ["web_socket_manual_reply_to_close"] },
  blobs: { code: handler(`${accept}
    server.addEventListener("message", async ({ data }) => server.send(data.constructor.name + " " + await data.text()));
    server.addEventListener("close", () => server.close());
    ${answer}`), date: "2026-03-17" },
  throws: { code: handler(`${accept}
    server.addEventListener("message", () => { throw new RangeError("in a listener"); });
    server.addEventListener("error", ({ message }) => console.log("error", message));
    ${answer}`) },
  reused: { code: handler(`${accept} server.accept();
    const response = new Response(null, { status: 101, webSocket: server });
    return response;`) },
  plain: { code: handler(`return new Response("no socket here", { status: 200 });`) },
  floods: { code: handler(`${accept}
    const chunk = new Uint8Array(1 << 20);
    server.addEventListener("message", () => { for (;;) server.send(chunk); });
    ${answer}`), limits: { memory_mb: 64 } },
  spins: { code: handler(`${accept} server.addEventListener("message", () => { for (;;); }); ${answer}`), limits: { cpu_ms: 50 } },
  passes: { code: handler(`const url = new URL(request.url);
    return fetch("http://127.0.0.1:" + url.searchParams.get("port") + url.pathname, request);`) },
  renames: { code: handler(`const url = new URL(request.url);
    const response = await fetch("http://127.0.0.1:" + url.searchParams.get("port"), { headers: { upgrade: "websocket" } });
    return new Response(null, { status: 101, webSocket: response.webSocket, headers: { "x-added": "by the script" } });`) },
  bridges: { code: handler(`${accept}
    const port = new URL(request.url).searchParams.get("port");
    const { status, webSocket: upstream } = await fetch("http://127.0.0.1:" + port, { headers: { Upgrade: "websocket", "x-from": "weir" } });
    upstream.accept();
    upstream.addEventListener("message", ({ data }) => server.send(data));
    server.addEventListener("message", ({ data }) => upstream.send(data));
    server.addEventListener("close", ({ code }) => { upstream.close(code); server.close(code); });
    upstream.addEventListener("close", ({ code }) => { console.log("upstream", code); server.close(code); });
    ${answer}`) },
  opens: { code: handler(`const port = new URL(request.url).searchParams.get("port");
    const socket = new WebSocket("ws://127.0.0.1:" + port + "/path?q", ["second", "first"]);
    const seen = [socket.readyState, socket.url.replace(port, "PORT")];
    socket.addEventListener("open", () => { seen.push("open", socket.readyState, socket.protocol, socket.extensions); socket.send("question"); });
    socket.addEventListener("message", ({ data }) => { seen.push(data); socket.close(4000, "thanks"); });
    const closed = new Promise((resolve) => socket.addEventListener("close", ({ code, reason, wasClean }) => { seen.push(code, reason, wasClean, socket.readyState); resolve(); }));
    await closed;
    return Response.json(seen);`) },
  refused: { code: handler(`const port = new URL(request.url).searchParams.get("port");
    const seen = [];
    const socket = new WebSocket("ws://127.0.0.1:" + port);
    socket.onerror = ({ message, error }) => seen.push(message, error.name);
    await new Promise((resolve) => { socket.onclose = ({ code, reason, wasClean }) => { seen.push(code, reason, wasClean, socket.readyState); resolve(); }; });
    const answer = await fetch("http://127.0.0.1:" + port, { headers: { upgrade: "websocket" } });
    seen.push(answer.status, answer.webSocket, await answer.text());
    return Response.json(seen);`) },
  aborts: { code: handler(`const port = new URL(request.url).searchParams.get("port");
    const socket = new WebSocket("ws://127.0.0.1:" + port);
    const seen = [];
    socket.addEventListener("open", () => seen.push("open"));
    socket.addEventListener("error", ({ message }) => seen.push(message));
    const closed = new Promise((resolve) => socket.addEventListener("close", ({ code }) => resolve(seen.push(code))));
    socket.close();
    socket.close(99);
    await closed;
    return Response.json(seen);`) },
  counts: { code: handler(`const port = new URL(request.url).searchParams.get("port");
    const one = new WebSocket("ws://127.0.0.1:" + port);
    await new Promise((resolve) => one.addEventListener("open", resolve));
    for (let i = 0; i < 100; i++) one.send("message " + i);
    one.close();
    try { new WebSocket("ws://127.0.0.1:" + port); } catch (error) { return new Response(error.message); }
    return new Response("no error");`), limits: { subrequests: 1 } },
  routes: { code: `export default { fetch(request, env) { return env.BACK.fetch(request); } }`, services: { BACK: "echo" } },
  speaks: { code: `export default { async fetch(request, env) {
    const { status, webSocket } = await env.BACK.fetch("http://back/", { headers: { upgrade: "websocket" } });
    webSocket.accept();
    const seen = [status];
    const closed = new Promise((resolve) => webSocket.addEventListener("close", ({ code, reason }) => resolve(seen.push(code, reason))));
    webSocket.addEventListener("message", ({ data }) => { seen.push(data); if (seen.length === 4) webSocket.close(4001, "enough"); });
    for (const word of ["one", "two", "three"]) webSocket.send(word);
    await closed;
    return Response.json(seen);
  } }`, services: { BACK: "echo" } },
  leaves: { code: handler(`const port = new URL(request.url).searchParams.get("port");
    const { webSocket } = await fetch("http://127.0.0.1:" + port, { headers: { upgrade: "websocket" } });
    return new Response("never accepted");`) },
};

const kHung = /^The Workers runtime canceled this request because it detected that your Worker's code had hung/;

// Node's own client has no way to name a host other than where it connects.
const { lookup } = dns;
dns.lookup = (name, options, done) => lookup(name.endsWith(".localhost") ? "127.0.0.1" : name, options, done);

/** A client of `script` that keeps what it hears. */
function open(weir, script, { path = "/", protocols = [], ...options } = {}) {
  const client = new Client(`ws://127.0.0.1:${weir.port}${path}`, protocols,
    { headers: { host: `${script}.local.workers.localhost:${weir.port}` }, ...options });
  client.heard = [];
  client.on("message", (data, isBinary) => client.heard.push(isBinary ? data : data.toString()));
  client.on("error", (error) => { client.failure = error; });
  client.closed = new Promise((resolve) => client.on("close", (code, reason) => resolve([code, reason.toString()])));
  client.until = async (ready) => { while (!ready(client.heard)) await once(client, "message", { signal: AbortSignal.timeout(20_000) }); };
  client.ready = once(client, "open", { signal: AbortSignal.timeout(20_000) });
  client.ready.catch(() => {});
  return client;
}

async function opened(weir, script, options) {
  const client = open(weir, script, options);
  await client.ready;
  return client;
}

/** A raw connection that has shaken hands; frames are its caller's business. */
async function raw(weir, script, fields = "") {
  const socket = connect(weir.port, "127.0.0.1");
  socket.received = Buffer.alloc(0);
  socket.on("data", (bytes) => { socket.received = Buffer.concat([socket.received, bytes]); });
  socket.on("error", () => {});
  socket.ended = new Promise((resolve) => socket.on("close", resolve));
  socket.write(`GET / HTTP/1.1\r\nHost: ${script}.local.workers.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${fields}\r\n`);
  while (!socket.received.includes("\r\n\r\n")) await once(socket, "data");
  socket.head = socket.received.subarray(0, socket.received.indexOf("\r\n\r\n") + 4).toString("latin1");
  socket.received = socket.received.subarray(socket.head.length);
  return socket;
}

/** A client's frame, masked with zeros. */
function frame(first, payload = "") {
  const bytes = Buffer.from(payload);
  const length = bytes.length < 126 ? [0x80 | bytes.length] : [0x80 | 126, bytes.length >> 8, bytes.length & 0xff];
  return Buffer.concat([Buffer.from([first, ...length, 0, 0, 0, 0]), bytes]);
}

/** An upstream of our own; its sockets by number. */
async function upstream(options = {}) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", ...options });
  await once(server, "listening");
  server.heads = [];
  server.on("connection", (socket, request) => {
    server.heads.push(request);
    socket.on("message", (data, isBinary) => socket.send(isBinary ? data : `up ${data}`));
    socket.on("error", () => {});
  });
  return { server, port: server.address().port, close: () => { for (const one of server.clients) one.terminate(); server.close(); } };
}

test("WebSockets", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--engine-silent-ms", "60000"] });
  const trace = async (script, count = 1) => (await weir.traced((all) => all.filter((one) => one.scriptName === script).length >= count))
    .filter((one) => one.scriptName === script);
  const counts = {};
  const next = async (script) => { counts[script] = (counts[script] ?? 0) + 1; return (await trace(script, counts[script])).at(-1); };

  await t.test("text and binary come back as they were", async () => {
    const client = await opened(weir, "echo");
    assert.equal(client.extensions, "permessage-deflate");
    const bytes = randomBytes(70_000);
    for (const message of ["hello", "", "grüße 😀", Buffer.alloc(0), bytes, "x".repeat(200_000)]) client.send(message);
    await client.until((heard) => heard.length === 6);
    assert.deepEqual(client.heard, ["hello", "", "grüße 😀", Buffer.alloc(0), bytes, "x".repeat(200_000)]);
    client.close(4000, "enough");
    assert.deepEqual(await client.closed, [4000, "enough"]);
    const one = await next("echo");
    assert.equal(one.outcome, "ok");
    assert.equal(one.event.response.status, 101);
    assert.deepEqual(one.logs.map((log) => log.message), [["close", 4000, "enough", true, 2], ["after the close"]]);
    assert.deepEqual(one.exceptions, []);
  });

  await t.test("without compression, and with every way to agree on it", async () => {
    for (const perMessageDeflate of [false, { serverNoContextTakeover: true }, { clientNoContextTakeover: true },
      { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }, { serverMaxWindowBits: 8 }]) {
      const client = await opened(weir, "echo", { perMessageDeflate });
      const messages = [];
      for (let i = 0; i < 20; i++) messages.push(`message ${i} `.repeat(i * 50));
      for (const message of messages) client.send(message);
      await client.until((heard) => heard.length === messages.length);
      assert.deepEqual(client.heard, messages);
      client.close();
      assert.deepEqual(await client.closed, [1005, ""]);
      assert.equal((await next("echo")).outcome, "ok");
    }
  });

  await t.test("a message in many fragments is one message", async () => {
    const client = await opened(weir, "echo");
    for (let i = 0; i < 1000; i++) client.send(`${i},`, { fin: false, compress: i % 2 === 0 });
    client.send("end", { fin: true });
    client.ping("between");
    await client.until((heard) => heard.length === 1);
    assert.equal(client.heard[0], Array.from({ length: 1000 }, (_, i) => `${i},`).join("") + "end");
    client.close();
    await client.closed;
    await next("echo");
  });

  await t.test("32 MiB is a message, one byte more is 1009", async () => {
    const client = await opened(weir, "echo", { perMessageDeflate: false, maxPayload: 64 << 20 });
    const large = Buffer.alloc(32 << 20, "0123456789abcdef");
    client.send(large);
    await client.until((heard) => heard.length === 1);
    assert.ok(client.heard[0].equals(large));
    client.send(Buffer.alloc((32 << 20) + 1));
    const [code] = await client.closed;
    assert.equal(code, 1009);
    const one = await next("echo");
    assert.equal(one.outcome, "responseStreamDisconnected");
    assert.deepEqual(one.logs[0].message, ["close", 1006, "WebSocket disconnected without sending Close frame.", false, 3]);
  });

  await t.test("what inflates beyond 32 MiB is 1009 too", async () => {
    const client = await opened(weir, "echo", { perMessageDeflate: { threshold: 0 } });
    client.send(Buffer.alloc(40 << 20));
    assert.equal((await client.closed)[0], 1009);
    await next("echo");
  });

  await t.test("twenty thousand messages keep their order", async () => {
    const client = await opened(weir, "echo");
    for (let i = 0; i < 20_000; i++) client.send(`${i}`);
    await client.until((heard) => heard.length === 20_000);
    assert.ok(client.heard.every((text, i) => text === `${i}`));
    client.close();
    await client.closed;
    assert.equal((await next("echo")).outcome, "ok");
  });

  await t.test("Node's own client speaks to it", async () => {
    const client = new WebSocket(`ws://echo.local.workers.localhost:${weir.port}/`);
    client.binaryType = "arraybuffer";
    const heard = [];
    await new Promise((resolve, reject) => { client.onopen = resolve; client.onerror = reject; });
    const done = new Promise((resolve) => { client.onmessage = ({ data }) => { heard.push(data); if (heard.length === 3) resolve(); }; });
    client.send("text");
    client.send(new Uint8Array([1, 2, 3]));
    client.send("y".repeat(100_000));
    await done;
    assert.deepEqual([heard[0], [...new Uint8Array(heard[1])], heard[2].length], ["text", [1, 2, 3], 100_000]);
    const closed = new Promise((resolve) => { client.onclose = resolve; });
    client.close(3333, "node");
    const { code, reason, wasClean } = await closed;
    assert.deepEqual([code, reason, wasClean], [3333, "node", true]);
    assert.equal((await next("echo")).outcome, "ok");
  });

  await t.test("pings are answered without the script", async () => {
    const client = await opened(weir, "echo");
    const payload = randomBytes(125);
    client.ping(payload);
    const [pong] = await once(client, "pong");
    assert.ok(pong.equals(payload));
    assert.deepEqual(client.heard, []);
    client.close();
    await client.closed;
    await next("echo");
  });

  await t.test("pings are answered and joined sockets carried while no engine runs at all", async () => {
    const up = await upstream();
    const [own, joined] = [await opened(weir, "echo"), await opened(weir, "passes", { path: `/?port=${up.port}` })];
    const engines = enginesOf(weir.pid);
    for (const { pid } of engines) await stopProcess(pid);
    try {
      for (const client of [own, joined]) {
        client.ping("are you there");
        assert.equal(String((await once(client, "pong"))[0]), "are you there");
      }
      const large = randomBytes(3 << 20);
      joined.send(large);
      await joined.until((heard) => heard.length === 1);
      assert.ok(joined.heard[0].equals(large));
      joined.close(4010, "past it");
      assert.deepEqual(await joined.closed, [4010, "past it"]);
    } finally {
      for (const { pid } of engines) process.kill(pid, "SIGCONT");
    }
    own.close();
    await own.closed;
    assert.equal((await next("echo")).outcome, "ok");
    assert.equal((await next("passes")).outcome, "ok");
    up.close();
  });

  await t.test("the script's close code and reason reach the client", async () => {
    for (const [code, reason] of [[1000, ""], [1001, "away"], [3000, "r".repeat(123)], [4999, "ümlaut"], [null, null]]) {
      const client = await opened(weir, "closes");
      client.send(JSON.stringify(code === null ? [] : [code, reason]));
      assert.deepEqual(await client.closed, code === null ? [1005, ""] : [code, reason]);
      const one = await next("closes");
      assert.equal(one.outcome, "ok");
      assert.deepEqual(one.logs.map((log) => log.message), [[code ?? 1005, reason ?? "", true]]);
    }
  });

  await t.test("messages leave before, with and long after the response", async () => {
    const client = await opened(weir, "early");
    assert.deepEqual(await client.closed, [1000, "over"]);
    assert.deepEqual(client.heard, ["before the response", "behind it", "tick 0", "tick 1", "tick 2", "tick 3", "tick 4"]);
    assert.equal((await next("early")).outcome, "ok");
  });

  await t.test("a close that is never answered is a hang, found at once", async () => {
    const client = await opened(weir, "hangs");
    client.close(1000, "bye");
    assert.equal((await client.closed)[0], 1011);
    const one = await next("hangs");
    assert.equal(one.outcome, "exception");
    assert.match(one.exceptions[0].message, kHung);
    assert.deepEqual(one.logs[0].message, ["closed", 2]);
  });

  await t.test("from its date on the platform answers a close itself", async () => {
    const client = await opened(weir, "autoreply");
    client.close(4100, "bye");
    assert.deepEqual(await client.closed, [4100, ""]);
    const one = await next("autoreply");
    assert.equal(one.outcome, "ok");
    assert.deepEqual(one.logs[0].message, ["closed", 4100, 3]);
  });

  await t.test("accept({ allowHalfOpen }) and the opposite flag leave it to the script", async () => {
    const client = await opened(weir, "halfopen");
    client.close(1000);
    assert.deepEqual(await client.closed, [4321, "by hand"]);
    assert.equal((await next("halfopen")).outcome, "ok");
    const manual = await opened(weir, "manual");
    manual.close(1000);
    assert.equal((await manual.closed)[0], 1011);
    assert.match((await next("manual")).exceptions[0].message, kHung);
  });

  await t.test("from its date on binary messages are Blobs", async () => {
    const client = await opened(weir, "blobs");
    client.send(Buffer.from("bytes"));
    await client.until((heard) => heard.length === 1);
    assert.deepEqual(client.heard, ["Blob bytes"]);
    client.close();
    await client.closed;
    assert.equal((await next("blobs")).outcome, "ok");
  });

  await t.test("an exception in a listener ends the socket with 1011", async () => {
    const client = await opened(weir, "throws");
    client.send("x");
    assert.equal((await client.closed)[0], 1011);
    const one = await next("throws");
    assert.equal(one.outcome, "exception");
    assert.equal(one.exceptions[0].message, "in a listener");
    assert.deepEqual(one.logs[0].message, ["error", "Uncaught RangeError: in a listener"]);
  });

  await t.test("a socket that was accepted cannot be returned", async () => {
    const client = open(weir, "reused");
    await client.closed;
    assert.match(client.failure.message, /500/);
    const one = await next("reused");
    assert.equal(one.exceptions[0].message, "Can't return WebSocket in a Response after calling accept().");
  });

  await t.test("a request that asks for an upgrade may get an ordinary response", async () => {
    const client = open(weir, "plain");
    await client.closed;
    assert.match(client.failure.message, /200/);
    await next("plain");
  });

  await t.test("a handshake that is none is refused", async () => {
    const ask = async (headers) => {
      counts.echo++;
      return weir.request("echo", "/", { headers: { connection: "upgrade", upgrade: "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13", ...headers } });
    };
    assert.equal((await ask({ "sec-websocket-key": "short" })).status, 400);
    const old = await ask({ "sec-websocket-version": "8" });
    assert.deepEqual([old.status, old.headers["sec-websocket-version"]], [426, "13"]);
    await trace("echo", counts.echo);
  });

  await t.test("the answer to the example of the standard", async () => {
    const socket = await raw(weir, "echo");
    assert.match(socket.head, /^HTTP\/1\.1 101 /);
    assert.match(socket.head, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
    assert.doesNotMatch(socket.head, /sec-websocket-extensions/i);
    socket.write(Buffer.concat([frame(0x81, "one"), frame(0x82, "two"), frame(0x88, "\x03\xe8")]));
    socket.write(frame(0x88, Buffer.from([0x03, 0xe8])));
    await socket.ended;
    await next("echo");
  });

  await t.test("what breaks the protocol is closed with its code, and the script hears of a loss", async () => {
    const wrong = [
      [Buffer.from([0x81, 0x02, 0x68, 0x69]), 1002],              // not masked
      [frame(0xf1, "x"), 1002],                                    // reserved bits
      [frame(0x83, "x"), 1002],                                    // unknown kind
      [frame(0x80, "x"), 1002],                                    // a continuation of nothing
      [frame(0x09, "x"), 1002],                                    // a fragmented ping
      [frame(0x89, "x".repeat(126)), 1002],                        // a long ping
      [frame(0xc1, "x"), 1002],                                    // compression that was not agreed
      [frame(0x88, Buffer.from([0x03, 0xee])), 1002],              // close with 1006
      [frame(0x88, Buffer.from([0x03])), 1002],                    // half a code
      [frame(0x81, Buffer.from([0xc0, 0x80])), 1007],              // no UTF-8
      [Buffer.concat([frame(0x01, "a"), frame(0x81, "b")]), 1002],  // a message in a message
      [Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],  // 4 GiB to come
    ];
    for (const [bytes, code] of wrong) {
      const socket = await raw(weir, "echo");
      socket.write(bytes);
      while (socket.received.length < 4) await once(socket, "data");
      assert.equal(socket.received[0], 0x88);
      assert.equal(socket.received.readUInt16BE(2), code, bytes.toString("hex"));
      await socket.ended;
      const one = await next("echo");
      assert.equal(one.outcome, "responseStreamDisconnected");
      assert.deepEqual(one.logs[0].message.slice(0, 2), ["close", 1006]);
    }
  });

  await t.test("a client that vanishes is a close event with 1006", async () => {
    for (const end of [(socket) => socket.resetAndDestroy(), (socket) => socket.end()]) {
      const socket = await raw(weir, "echo");
      socket.write(frame(0x81, "before"));
      while (socket.received.length < 8) await once(socket, "data");
      end(socket);
      const one = await next("echo");
      assert.equal(one.outcome, "responseStreamDisconnected");
      assert.deepEqual(one.logs[0].message, ["close", 1006, "WebSocket disconnected without sending Close frame.", false, 3]);
      assert.deepEqual(one.exceptions, []);
    }
  });

  /** `source` sends 200 MiB to a client that does not read, and then does; closes the client. */
  const readsLate = async (client, source) => {
    client.pause();
    const count = 200;
    for (let i = 0; i < count; i++) source.send(Buffer.alloc(1 << 20, i));
    const other = await opened(weir, "echo");
    for (let i = 0; i < 100; i++) {  // the isolate of "echo" is well meanwhile
      other.send(`${i}`);
      await other.until((heard) => heard.length === i + 1);
    }
    assert.ok(source.bufferedAmount > 100 << 20, `${source.bufferedAmount} bytes are left`);
    client.resume();
    await client.until((heard) => heard.length === count);
    assert.ok(client.heard.every((data, i) => data.length === 1 << 20 && data[0] === i && data.at(-1) === i));
    client.close();
    other.close();
    await Promise.all([client.closed, other.closed]);
  };

  await t.test("a reader that does not read stops its own sending, and loses nothing", async () => {
    const client = await opened(weir, "echo", { perMessageDeflate: false });
    await readsLate(client, client);
    for (const one of [await next("echo"), await next("echo")]) assert.equal(one.outcome, "ok");
    for (const { pid } of [weir, ...enginesOf(weir.pid)]) assert.ok(peakMb(pid) < 400, `${pid}: ${peakMb(pid)} MB`);
  });

  await t.test("who does not read what is joined for him stops the upstream's sending", async () => {
    const up = await upstream({ perMessageDeflate: false });
    const client = await opened(weir, "passes", { path: `/?port=${up.port}`, perMessageDeflate: false });
    const [source] = up.server.clients;
    await readsLate(client, source);
    for (const script of ["passes", "echo"]) assert.equal((await next(script)).outcome, "ok");
    assert.ok(peakMb(weir.pid) < 400, `${peakMb(weir.pid)} MB`);
    up.close();
  });

  await t.test("a script that sends without end has its memory limit", async () => {
    const client = await opened(weir, "floods", { perMessageDeflate: false });
    client.pause();
    client.send("go");
    const one = await next("floods");
    assert.equal(one.outcome, "exceededMemory");
    client.resume();
    assert.ok([1006, 1011].includes((await client.closed)[0]));
  });

  await t.test("a script that spins in a listener has its CPU limit", async () => {
    const client = await opened(weir, "spins");
    client.send("go");
    assert.equal((await client.closed)[0], 1011);
    assert.equal((await next("spins")).outcome, "exceededCpu");
  });

  await t.test("a socket passed on is joined, headers, codes and all", async () => {
    const up = await upstream({ handleProtocols: (offered) => [...offered].at(-1) });
    const client = await opened(weir, "passes", { path: `/a/b?port=${up.port}`, protocols: ["one", "two"] });
    assert.equal(client.protocol, "two");
    assert.equal(up.server.heads[0].url, "/a/b");
    assert.equal(up.server.heads[0].headers["cf-worker"] !== undefined, true);
    const large = randomBytes(5 << 20);
    client.send("text");
    client.send(large);
    for (let i = 0; i < 2000; i++) client.send(`${i}`);
    await client.until((heard) => heard.length === 2002);
    assert.equal(client.heard[0], "up text");
    assert.ok(client.heard[1].equals(large));
    assert.equal(client.heard[2001], "up 1999");
    client.close(4444, "through");
    assert.deepEqual(await client.closed, [4444, "through"]);
    assert.equal((await next("passes")).outcome, "ok");

    const second = await opened(weir, "passes", { path: `/?port=${up.port}` });
    [...up.server.clients].at(-1).close(4555, "from above");
    assert.deepEqual(await second.closed, [4555, "from above"]);
    assert.equal((await next("passes")).outcome, "ok");

    const third = await opened(weir, "passes", { path: `/?port=${up.port}` });
    [...up.server.clients].at(-1).terminate();
    assert.equal((await third.closed)[0], 1006);
    await next("passes");

    const fourth = await opened(weir, "passes", { path: `/?port=${up.port}` });
    const lost = once([...up.server.clients].at(-1), "close");
    fourth.terminate();
    assert.equal((await lost)[0], 1006);
    assert.equal((await next("passes")).outcome, "responseStreamDisconnected");
    up.close();
  });

  await t.test("the script may answer with an upstream's socket and headers of its own", async () => {
    const up = await upstream();
    const client = open(weir, "renames", { path: `/?port=${up.port}` });
    const [response] = await once(client, "upgrade");
    assert.equal(response.headers["x-added"], "by the script");
    await client.ready;
    client.send("x");
    await client.until((heard) => heard.length === 1);
    assert.deepEqual(client.heard, ["up x"]);
    client.close();
    await client.closed;
    assert.equal((await next("renames")).outcome, "ok");
    up.close();
  });

  await t.test("a script holds two sockets and carries messages between them", async () => {
    const up = await upstream({ perMessageDeflate: true });
    const client = await opened(weir, "bridges", { path: `/?port=${up.port}` });
    assert.equal(up.server.heads[0].headers["x-from"], "weir");
    const large = randomBytes(3 << 20);
    client.send("a");
    client.send(large);
    for (let i = 0; i < 500; i++) client.send(`${i}`);
    await client.until((heard) => heard.length === 502);
    assert.equal(client.heard[0], "up a");
    assert.ok(client.heard[1].equals(large));
    client.close(4001);
    assert.deepEqual(await client.closed, [4001, ""]);
    assert.equal((await next("bridges")).outcome, "ok");
    up.close();
  });

  await t.test("new WebSocket(): protocol, extensions, messages and both closes", async () => {
    const up = await upstream({ perMessageDeflate: true, handleProtocols: () => "first" });
    const response = await weir.request("opens", `/?port=${up.port}`);
    assert.deepEqual(JSON.parse(response.text), [0, "ws://127.0.0.1:PORT/path?q", "open", 1, "first", "permessage-deflate",
      "up question", 4000, "thanks", true, 3]);
    assert.equal(up.server.heads[0].headers["sec-websocket-protocol"], "second, first");
    assert.equal((await next("opens")).outcome, "ok");
    up.close();
  });

  await t.test("an upstream that does not switch is an error and a close, or an ordinary Response", async () => {
    const response = await weir.request("refused", `/?port=${weir.port}`);  // weir itself: an address is nobody's host
    const seen = JSON.parse(response.text);
    assert.deepEqual(seen.slice(0, 6), [
      "Uncaught TypeError: Failed to establish the WebSocket connection: expected server to reply with HTTP status code 101 " +
        "(switching protocols), but received 403 instead.", "TypeError", 1006, "Failed to establish websocket connection", false, 3]);
    assert.deepEqual(seen.slice(6, 8), [403, null]);
    assert.equal((await next("refused")).outcome, "ok");
  });

  await t.test("close() before the connection is there", async () => {
    const up = await upstream();
    const response = await weir.request("aborts", `/?port=${up.port}`);
    assert.deepEqual(JSON.parse(response.text), ["Uncaught Error: Called close before connection was established.", 1006]);
    assert.equal((await next("aborts")).outcome, "ok");
    up.close();
  });

  await t.test("a connection is one subrequest, its messages are none", async () => {
    const up = await upstream();
    const response = await weir.request("counts", `/?port=${up.port}`);
    assert.equal(response.text, "Too many subrequests by single Worker invocation.");
    up.close();
  });

  await t.test("a socket through a service binding, passed on and spoken to", async () => {
    const client = await opened(weir, "routes");
    const large = randomBytes(4 << 20);
    client.send("hello");
    client.send(large);
    for (let i = 0; i < 1000; i++) client.send(`${i}`);
    await client.until((heard) => heard.length === 1002);
    assert.equal(client.heard[0], "hello");
    assert.ok(client.heard[1].equals(large));
    assert.equal(client.heard[1001], "999");
    client.close(4002, "through two");
    assert.deepEqual(await client.closed, [4002, "through two"]);
    const back = await next("echo");
    assert.deepEqual(back.logs[0].message, ["close", 4002, "through two", true, 2]);
    assert.equal(back.outcome, "ok");
    assert.equal((await next("routes")).outcome, "ok");

    const lost = await opened(weir, "routes");
    lost.terminate();
    assert.deepEqual((await next("echo")).logs[0].message.slice(0, 2), ["close", 1006]);
    assert.equal((await next("routes")).outcome, "responseStreamDisconnected");

    assert.deepEqual(JSON.parse((await weir.request("speaks")).text), [101, "one", "two", "three", 4001, "enough"]);
    assert.equal((await next("echo")).outcome, "ok");
    assert.equal((await next("speaks")).outcome, "ok");
  });

  await t.test("a socket that nobody accepts goes with its invocation", async () => {
    const up = await upstream();
    const gone = new Promise((resolve) => up.server.on("connection", (socket) => socket.on("close", resolve)));
    assert.equal((await weir.request("leaves", `/?port=${up.port}`)).text, "never accepted");
    assert.equal(await gone, 1001);
    assert.equal((await next("leaves")).outcome, "ok");
    up.close();
  });

  await t.test("an engine that dies takes its own sockets with 1011, and not those that were joined", async () => {
    const up = await upstream();
    const joined = await opened(weir, "passes", { path: `/?port=${up.port}` });
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await opened(weir, "echo"));
    for (const { pid } of enginesOf(weir.pid)) process.kill(pid, "SIGKILL");
    for (const client of clients) {
      assert.equal((await client.closed)[0], 1011);
      assert.equal((await next("echo")).outcome, "internalError");
    }
    joined.send("still here");
    await joined.until((heard) => heard.length === 1);
    assert.deepEqual(joined.heard, ["up still here"]);
    joined.close();
    await joined.closed;
    assert.equal((await next("passes")).outcome, "ok");
    up.close();
    const fresh = await opened(weir, "echo");  // on a new engine
    fresh.send("again");
    await fresh.until((heard) => heard.length === 1);
    fresh.close();
    await fresh.closed;
    assert.equal((await next("echo")).outcome, "ok");
  });

  await t.test("SIGTERM closes every socket with 1001 and ends with 0", async () => {
    const up = await upstream();
    const held = [await opened(weir, "echo"), await opened(weir, "hangs"), await opened(weir, "passes", { path: `/?port=${up.port}` })];
    held[0].send("x");
    await held[0].until((heard) => heard.length === 1);
    const stopped = weir.stop();
    for (const client of held) assert.equal((await client.closed)[0], 1001);
    const { exit, traces } = await stopped;
    assert.deepEqual(exit, { code: 0, signal: null });
    for (const script of ["echo", "hangs", "passes"]) {
      const all = traces.filter((one) => one.scriptName === script);
      assert.equal(all.length, counts[script] + 1, script);
      assert.equal(all.at(-1).outcome, "ok", script);
    }
    up.close();
  });
});
