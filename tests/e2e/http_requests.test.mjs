// What clients may ask for and how it is answered: connections, framing, limits. Raw bytes against a running weir.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chunk, connect, lastChunk } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const scripts = {
  // Reports what it got; /slow waits for /go first.
  echo: { code: `
    let go; const gone = new Promise((resolve) => { go = resolve; });
    export default {
      async fetch(request) {
        const url = new URL(request.url);
        if (url.pathname === "/slow") { while (!globalThis.released) await scheduler.wait(1); }
        if (url.pathname === "/go") globalThis.released = true;
        const body = request.body === null ? null : await request.text();
        return Response.json({ method: request.method, url: request.url, body, headers: Object.fromEntries(request.headers) });
      },
    };` },
  unread: { code: `export default { fetch() { return new Response("not read", { status: 403 }); } }` },
  reads: { code: `export default { async fetch(request) { return new Response("read " + (await request.text()).length); } }` },
  stream: { code: `export default { fetch(request) {
    const n = Number(new URL(request.url).searchParams.get("n") ?? 3);
    let i = 0;
    return new Response(new ReadableStream({ pull(c) { if (i === n) c.close(); else c.enqueue(new TextEncoder().encode("piece " + i++ + ";")); } }), { headers: { "x-a": "b" } });
  } }` },
  fixed: { code: `export default { fetch() {
    const { readable, writable } = new FixedLengthStream(6);
    const writer = writable.getWriter();
    writer.write(new TextEncoder().encode("abc")); writer.write(new TextEncoder().encode("def")); writer.close();
    return new Response(readable);
  } }` },
  status: { code: `export default { fetch(request) { return new Response(null, { status: Number(new URL(request.url).pathname.slice(1)), headers: { "x-a": "b" } }); } }` },
  head: { code: `let cancelled = 0; export default { fetch(request) {
    if (request.method !== "HEAD") return new Response(String(cancelled));
    return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1000)); }, cancel() { cancelled++; } }));
  } }` },
  length: { code: `export default { fetch() { return new Response(null, { headers: { "content-length": "123" } }); } }` },
};

