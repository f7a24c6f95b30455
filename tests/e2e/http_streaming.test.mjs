// Bodies that are longer than anything holds: who reads slowly slows who sends, through a script and past it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { enginesOf, peakMb, stopProcess } from "./processes.mjs";
import { chunk, connect, lastChunk } from "./raw.mjs";
import { instrumented, startWeir } from "./weir.mjs";

const kMB = 1 << 20;
const kThrough = 200;       // MB sent each way through a script and past it
const kProcessMax = 150;    // MB that either process may need …
const kEngineMax = 125;     // … and the engine does: dead chunks do not wait for the script's limit
const kAheadMax = 48 * kMB; // bytes a sender may be ahead of a reader that stopped: windows and the kernel's buffers

const scripts = {
  // Makes a body of ?mb megabytes, and counts what was asked of it.
  source: { code: `let produced = 0; let cancelled = 0; export default { fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/produced") return new Response(String(produced));
    if (url.pathname === "/cancelled") return new Response(String(cancelled));
    let left = Number(url.searchParams.get("mb")) * ${kMB};
    produced = 0;
    const piece = new Uint8Array(65536).map((_, i) => i * 7);
    return new Response(new ReadableStream({
      pull(c) { if (left <= 0) return c.close(); c.enqueue(piece); left -= piece.length; produced += piece.length; },
      cancel() { cancelled++; },
    }));
  } }` },
  // Reads a body when /go was asked, and counts it.
  sink: { code: `let go; let wait = new Promise((r) => { go = r; }); let read = 0; export default { async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/read") return new Response(String(read));
    if (url.pathname === "/go") { globalThis.gone = true; return new Response("gone"); }
    const reader = request.body.getReader();
    read = (await reader.read()).value.length;
    while (!globalThis.gone) await scheduler.wait(1);
    for (let part; !(part = await reader.read()).done; ) read += part.value.length;
    return new Response(String(read));
  } }` },
  // Every byte passes through JavaScript.
  through: { code: `export default { fetch(request) {
    return new Response(request.body.pipeThrough(new TransformStream({ transform(part, c) { c.enqueue(part.map((byte) => byte ^ 255)); } })));
  } }` },
  // No byte does.
  echo: { code: `export default { fetch(request) { return new Response(request.body); } }` },
  proxy: { code: `export default { fetch(request, env) { return fetch(env.ORIGIN + new URL(request.url).pathname, request); } }` },
};

/** Polls until the number has not changed for a while that is counted in answers, not in time. */
async function settled(ask) {
  let last = -1;
  for (let same = 0; same < 25; ) {
    const now = Number(await ask());
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return last;
}

/** Sends mb megabytes, taking the kernel's word for when to go on. */
async function pour(socket, mb, piece = Buffer.alloc(kMB, 5)) {
  for (let i = 0; i < mb; i++) if (!socket.write(piece)) await once(socket, "drain");
}

test("who reads slowly slows who sends", async (t) => {
  const weir = await startWeir({ source: scripts.source, sink: scripts.sink, through: scripts.through },
    { flags: ["--engines", "1", "--body-bytes", String(2048 * kMB)] });
  const host = (script) => `Host: ${script}.local.workers.localhost\r\n`;
  const ask = async (script, path) => (await weir.request(script, path)).text;
  let cases = 0;
  const it = (name, body) => { cases++; return t.test(name, body); };

  await it("a client that stops reading stops the script's stream, and nothing is lost when it goes on", async () => {
    const client = await connect(weir.port);
    client.send(`GET /?mb=160 HTTP/1.1\r\n${host("source")}\r\n`);
    assert.match((await client.head()).first, / 200 /);
    client.socket.pause();
    const ahead = await settled(() => ask("source", "/produced"));
    assert.ok(ahead > 0);
    assert.ok(ahead < kAheadMax, `the script was ${ahead} bytes ahead`);
    client.socket.resume();
    let total = 0;
    for (let bytes; (bytes = await client.chunk()).length > 0; ) total += bytes.length;
    assert.equal(total, 160 * kMB);
    assert.equal(await ask("source", "/produced"), String(160 * kMB));
  });

  await it("a script that stops reading stops the client", async () => {
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("sink")}Content-Length: ${160 * kMB}\r\n\r\n`);
    let sent = 0;
    let done = false;
    const pouring = (async () => {
      const piece = Buffer.alloc(65536, 1);
      for (; sent < 160 * kMB; sent += piece.length) if (!client.socket.write(piece)) await once(client.socket, "drain");
      done = true;
    })();
    const ahead = await settled(async () => { await ask("sink", "/read"); return sent; });
    assert.ok(!done);
    assert.ok(ahead < kAheadMax, `the client was ${ahead} bytes ahead`);
    assert.ok(Number(await ask("sink", "/read")) > 0);
    await ask("sink", "/go");
    assert.equal((await client.response()).text, String(160 * kMB));
    await pouring;
  });

  await it("a client that sends slowly is read as it sends, and answered as it does", async () => {
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("through")}Transfer-Encoding: chunked\r\n\r\n`);
    client.send(chunk("a"));
    assert.match((await client.head()).first, / 200 /);
    for (const text of ["a", "bc", "d".repeat(1000)]) {
      if (text !== "a") client.send(chunk(text));
      let got = Buffer.alloc(0);
      while (got.length < text.length) got = Buffer.concat([got, await client.chunk()]);
      assert.equal(Buffer.from(got.map((byte) => byte ^ 255)).toString(), text);
    }
    client.send(lastChunk);
    assert.equal((await client.chunk()).length, 0);
  });

  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  for (const trace of traces) assert.equal(trace.outcome, "ok", JSON.stringify(trace));
  assert.equal(cases, 3);
});

