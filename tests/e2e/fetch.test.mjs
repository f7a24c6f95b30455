// fetch() from a script to origins that speak byte by byte: connections, bodies both ways, and everything that goes wrong.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { answer, chunk, connect, lastChunk, serveRequests, startOrigin } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const kLost = { name: "Error", message: "Network connection lost.", retryable: true };

// One script: the path says what to do, x-url where to.
const code = `
  const describe = (error) => ({ name: error.name, message: error.message, retryable: error.retryable });
  const show = async (response) => ({ status: response.status, statusText: response.statusText, url: response.url, redirected: response.redirected,
    headers: Object.fromEntries(response.headers), text: await response.text() });
  const encode = (text) => new TextEncoder().encode(text);
  let kept = "";
  const ways = {
    async get(request, url) { return show(await fetch(url)); },
    async send(request, url) {
      const init = JSON.parse(request.headers.get("x-init") ?? "{}");
      return show(await fetch(url, init));
    },
    async times(request, url) {
      const texts = [];
      for (let i = 0; i < 20; i++) texts.push(await (await fetch(url + i)).text());
      return { texts };
    },
    async together(request, url) {
      return { texts: await Promise.all(Array.from({ length: 20 }, async (_, i) => (await fetch(url + i)).text())) };
    },
    async unread(request, url) {
      const heads = [];
      for (let i = 0; i < 5; i++) heads.push((await fetch(url + i)).status);
      return { heads };
    },
    async bytes(request, url) { return show(await fetch(url, { method: "POST", body: encode("bytes \\u00e4") })); },
    async large(request, url) { return show(await fetch(url, { method: "PUT", body: "x".repeat(1 << 20) })); },
    async form(request, url) { return show(await fetch(url, { method: "POST", body: new URLSearchParams({ a: "b c" }) })); },
    async empty(request, url) { return show(await fetch(url, { method: "POST" })); },
    async stream(request, url) {
      let i = 0;
      const body = new ReadableStream({ async pull(c) { await scheduler.wait(1); if (i === 3) c.close(); else c.enqueue(encode("part" + i++)); } });
      return show(await fetch(url, { method: "POST", body }));
    },
    async fixed(request, url) {
      const { readable, writable } = new FixedLengthStream(6);
      const writer = writable.getWriter();
      writer.write(encode("abc")); writer.write(encode("def")); writer.close();
      return show(await fetch(url, { method: "POST", body: readable }));
    },
    async relay(request, url) {  // one origin's response body is the next one's request body
      const first = await fetch(url + "/first");
      return show(await fetch(url + "/second", { method: "POST", body: first.body }));
    },
    async failing(request, url) {
      const body = new ReadableStream({ async pull(c) { if (!this.n) { this.n = 1; c.enqueue(encode("start")); } else { await scheduler.wait(1); c.error(new RangeError("source failed")); } } });
      return show(await fetch(url, { method: "POST", body }));
    },
    async early(request, url) {  // the origin answers before it has the body
      let cancelled = false;
      const body = new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(new Uint8Array(1000)); }, cancel() { cancelled = true; } });
      const shown = await show(await fetch(url, { method: "POST", body }));
      return { ...shown, cancelled };
    },
    async abort(request, url) {
      const controller = new AbortController();
      const pending = fetch(url, { signal: controller.signal });
      await fetch(url + "/seen");
      controller.abort(new RangeError("stop"));
      return show(await pending);
    },
    async abortBody(request, url) {
      const controller = new AbortController();
      const response = await fetch(url, { signal: controller.signal });
      const reader = response.body.getReader();
      const first = new TextDecoder().decode((await reader.read()).value);
      const rest = reader.read();
      controller.abort();
      try { await rest; } catch (error) { return { first, ...describe(error) }; }
    },
    async abortUpload(request, url) {
      const controller = new AbortController();
      let cancelled = false;
      const body = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1000)); return scheduler.wait(1); }, cancel() { cancelled = true; } });
      const pending = fetch(url, { method: "POST", body, signal: controller.signal });
      await fetch(url + "/seen");
      controller.abort();
      try { await pending; } catch (error) { return { cancelled, ...describe(error) }; }
    },
    async cancelBody(request, url) {
      const response = await fetch(url);
      await response.body.cancel();
      return { cancelled: true };
    },
    async part(request, url) {  // how much arrives of a body that breaks
      const reader = (await fetch(url)).body.getReader();
      let text = "";
      try {
        for (let part; !(part = await reader.read()).done; ) text += new TextDecoder().decode(part.value);
      } catch (error) { return { text, ...describe(error) }; }
      return { text };
    },
    async head(request, url) { return show(await fetch(url, { method: "HEAD" })); },
    async caught(request, url) { return show(await fetch(url)); },
  };
  export default { async fetch(request) {
    const url = new URL(request.url);
    const target = request.headers.get("x-url");
    if (url.pathname === "/pass") return fetch(target, request);
    if (url.pathname === "/passed") return fetch(target);
    try { return Response.json(await ways[url.pathname.slice(1)](request, target)); } catch (error) { return Response.json({ error: describe(error) }); }
  } };`;

