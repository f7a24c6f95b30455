// A zone's origin behind weir: WebSockets joined, bodies streamed both ways as they come, and what a broken one becomes.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket as Client, WebSocketServer } from "ws";
import { command, startWeir } from "./weir.mjs";

const scripts = {
  none: { code: `export default { fetch() { return new Response("script"); } }` },
  throws: { code: `export default { fetch(request, env, ctx) { ctx.passThroughOnException(); throw new Error("failed"); } }` },
  self: { code: `export default { fetch(request) { return fetch(request); } }` },
};

test("a zone's origin", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--fetch-response-ms", "300", "--fetch-connect-ms", "2000"] });
  let stopped = false;
  t.after(() => stopped || weir.stop());
  const started = [];
  const handlers = {
    "/stream"(request, response) { started.push({ request, response }); response.write("first "); },
    async "/echo"(request, response) { response.writeHead(200); for await (const chunk of request) response.write(chunk); response.end(); },
    "/cut"(request, response) { response.writeHead(200, { "content-length": 100 }); response.write("part"); setImmediate(() => response.destroy()); },
    "/reset"(request) { request.socket.destroy(); },
    "/garbage"(request) { request.socket.end("this is not HTTP\r\n\r\n"); },
    "/slow"() {},
    "/head"(request, response) { response.writeHead(200, { "x-accel-expires": "1", "x-other": "2", connection: "x-mine", "x-mine": "3" }); response.end("body"); },
  };
  handlers["/shown?a=%62"] = (request, response) => response.writeHead(207, { "x-method": request.method }).end(JSON.stringify({ url: request.url, headers: request.headers }));
  const origin = http.createServer((request, response) => (handlers[request.url] ?? ((_, r) => r.writeHead(404).end()))(request, response)).listen(0, "127.0.0.1");
  await once(origin, "listening");
  const sockets = new WebSocketServer({ server: origin, perMessageDeflate: true, handleProtocols: (offered) => [...offered].at(-1),
    verifyClient: ({ req }, done) => (req.url === "/refused" ? done(false, 403, "no") : done(true)) });
  const heads = [];
  sockets.on("connection", (socket, request) => {
    heads.push(request.headers);
    socket.on("message", (data, binary) => socket.send(data, { binary }));
    socket.on("close", (code, reason) => { closed.push([code, String(reason)]); });
    if (request.url === "/closes") socket.close(4000, "by the origin");
  });
  const closed = [];
  t.after(() => { sockets.close(); origin.close(); origin.closeAllConnections(); });
  await command(weir, "zone", "add", "plain.test", "--origin", `http://127.0.0.1:${origin.address().port}`);
  for (const name of ["throws", "self"]) await command(weir, "route", "add", `${name}.plain.test/*`, "--script", name);
  const get = (path, init) => weir.request(null, path, { host: "plain.test", ...init });
  for (let ready = false; !ready;) ready = (await weir.request(null, "/head", { host: "self.plain.test" })).status === 200;
  const open = async (path, { host = "plain.test", protocols = [], ...options } = {}) => {
    const client = new Client(`ws://127.0.0.1:${weir.port}${path}`, protocols, { headers: { host }, ...options });
    await once(client, "open");
    return client;
  };

  await t.test("a WebSocket is joined with the origin's", async () => {
    for (const perMessageDeflate of [true, false]) {
      const client = await open("/ws", { perMessageDeflate, protocols: ["a", "b"] });
      assert.equal(client.protocol, "b");
      for (const message of ["text", Buffer.from([1, 2, 3]), "z".repeat(2_000_000), ""]) {
        client.send(message);
        const [data, binary] = await once(client, "message");
        assert.deepEqual([data.toString(), binary], [message.toString(), typeof message !== "string"]);
      }
      client.close(4001, "by the client");
      const [code, reason] = await once(client, "close");
      assert.deepEqual([code, String(reason)], [4001, "by the client"]);
    }
    assert.deepEqual(closed, [[4001, "by the client"], [4001, "by the client"]]);
    assert.deepEqual([heads[0].host, heads[0]["cf-connecting-ip"], heads[0]["cdn-loop"]], ["plain.test", "127.0.0.1", "weir"]);
  });
  await t.test("the origin's close and its refusal reach the client", async () => {
    const client = await open("/closes");
    const [code, reason] = await once(client, "close");
    assert.deepEqual([code, String(reason)], [4000, "by the origin"]);
    await assert.rejects(open("/refused"), /403/);
  });
  await t.test("so it is behind a script that fails open, or that passes the request on to its own zone", async () => {
    for (const host of ["throws.plain.test", "self.plain.test"]) {
      const client = await open("/ws", { host });
      client.send("through " + host);
      assert.equal(String((await once(client, "message"))[0]), "through " + host);
      client.close();
      await once(client, "close");
    }
  });
  await t.test("a response streams as it comes, and its end is passed on", async () => {
    const request = http.get({ port: weir.port, host: "127.0.0.1", path: "/stream", headers: { host: "plain.test" } });
    const [response] = await once(request, "response");
    const chunks = [];
    for await (const chunk of response) {
      if (chunks.push(String(chunk)) === 1) started[0].response.end("second");
    }
    assert.deepEqual(chunks, ["first ", "second"]);
  });
  await t.test("a client that leaves ends the origin's request", async () => {
    const request = http.get({ port: weir.port, host: "127.0.0.1", path: "/stream", headers: { host: "plain.test" } });
    await once(request, "response");
    const gone = once(started[1].response, "close");
    request.destroy();
    await gone;
  });
  await t.test("a body streams both ways at once", async () => {
    const request = http.request({ method: "POST", port: weir.port, host: "127.0.0.1", path: "/echo", headers: { host: "plain.test" } });
    request.write("ping");
    const [response] = await once(request, "response");
    let length = 0;
    const sent = async () => {
      for (let i = 0; i < 64; i++) if (!request.write(Buffer.alloc(65536))) await once(request, "drain");
      request.end();
    };
    for await (const chunk of response) {
      if (length === 0) {
        assert.equal(String(chunk), "ping");
        sent();
      }
      length += chunk.length;
    }
    assert.equal(length, 4 + 64 * 65536);
  });
  await t.test("an origin sees the client's request, and from whom it comes", async () => {
    const sent = { "user-agent": "a client", accept: "*/*", "accept-encoding": "zstd", cookie: "a=b; c=d", "x-mine": "1", connection: "keep-alive, x-hop", "x-hop": "2", te: "trailers",
      "x-forwarded-for": "192.0.2.9", "x-forwarded-proto": "gopher", "x-real-ip": "192.0.2.8", "cf-ray": "forged", "cf-visitor": "forged", "cf-ipcountry": "T1", "cdn-loop": "other" };
    const { "cf-ray": ray, ...seen } = JSON.parse((await get("/shown?a=%62", { headers: sent })).text).headers;
    assert.match(ray, /^[0-9a-f]{16}$/);
    assert.deepEqual(seen, { host: "plain.test", "user-agent": "a client", accept: "*/*", "accept-encoding": "zstd", cookie: "a=b; c=d", "x-mine": "1", "cdn-loop": "other, weir",
      "cf-connecting-ip": "127.0.0.1", "cf-ipcountry": "XX", "cf-visitor": '{"scheme":"http"}', "x-forwarded-for": "192.0.2.9, 127.0.0.1", "x-forwarded-proto": "http" });
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"]) {
      const answer = await get("/shown?a=%62", { method, ...(["POST", "PUT", "PATCH"].includes(method) ? { body: "body" } : {}) });
      assert.deepEqual([answer.status, answer.headers["x-method"]], [207, method]);
      if (method !== "HEAD") assert.equal(JSON.parse(answer.text).url, "/shown?a=%62");
    }
  });
  await t.test("fields of the connection stay where they belong", async () => {
    const { headers, text } = await get("/head");
    assert.deepEqual([text, headers["x-other"], headers["x-accel-expires"], headers["x-mine"], headers["cf-cache-status"]], ["body", "2", undefined, undefined, "DYNAMIC"]);
    assert.match(headers["cf-ray"], /^[0-9a-f]{16}-WEI$/);
  });
  await t.test("what breaks is 520, 521, 522, 524 or a cut body", async () => {
    const page = async (path, host) => { const { status, text, headers } = await get(path, host && { host }); return [status, text, headers["retry-after"]]; };
    assert.deepEqual(await page("/reset"), [520, "error code: 520\n", "60"]);
    assert.deepEqual(await page("/garbage"), [520, "error code: 520\n", "60"]);
    assert.deepEqual(await page("/slow"), [524, "error code: 524\n", "120"]);
    await assert.rejects(get("/cut"), /aborted|hang up|ECONNRESET/);
    const json = JSON.parse((await get("/slow", { headers: { accept: "application/problem+json" } })).text);
    assert.deepEqual([json.error_code, json.error_category, json.retryable, json.retry_after], [524, "origin", true, 120]);
    assert.match((await get("/slow", { headers: { accept: "text/markdown" } })).text, /^---\nerror_code: 524\n/);
    assert.match((await get("/slow", { headers: { accept: "text/html", "user-agent": "Mozilla/5.0" } })).text, /<span class="cf-error-code">524<\/span>/);
  });
  await t.test("an https origin that is none is 525", async () => {
    const plain = net.createServer((socket) => { socket.on("error", () => {}); socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"); }).listen(0, "127.0.0.1");
    await once(plain, "listening");
    await command(weir, "zone", "add", "tls.test", "--origin", `https://127.0.0.1:${plain.address().port}`);
    for (let status = 0; status !== 525;) ({ status } = await get("/", { host: "tls.test" }));
    plain.close();
  });
  await t.test("open WebSockets end when weir stops", async () => {
    const client = await open("/ws");
    const end = once(client, "close");
    await weir.stop();
    stopped = true;
    assert.equal((await end)[0], 1001);
  });
});