test("long bodies need little memory", async (t) => {
  // An origin for bodies: /download?N sends N MB, /upload counts what comes and says its digest.
  const origin = http.createServer(async (request, response) => {
    if (request.method === "GET") {
      const mb = Number(request.url.slice(1));
      response.writeHead(200, { "x-origin": "1" });
      const piece = Buffer.alloc(kMB, 9);
      for (let i = 0; i < mb && !response.destroyed; i++) if (!response.write(piece)) await Promise.race([once(response, "drain"), once(response, "close")]);
      response.end();
      return;
    }
    let bytes = 0;
    for await (const part of request) bytes += part.length;
    response.end(JSON.stringify({ bytes, length: request.headers["content-length"] ?? null }));
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  scripts.proxy.vars = { ORIGIN: `http://127.0.0.1:${origin.address().port}` };
  const weir = await startWeir({ through: scripts.through, echo: scripts.echo, proxy: scripts.proxy }, { flags: ["--engines", "1", "--body-bytes", String(2048 * kMB), "--engine-silent-ms", "600000"] });
  const [{ pid: engine }] = enginesOf(weir.pid);
  const host = (script) => `Host: ${script}.local.workers.localhost\r\n`;
  let cases = 0;
  const it = (name, body) => { cases++; return t.test(name, body); };

  await it(`${kThrough} MB through a script both ways, byte for byte`, async () => {
    const digest = createHash("sha1");
    const expected = createHash("sha1");
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("through")}Content-Length: ${kThrough * kMB}\r\n\r\n`);
    const piece = Buffer.alloc(kMB).map((_, i) => i * 31 + (i >> 8));
    const inverted = piece.map((byte) => byte ^ 255);
    for (let i = 0; i < kThrough; i++) expected.update(inverted);
    const pouring = pour(client.socket, kThrough, piece);
    assert.match((await client.head()).first, / 200 /);
    let total = 0;
    for (let bytes; (bytes = await client.chunk()).length > 0; total += bytes.length) digest.update(bytes);
    await pouring;
    assert.equal(total, kThrough * kMB);
    assert.equal(digest.digest("hex"), expected.digest("hex"));
  });

  await it(`${kThrough} MB past a script: the client's body is the response`, async () => {
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("echo")}Content-Length: ${kThrough * kMB}\r\n\r\n`);
    const pouring = pour(client.socket, kThrough);
    const { headers } = await client.head();
    assert.equal(headers["content-length"], String(kThrough * kMB));
    let total = 0;
    while (total < kThrough * kMB) {
      await client.until(() => client.buffer.length > 0, "more");
      total += client.take(client.buffer.length).length;
    }
    await pouring;
    assert.equal(total, kThrough * kMB);
  });

  await it("a piped response flows while the engine stands still: no byte of it goes there", async () => {
    const client = await connect(weir.port);
    client.send(`GET /${kThrough} HTTP/1.1\r\n${host("proxy")}\r\n`);
    const { headers } = await client.head();
    assert.equal(headers["x-origin"], "1");
    await stopProcess(engine);
    try {
      let total = 0;
      for (let bytes; (bytes = await client.chunk()).length > 0; ) total += bytes.length;
      assert.equal(total, kThrough * kMB);
    } finally {
      process.kill(engine, "SIGCONT");
    }
  });

  await it("a piped request flows while the engine stands still", async () => {
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("proxy")}Content-Length: ${kThrough * kMB}\r\n\r\n`);
    const arrived = once(origin, "request");
    await pour(client.socket, 1);
    await arrived;
    await stopProcess(engine);
    try {
      await pour(client.socket, kThrough - 1);
      // Taken by the origin: more than all buffers between hold.
      await new Promise((sent) => client.socket.write("", sent));
    } finally {
      process.kill(engine, "SIGCONT");
    }
    const said = JSON.parse((await client.response()).text);
    assert.deepEqual(said, { bytes: kThrough * kMB, length: String(kThrough * kMB) });
  });

  await it("neither process needed much memory for all that", () => {
    assert.ok(instrumented || peakMb(weir.pid) < kProcessMax, `weir: ${peakMb(weir.pid)} MB`);
    assert.ok(peakMb(engine) < kEngineMax, `engine: ${peakMb(engine)} MB`);
    assert.deepEqual(enginesOf(weir.pid).map((one) => one.pid), [engine], "the engine is the one of the beginning");
  });

  const { exit, traces } = await weir.stop();
  origin.close();
  origin.closeAllConnections();
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.equal(traces.length, 4);
  for (const trace of traces) assert.equal(trace.outcome, "ok", JSON.stringify(trace));
  assert.equal(cases, 5);
});