test("fetch", async (t) => {
  const weir = await startWeir({ f: { code } }, { flags: ["--engines", "1", "--loops", "1", "--fetch-response-ms", "400", "--fetch-stall-ms", "400", "--fetch-connect-ms", "400"] });
  const ask = async (way, url, init = {}) => JSON.parse((await weir.request("f", `/${way}`, { ...init, headers: { "x-url": url, ...init.headers } })).text);
  let cases = 0;
  const it = (name, body) => { cases++; return t.test(name, body); };
  /** An origin for one case: serve(wire, origin), or handle(request, wire, origin) with `requests`. */
  const withOrigin = async (serve, use) => {
    const origin = await startOrigin(serve);
    try {
      return await use(origin);
    } finally {
      origin.stop();
    }
  };
  const requests = serveRequests;
  /** What the script sees when the origin answers these bytes and closes. */
  const reads = (way, bytes, { close = true, reset = false } = {}) => withOrigin(async (wire) => {
    await wire.head();
    wire.send(bytes);
    if (reset) wire.socket.resetAndDestroy();
    else if (close) wire.socket.end();
  }, (origin) => ask(way, origin.url));

  // ---- connections ----
  await it("sequential requests share one connection", () => withOrigin(requests((request) => answer(200, {}, request.target)), async (origin) => {
    const { texts } = await ask("times", `${origin.url}/`);
    assert.deepEqual(texts, Array.from({ length: 20 }, (_, i) => `/${i}`));
    assert.equal(origin.connections, 1);
    await ask("times", `${origin.url}/`);
    assert.equal(origin.connections, 1, "also those of the next invocation");
  }));
  await it("chunked responses share it too", () => withOrigin(requests((request) => Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), chunk(request.target), lastChunk])), async (origin) => {
    assert.equal((await ask("times", `${origin.url}/`)).texts.at(-1), "/19");
    assert.equal(origin.connections, 1);
  }));
  await it("an origin that closes is connected to again", () => withOrigin(async (wire) => {
    const { first } = await wire.head();
    wire.send(answer(200, { connection: "close" }, first.split(" ")[1]));
    wire.socket.end();
  }, async (origin) => {
    assert.equal((await ask("times", `${origin.url}/`)).texts.length, 20);
    assert.equal(origin.connections, 20);
  }));
  await it("HTTP/1.0 is understood, and not reused unasked", () => withOrigin(async (wire) => {
    await wire.head();
    wire.send("HTTP/1.0 200 Fine\r\nX-A: b\r\n\r\nuntil the end");
    wire.socket.end();
  }, async (origin) => {
    const shown = await ask("get", origin.url);
    assert.deepEqual([shown.status, shown.statusText, shown.headers["x-a"], shown.text], [200, "Fine", "b", "until the end"]);
  }));
  await it("six wait for their heads, the others for their turn", () => {
    const held = [];
    let most = 0;
    return withOrigin(requests(async (request) => {
      held.push(request.target);
      most = Math.max(most, held.length);
      while (held.length < 6 && held[0] === "/0") await sleep(1);
      await sleep(2);
      held.splice(held.indexOf(request.target), 1);
      return answer(200, {}, request.target);
    }), async (origin) => {
      const { texts } = await ask("together", `${origin.url}/`);
      assert.deepEqual(texts, Array.from({ length: 20 }, (_, i) => `/${i}`));
      assert.equal(most, 6);
    });
  });
  await it("a pooled connection that died is tried once more, for a request that may be repeated", () => withOrigin(async (wire, origin) => {
    const first = origin.connections === 1;
    for (;;) {
      const { first: line } = await wire.head();
      if (first && line.includes("/1 ")) return wire.socket.destroy();
      wire.send(answer(200, {}, line.split(" ")[1]));
    }
  }, async (origin) => {
    assert.deepEqual((await ask("times", `${origin.url}/`)).texts, Array.from({ length: 20 }, (_, i) => `/${i}`));
    assert.equal(origin.connections, 2);
  }));
  await it("… once", () => withOrigin(async (wire, origin) => {
    if (origin.connections === 1) {
      await wire.head();
      wire.send(answer(200, {}, "first"));
    }
    await wire.head();
    wire.socket.destroy();
  }, async (origin) => {
    assert.deepEqual((await ask("times", `${origin.url}/`)).error, kLost);
    assert.equal(origin.connections, 2);
  }));
  await it("… and not for another", () => withOrigin(async (wire) => {
    await wire.head();
    wire.send(answer(200, {}, "first"));
    await wire.head();
    wire.socket.destroy();
  }, async (origin) => {
    assert.equal((await ask("empty", origin.url)).text, "first");
    assert.deepEqual((await ask("empty", origin.url)).error, kLost);
    assert.equal(origin.connections, 1);
  }));
  await it("bodies nobody reads do not come, and cost a connection each", () => withOrigin(requests(() => "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nstart"), async (origin) => {
    assert.deepEqual((await ask("unread", `${origin.url}/`)).heads, [200, 200, 200, 200, 200]);
    assert.equal(origin.connections, 5);
    for (const wire of origin.wires) await wire.toEnd();
  }));

  // ---- what is sent ----
  await it("a request as an origin sees it", () => withOrigin(requests((request) => answer(200, {}, JSON.stringify(request.headers))), async (origin) => {
    const shown = await ask("send", `${origin.url}/a?b#c`, { headers: { "x-init": JSON.stringify({ headers: { "X-A": "1", "CF-Worker": "forged", "CF-Ray": "forged", Connection: "close, x-a", Host: "forged", Expect: "100-continue", "Transfer-Encoding": "chunked", "Content-Length": "77" } }) } });
    const headers = JSON.parse(shown.text);
    assert.equal(headers.host, `127.0.0.1:${origin.port}`);
    assert.equal(headers["x-a"], "1");
    assert.equal(headers["cf-worker"], "local.workers.localhost");
    assert.match(headers["cf-ray"], /^[0-9a-f]{16}$/);
    for (const name of ["connection", "expect", "transfer-encoding", "content-length", "accept-encoding"]) assert.ok(!(name in headers), name);
    assert.equal(shown.url, `${origin.url}/a?b`);
  }));
  await it("targets of every kind arrive as browsers send them", () => withOrigin(requests((request) => answer(200, {}, request.target)), async (origin) => {
    let checked = 0;
    for (const [path, target] of [["", "/"], ["?q", "/?q"], ["/a b", "/a%20b"], ["/{a}|b?c={d}|e^", "/%7Ba%7D|b?c={d}|e^"], ["/ä?ö", "/%C3%A4?%C3%B6"], ["/%zz%", "/%zz%"], ["/a/../b/./c", "/b/c"], ["/[x]?[y]", "/[x]?[y]"], ["//double", "//double"]]) {
      assert.equal((await ask("send", "", { headers: { "x-url": encodeURI(`${origin.url}`) + path.replaceAll("ä", "%C3%A4").replaceAll("ö", "%C3%B6") } })).text, target, path);
      checked++;
    }
    assert.equal(checked, 9);
  }));
  const echo = requests((request) => answer(200, {}, JSON.stringify({ method: request.method, length: request.headers["content-length"] ?? null, chunked: request.headers["transfer-encoding"] ?? null,
    type: request.headers["content-type"] ?? null, body: request.body.length > 100 ? request.body.length : request.body.toString() })));
  await it("bodies: bytes, text, a form, none, large, streams with and without a length", () => withOrigin(echo, async (origin) => {
    const sent = async (way) => JSON.parse((await ask(way, origin.url)).text);
    assert.deepEqual(await sent("bytes"), { method: "POST", length: "8", chunked: null, type: null, body: "bytes ä" });
    assert.deepEqual(await sent("form"), { method: "POST", length: "5", chunked: null, type: "application/x-www-form-urlencoded;charset=UTF-8", body: "a=b+c" });
    assert.deepEqual(await sent("empty"), { method: "POST", length: "0", chunked: null, type: null, body: "" });
    assert.deepEqual(await sent("large"), { method: "PUT", length: String(1 << 20), chunked: null, type: "text/plain;charset=UTF-8", body: 1 << 20 });
    assert.deepEqual(await sent("stream"), { method: "POST", length: null, chunked: "chunked", type: null, body: "part0part1part2" });
    assert.deepEqual(await sent("fixed"), { method: "POST", length: "6", chunked: null, type: null, body: "abcdef" });
    assert.equal(origin.connections, 1);
  }));
  await it("the client's body goes on, with its length or without, and so does its method", () => withOrigin(echo, async (origin) => {
    const pass = async (head, body, together = false) => {
      const client = await connect(weir.port);
      const start = `PATCH /pass HTTP/1.1\r\nHost: f.local.workers.localhost\r\nX-Url: ${origin.url}\r\n${head}\r\n`;
      client.send(together ? Buffer.concat([Buffer.from(start), Buffer.from(body)]) : start);
      if (!together) client.send(body);
      return JSON.parse((await client.response()).text);
    };
    assert.deepEqual(await pass("Content-Length: 5\r\n", "hello"), { method: "PATCH", length: "5", chunked: null, type: null, body: "hello" });
    assert.deepEqual(await pass("Content-Length: 5\r\n", "hello", true), { method: "PATCH", length: "5", chunked: null, type: null, body: "hello" });
    assert.deepEqual(await pass("Content-Length: 200000\r\n", "x".repeat(200000)), { method: "PATCH", length: "200000", chunked: null, type: null, body: 200000 });
    assert.deepEqual(await pass("Transfer-Encoding: chunked\r\n", Buffer.concat([chunk("a".repeat(70000)), chunk("bc"), lastChunk])), { method: "PATCH", length: null, chunked: "chunked", type: null, body: 70002 });
  }));
  await it("one origin's response is another request's body", () => withOrigin(requests((request) => request.target === "/first" ? answer(200, {}, "y".repeat(300000)) : answer(200, {}, `${request.body.length} ${request.headers["content-length"]}`)), async (origin) => {
    assert.equal((await ask("relay", origin.url)).text, "300000 300000");
  }));
  await it("a request body that fails cuts the request, and fetch() rejects with its reason", () => withOrigin(async (wire) => {
    await wire.head();
    assert.equal((await wire.chunk()).toString(), "start");
    await wire.toEnd();
    assert.ok(!wire.buffer.includes("0\r\n\r\n"), "no end of the body");
  }, async (origin) => {
    assert.deepEqual((await ask("failing", origin.url)).error, { name: "RangeError", message: "source failed" });
  }));
  await it("an origin may answer before it has the body; the rest of it is cancelled", () => withOrigin(async (wire) => {
    await wire.head();
    await wire.chunk();
    wire.send(answer(413, { connection: "close" }, "too much"));
  }, async (origin) => {
    const shown = await ask("early", origin.url);
    assert.deepEqual([shown.status, shown.text, shown.cancelled], [413, "too much", true]);
    await origin.wires[0].toEnd();
  }));
  await it("… also when it closes at once", () => withOrigin(async (wire) => {
    await wire.head();
    await wire.chunk();
    wire.send(answer(413, {}, "too much"));
    wire.socket.destroySoon();
  }, async (origin) => {
    const shown = await ask("early", origin.url);
    assert.deepEqual([shown.status, shown.text, shown.cancelled], [413, "too much", true]);
  }));

  // ---- what comes back ----
  await it("a response as a script sees it", async () => {
    const shown = await reads("get", "HTTP/1.1 299 Quite fine\r\nX-A: 1\r\nX-A: 2\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n");
    assert.deepEqual([shown.status, shown.statusText, shown.text], [299, "Quite fine", "hello"]);
    assert.deepEqual(shown.headers, { "x-a": "1, 2" });
  });
  await it("interim responses are skipped", async () => {
    const shown = await reads("get", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert.deepEqual([shown.status, shown.text], [200, "ok"]);
    assert.ok(!("link" in shown.headers));
  });
  await it("204, 304 and HEAD have no body whatever they say", () => withOrigin(requests((request) => {
    if (request.method === "HEAD") return "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n";
    return request.target === "/304" ? "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: x\r\n\r\n" : "HTTP/1.1 204 No Content\r\n\r\n";
  }), async (origin) => {
    const head = await ask("head", origin.url);
    assert.deepEqual([head.status, head.headers["content-length"], head.text], [200, "1234", ""]);
    assert.deepEqual([(await ask("get", `${origin.url}/204`)).status, (await ask("get", `${origin.url}/304`)).headers.etag], [204, "x"]);
    assert.equal(origin.connections, 1, "and the connection goes on");
    const passed = await connect(weir.port);
    passed.send(`HEAD /pass HTTP/1.1\r\nHost: f.local.workers.localhost\r\nX-Url: ${origin.url}\r\n\r\n`);
    assert.equal((await passed.response("HEAD")).headers["content-length"], "1234", "passed on, it keeps its length");
  }));
  await it("compressed bodies pass as they are", () => withOrigin(requests((request) => answer(200, { "content-encoding": "gzip", "x-asked": request.headers["accept-encoding"] }, Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]))), async (origin) => {
    const client = await connect(weir.port);
    client.send(`GET /pass HTTP/1.1\r\nHost: f.local.workers.localhost\r\nX-Url: ${origin.url}\r\nAccept-Encoding: gzip, br\r\n\r\n`);
    const response = await client.response();
    assert.equal(response.headers["content-encoding"], "gzip");
    assert.equal(response.headers["x-asked"], "gzip, br");
    assert.deepEqual([...response.body], [0x1f, 0x8b, 8, 0, 1, 2, 3]);
  }));
  await it("cookies stay lines of their own", () => withOrigin(requests(() => "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nContent-Length: 0\r\nSet-Cookie: b=2, c\r\n\r\n"), async (origin) => {
    const client = await connect(weir.port);
    client.send(`GET /passed HTTP/1.1\r\nHost: f.local.workers.localhost\r\nX-Url: ${origin.url}\r\n\r\n`);
    await client.until(() => client.buffer.includes("\r\n\r\n"), "a head");
    assert.deepEqual(client.buffer.toString().match(/set-cookie: .*/gi).map((line) => line.toLowerCase()), ["set-cookie: a=1; path=/", "set-cookie: b=2, c"]);
  }));

  // ---- what goes wrong ----
  await it("a name without an address is 530 with error 1016", async () => {
    const shown = await ask("caught", "http://nowhere.invalid/");
    assert.deepEqual([shown.status, shown.text], [530, "error code: 1016\n"]);
  });
  await it("a refused connection is 521", async () => {
    const origin = await startOrigin(() => {});
    origin.stop();
    await new Promise((closed) => origin.server.close(closed));
    const shown = await ask("caught", origin.url);
    assert.deepEqual([shown.status, shown.text], [521, "error code: 521\n"]);
  });
  await it("an end before the head is lost", async () => {
    assert.deepEqual((await reads("get", "")).error, kLost);
    assert.deepEqual((await reads("get", "HTTP/1.1 200 OK\r\nContent-")).error, kLost);
    assert.deepEqual((await reads("get", "", { reset: true })).error, kLost);
  });
  await it("an end within the body is an error of the body, behind what came", async () => {
    assert.deepEqual(await reads("part", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), { text: "hello", ...kLost });
    assert.deepEqual(await reads("part", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo"), { text: "hellowo", ...kLost });
  });
  await it("a reset within the body too", () => withOrigin(async (wire) => {
    await wire.head();
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    await sleep(50);
    wire.socket.resetAndDestroy();
  }, async (origin) => {
    assert.deepEqual(await ask("part", origin.url), { text: "hello", ...kLost });
  }));
  await it("what is no response is lost", async () => {
    const bad = {
      "not HTTP": "SSH-2.0-OpenSSH\r\n\r\n",
      "a bad status": "HTTP/1.1 abc OK\r\n\r\n",
      "HTTP/2": "HTTP/2 200\r\n\r\n",
      "a bare line feed": "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
      "a space before a colon": "HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 0\r\n\r\n",
      "a folded field": "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
      "NUL in a value": "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n",
      "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
      "both framings": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "a bad length": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "an unknown coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "an upgrade nobody asked for": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
      "interim responses without end": "HTTP/1.1 100 Continue\r\n\r\n".repeat(20),
      "a head over its bound": `HTTP/1.1 200 OK\r\nX-A: ${"b".repeat(200_000)}\r\n\r\n`,
      "more fields than allowed": `HTTP/1.1 200 OK\r\n${"X-A: b\r\n".repeat(400)}\r\n`,
    };
    for (const [name, bytes] of Object.entries(bad)) { const got = await reads("get", bytes); assert.deepEqual(got.error, kLost, `${name}: ${JSON.stringify(got).slice(0, 200)}`); }
    assert.equal(Object.keys(bad).length, 15);
  });
  await it("a bad chunk is an error of the body", async () => {
    for (const bytes of ["xyz\r\n", "5\r\nhelloX", "-5\r\nhello\r\n", "5;\x01\r\nhello\r\n"]) {
      const shown = await reads("part", `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n${bytes}`);
      assert.deepEqual({ ...shown, text: shown.text.slice(0, 2) }, { text: "ok", ...kLost }, bytes);
    }
  });
  await it("a long reason phrase is cut, not fatal", async () => {
    const shown = await reads("get", `HTTP/1.1 200 ${"x".repeat(5000)}\r\nContent-Length: 2\r\n\r\nok`);
    assert.deepEqual([shown.statusText.length, shown.text], [1024, "ok"]);
  });
  await it("an origin that does not answer is 524", () => withOrigin(async (wire) => { await wire.toEnd(); }, async (origin) => {
    const shown = await ask("caught", origin.url);
    assert.deepEqual([shown.status, shown.text], [524, "error code: 524\n"]);
    await origin.wires[0].toEnd();
  }));
  await it("one that does not shake hands is 522", () => withOrigin(async (wire) => { await wire.toEnd(); }, async (origin) => {
    const shown = await ask("caught", origin.url.replace("http:", "https:"));
    assert.deepEqual([shown.status, shown.text], [522, "error code: 522\n"]);
  }));
  await it("a body that stalls is lost", () => withOrigin(async (wire) => {
    await wire.head();
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    await wire.toEnd();
  }, async (origin) => {
    assert.deepEqual(await ask("part", origin.url), { text: "hello", ...kLost });
  }));
  await it("a piped response that breaks is cut for the client", () => withOrigin(async (wire) => {
    await wire.head();
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    await sleep(20);
    wire.socket.destroy();
  }, async (origin) => {
    const client = await connect(weir.port);
    client.send(`GET /passed HTTP/1.1\r\nHost: f.local.workers.localhost\r\nX-Url: ${origin.url}\r\n\r\n`);
    assert.equal((await client.head()).headers["content-length"], "10");
    assert.equal((await client.bytes(5)).toString(), "hello");
    await client.end();
    assert.equal(client.buffer.length, 0);
  }));

  // ---- aborted ----
  await it("abort before the head closes the connection", () => {
    let seen;
    const requested = new Promise((resolve) => { seen = resolve; });
    return withOrigin(requests(async (request, wire) => {
      if (request.target === "/seen") {
        await requested;
        return answer(200, {}, "seen");
      }
      seen();
      await wire.toEnd();
      return undefined;
    }), async (origin) => {
      assert.deepEqual((await ask("abort", origin.url)).error, { name: "RangeError", message: "stop" });
      await origin.wires[0].toEnd();
    });
  });
  await it("abort within the body does, and so does cancel()", () => withOrigin(async (wire) => {
    await wire.head();
    wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    wire.send(chunk("first"));
    await wire.toEnd();
  }, async (origin) => {
    assert.deepEqual(await ask("abortBody", origin.url), { first: "first", name: "AbortError", message: "The operation was aborted" });
    assert.deepEqual(await ask("cancelBody", origin.url), { cancelled: true });
    for (const wire of origin.wires) await wire.toEnd();
    assert.equal(origin.connections, 2);
  }));
  await it("abort within an upload cancels its stream", () => {
    let seen;
    const requested = new Promise((resolve) => { seen = resolve; });
    return withOrigin(async (wire) => {
      const { first } = await wire.head();
      if (first.includes("/seen")) {
        await requested;
        wire.send(answer(200, {}, "seen"));
        return;
      }
      await wire.chunk();
      seen();
      await wire.toEnd();
    }, async (origin) => {
      assert.deepEqual(await ask("abortUpload", origin.url), { cancelled: true, name: "AbortError", message: "The operation was aborted" });
      await origin.wires[0].toEnd();
    });
  });

  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.ok(!traces.some((trace) => trace.outcome === "internalError"));
  assert.doesNotMatch(weir.output(), /starting another/);
  assert.equal(cases, 37);
});