test("requests and responses", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--engines", "1", "--body-bytes", "100000"] });
  const host = (script) => `Host: ${script}.local.workers.localhost\r\n`;
  const get = (script, target = "/", more = "") => `GET ${target} HTTP/1.1\r\n${host(script)}${more}\r\n`;
  let cases = 0;
  const it = (name, body) => { cases++; return t.test(name, body); };

  await it("a connection serves one request after the other", async () => {
    const client = await connect(weir.port);
    for (let i = 0; i < 5; i++) {
      const response = await client.get(get("echo", `/${i}`));
      assert.equal(response.status, 200);
      assert.equal(JSON.parse(response.text).url, `http://echo.local.workers.localhost/${i}`);
      assert.ok(!("connection" in response.headers));
      assert.match(response.headers.date, /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    }
    client.send(get("echo", "/last", "Connection: close\r\n"));
    const last = await client.response();
    assert.equal(last.headers.connection, "close");
    assert.equal(await client.end(), "end");
  });

  await it("pipelined requests are answered in order, also behind a slow one", async () => {
    const client = await connect(weir.port);
    client.send(get("echo", "/slow") + get("echo", "/2") + `POST /3 HTTP/1.1\r\n${host("echo")}Content-Length: 3\r\n\r\nabc` + get("echo", "/4"));
    const other = await connect(weir.port);
    assert.equal((await other.get(get("echo", "/other"))).status, 200, "one slow connection stops no other");
    assert.equal(client.buffer.length, 0, "nothing overtakes");
    await other.get(get("echo", "/go"));
    const paths = [];
    for (let i = 0; i < 4; i++) {
      const said = JSON.parse((await client.response()).text);
      paths.push(new URL(said.url).pathname);
      if (i === 2) assert.equal(said.body, "abc");
    }
    assert.deepEqual(paths, ["/slow", "/2", "/3", "/4"]);
  });

  await it("a hundred pipelined requests, cut anywhere", async () => {
    const client = await connect(weir.port);
    const all = Buffer.from(Array.from({ length: 100 }, (_, i) => get("echo", `/${i}`)).join(""));
    for (let at = 0; at < all.length; at += 777) client.send(all.subarray(at, at + 777));
    for (let i = 0; i < 100; i++) assert.equal(new URL(JSON.parse((await client.response()).text).url).pathname, `/${i}`);
  });

  await it("Expect: 100-continue is answered when the script reads", async () => {
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("reads")}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
    assert.equal((await client.head()).first, "HTTP/1.1 100 Continue");
    client.send("hello");
    assert.equal((await client.response()).text, "read 5");
    assert.equal((await client.get(get("echo"))).status, 200, "the connection goes on");
  });

  await it("… and not when it does not: the final status, and the connection closes", async () => {
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("unread")}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
    const response = await client.response();
    assert.equal(response.status, 403);
    assert.equal(response.headers.connection, "close");
    assert.equal(await client.end(), "end");
  });

  await it("… nor when the body came along", async () => {
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("reads")}Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello`);
    assert.equal((await client.response()).text, "read 5");
  });

  await it("another expectation is 417", async () => {
    const client = await connect(weir.port);
    assert.equal((await client.get(get("echo", "/", "Expect: the-worst\r\n"))).status, 417);
    assert.equal(await client.end(), "end");
  });

  await it("HEAD has the head of GET and no body", async () => {
    const client = await connect(weir.port);
    client.send(`HEAD / HTTP/1.1\r\n${host("unread")}\r\n`);
    const unread = await client.response("HEAD");
    assert.equal(unread.headers["content-length"], "8");
    client.send(`HEAD / HTTP/1.1\r\n${host("fixed")}\r\n`);
    assert.equal((await client.response("HEAD")).headers["content-length"], "6");
    client.send(`HEAD / HTTP/1.1\r\n${host("length")}\r\n`);
    assert.equal((await client.response("HEAD")).headers["content-length"], "123", "what the script declares");
    client.send(`HEAD / HTTP/1.1\r\n${host("stream")}\r\n`);
    const stream = await client.response("HEAD");
    assert.equal(stream.headers["x-a"], "b");
    assert.ok(!("content-length" in stream.headers));
    assert.equal((await client.get(get("echo"))).status, 200, "the connection goes on");
  });

  await it("the stream of a response to HEAD is cancelled, however long it would be", async () => {
    const client = await connect(weir.port);
    client.send(`HEAD / HTTP/1.1\r\n${host("head")}\r\n`);
    assert.equal((await client.response("HEAD")).status, 200);
    let count;
    do count = (await client.get(get("head"))).text; while (count === "0");
    assert.equal(count, "1");
  });

  await it("a declared length belongs to the framing everywhere else", async () => {
    const client = await connect(weir.port);
    const response = await client.get(get("length"));
    assert.equal(response.headers["content-length"], "0");
    assert.equal((await client.get(get("echo"))).status, 200);
  });

  await it("statuses without a body", async () => {
    const client = await connect(weir.port);
    for (const status of [204, 304, 205]) {
      const response = await client.get(get("status", `/${status}`));
      assert.equal(response.status, status);
      assert.equal(response.headers["x-a"], "b");
      assert.equal(response.body.length, 0);
      assert.ok(!("transfer-encoding" in response.headers));
    }
    assert.equal((await client.get(get("echo"))).status, 200);
  });

  await it("a stream of unknown length is chunked, of known length is not", async () => {
    const client = await connect(weir.port);
    const stream = await client.get(get("stream"));
    assert.ok(stream.chunked);
    assert.equal(stream.text, "piece 0;piece 1;piece 2;");
    const empty = await client.get(get("stream", "/?n=0"));
    assert.ok(empty.chunked);
    assert.equal(empty.text, "");
    const fixed = await client.get(get("fixed"));
    assert.equal(fixed.headers["content-length"], "6");
    assert.equal(fixed.text, "abcdef");
  });

  await it("chunked requests: extensions are skipped, trailers dropped, pieces may be cut anywhere", async () => {
    const client = await connect(weir.port);
    const body = Buffer.from("4;name=value;q=\"x\"\r\nWiki\r\n5\r\npedia\r\nE;x\r\n in\r\n\r\nchunks.\r\n0\r\nX-Trailer: dropped\r\nHost: evil\r\n\r\n");
    client.send(`POST / HTTP/1.1\r\n${host("echo")}Transfer-Encoding: chunked\r\n\r\n`);
    for (const byte of body) client.send(Buffer.from([byte]));
    const said = JSON.parse((await client.response()).text);
    assert.equal(said.body, "Wikipedia in\r\n\r\nchunks.");
    assert.ok(!("x-trailer" in said.headers));
    assert.equal(said.headers.host, "echo.local.workers.localhost");
    client.send(Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\n${host("echo")}Transfer-Encoding: chunked\r\n\r\n`), lastChunk]));
    assert.equal(JSON.parse((await client.response()).text).body, "", "an empty one");
  });

  await it("HTTP/1.0: closes unless asked to keep alive, and is never sent chunks", async () => {
    const closing = await connect(weir.port);
    closing.send(`GET / HTTP/1.0\r\n${host("stream")}\r\n`);
    const stream = await closing.response();
    assert.ok(!stream.chunked);
    assert.equal(stream.text, "piece 0;piece 1;piece 2;");
    const keeping = await connect(weir.port);
    keeping.send(`GET /a HTTP/1.0\r\nConnection: keep-alive\r\n${host("fixed")}\r\n`);
    const first = await keeping.response();
    assert.equal(first.headers.connection, "keep-alive");
    assert.equal(first.text, "abcdef");
    keeping.send(`GET /b HTTP/1.0\r\n${host("echo")}\r\n`);
    const second = await keeping.response();
    assert.equal(second.status, 200);
    assert.equal(await keeping.end(), "end");
    const hostless = await connect(weir.port);
    hostless.send("GET / HTTP/1.0\r\n\r\n");
    assert.equal((await hostless.response()).status, 404, "no host, no script");
  });

  await it("an unread body is skipped up to a bound, and the connection goes on", async () => {
    const client = await connect(weir.port);
    client.send(`POST / HTTP/1.1\r\n${host("unread")}Content-Length: 50000\r\n\r\n`);
    assert.equal((await client.response()).status, 403);
    client.send(Buffer.alloc(50000, "x"));
    client.send(Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\n${host("unread")}Transfer-Encoding: chunked\r\n\r\n`), chunk("x".repeat(30000)), lastChunk]));
    assert.equal((await client.response()).status, 403);
    assert.equal((await client.get(get("echo"))).status, 200);
  });

  await it("what a request says reaches the script as it is", async () => {
    const client = await connect(weir.port);
    client.send(Buffer.from(`PURGE /a%20b/../c?d=%zz&e=\xc3\xa4 HTTP/1.1\r\n${host("echo")}X-Two: 1\r\nX-Two: 2\r\nCookie: a=b\r\nX-Empty:\r\nX-Latin: \xe4\r\n\r\n`, "latin1"));
    const said = JSON.parse((await client.response()).body.toString());
    assert.equal(said.method, "PURGE");
    assert.equal(said.url, "http://echo.local.workers.localhost/a%20b/../c?d=%zz&e=%C3%A4");
    assert.equal(said.headers["x-latin"], "\u00e4");
    assert.equal(said.headers["x-two"], "1, 2");
    assert.equal(said.headers.cookie, "a=b");
    assert.equal(said.headers["x-empty"], "");
    assert.equal(said.headers["cf-connecting-ip"], "127.0.0.1");
    assert.equal(said.body, null);
  });

  await it("fields that a connection names are not passed on", async () => {
    const client = await connect(weir.port);
    const said = JSON.parse((await client.get(get("echo", "/", "Connection: x-hop, keep-alive\r\nX-Hop: 1\r\nX-End: 2\r\n"))).text);
    assert.ok(!("x-hop" in said.headers));
    assert.equal(said.headers["x-end"], "2");
  });

  await it("an absolute target names the host; OPTIONS * is for the server", async () => {
    const client = await connect(weir.port);
    const said = JSON.parse((await client.get(`GET http://ECHO.local.workers.localhost/x?y HTTP/1.1\r\nHost: ECHO.local.workers.localhost\r\n\r\n`)).text);
    assert.equal(new URL(said.url).pathname, "/x");
    client.send(`OPTIONS * HTTP/1.1\r\n${host("echo")}\r\n`);
    assert.equal(new URL(JSON.parse((await client.response()).text).url).pathname, "/");
  });

  await it("every answer has a ray", async () => {
    const client = await connect(weir.port);
    const rays = new Set();
    for (const script of ["echo", "unread", "stream", "nobody"]) {
      const response = await client.get(get(script));
      assert.match(response.headers["cf-ray"], /^[0-9a-f]{16}-[A-Z]{3}$/, script);
      rays.add(response.headers["cf-ray"]);
    }
    assert.equal(rays.size, 4);
  });

  const { exit, traces } = await weir.stop();
  await it("rays of responses and traces agree", () => {
    assert.deepEqual(exit, { code: 0, signal: null });
    assert.ok(traces.length > 100);
    for (const trace of traces) assert.match(JSON.stringify(trace), /"[0-9a-f]{16}"/);
  });
  assert.equal(cases, 20);
});
