import { assert, assertEquals, assertRejects, route, test, worker } from "../harness.js";

const encode = (text) => new TextEncoder().encode(text);
const kCrossRequest = /^Cannot perform I\/O on behalf of a different request\. I\/O objects \(such as streams, request\/response bodies, and others\) created in the context of one request handler cannot be accessed from a different request's handler\. .* \(I\/O type: \w+\)$/;
const kNotResponse = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";
let kept;

route("echo", async (request) => Response.json({
  method: request.method, body: await request.text(), headers: Object.fromEntries(request.headers),
}));
route("stream", () => new Response(new ReadableStream({
  async start(c) {
    for (let i = 0; i < 20; i++) {
      c.enqueue(new Uint8Array(10000).fill(i));
      if (i % 5 === 0) await scheduler.wait(1);
    }
    c.close();
  },
})));
route("fixed", () => {
  const { readable, writable } = new FixedLengthStream(6);
  const writer = writable.getWriter();
  writer.write(encode("abc"));
  writer.write(encode("def"));
  writer.close();
  return new Response(readable);
});
route("broken", () => new Response(new ReadableStream({ pull(c) { if (this.n) c.error(new Error("x")); else { this.n = 1; c.enqueue(encode("a")); } } })));
route("text-chunks", () => new Response(new ReadableStream({ start(c) { c.enqueue("no"); c.close(); } })));
route("redirect", (request) => Response.redirect(new URL("/target", request.url), 302));
route("loop", (request) => Response.redirect(request.url));
route("target", () => new Response("landed"));
route("pipe", async (request) => fetch(new URL("/stream", request.url)));
route("pipe-headers", async (request) => {
  const upstream = await fetch(new URL("/stream", request.url));
  const response = new Response(upstream.body, upstream);
  response.headers.set("x-added", "1");
  return response;
});
route("pipe-request", (request) => fetch(new URL("/echo", request.url), request));
route("read-then-return", async (request) => {
  const upstream = await fetch(new URL("/target", request.url));
  await upstream.text();
  return upstream;
});
route("undefined", () => {});
route("rejects", async () => { throw new RangeError("boom"); });
route("throws", () => { throw new RangeError("boom"); });
route("error", () => Response.error());
route("thenable", () => ({ then(resolve) { resolve(new Response("thenable")); } }));
route("keep", () => { kept = new Response("kept"); return new Response("ok"); });
route("reuse", () => kept);
route("keep-stream", async (request) => { kept = await fetch(new URL("/stream", request.url)); return new Response("ok"); });
route("read-kept", async () => new Response(await kept.text().then(String, (error) => error.message)));
route("slow", async () => { await scheduler.wait(2000); return new Response("late"); });
route("form", () => { const form = new FormData(); form.append("a", "b"); return new Response(form); });
route("blob", () => new Response(new Blob(["bl", "ob"], { type: "x/y" })));
route("tee", async (request) => {
  const upstream = await fetch(new URL("/fixed", request.url));
  const clone = upstream.clone();
  return new Response(`${await upstream.text()}|${await clone.text()}`);
});

test("a body in hand is sent with its method and headers", async (t) => {
  const response = await fetch(`${t.origin}/echo`, { method: "POST", body: "hi", headers: { "x-k": "v" } });
  const echo = await response.json();
  assertEquals([echo.method, echo.body, echo.headers["x-k"], echo.headers["content-type"]],
    ["POST", "hi", "v", "text/plain;charset=UTF-8"]);
  assertEquals([response.url, response.redirected, response.status, response.ok], [`${t.origin}/echo`, false, 200, true]);
});

test("a stream is uploaded", async (t) => {
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  (async () => { for (const text of ["a", "b", "c"]) await writer.write(encode(text)); await writer.close(); })();
  const echo = await (await fetch(`${t.origin}/echo`, { method: "PUT", body: readable })).json();
  assertEquals(echo.body, "abc");
});

test("a large streamed response arrives whole, within its credit", async (t) => {
  const bytes = await (await fetch(`${t.origin}/stream`)).bytes();
  assertEquals(bytes.length, 200000);
  assertEquals([bytes[0], bytes[199999]], [0, 19]);
});

test("streams can be read chunk by chunk, and cancelled", async (t) => {
  const response = await fetch(`${t.origin}/stream`);
  const reader = response.body.getReader();
  const { value, done } = await reader.read();
  assert(value instanceof Uint8Array && !done);
  assertEquals(response.bodyUsed, true);
  await reader.cancel();
  assertEquals((await reader.read()).done, true);
});

test("BYOB reads of a response body", async (t) => {
  const reader = (await fetch(`${t.origin}/fixed`)).body.getReader({ mode: "byob" });
  let text = "";
  let buffer = new Uint8Array(4);
  for (;;) {
    const { value, done } = await reader.read(buffer);
    if (done) break;
    text += new TextDecoder().decode(value);
    buffer = new Uint8Array(value.buffer);
  }
  assertEquals(text, "abcdef");
});

test("a fixed-length response", async (t) => {
  assertEquals(await (await fetch(`${t.origin}/fixed`)).text(), "abcdef");
});

test("piped responses and requests", async (t) => {
  assertEquals((await (await fetch(`${t.origin}/pipe`)).bytes()).length, 200000);
  const changed = await fetch(`${t.origin}/pipe-headers`);
  assertEquals(changed.headers.get("x-added"), "1");
  assertEquals((await changed.bytes()).length, 200000);
  const stream = new ReadableStream({ start(c) { c.enqueue(encode("piped")); c.close(); } });
  assertEquals((await (await fetch(`${t.origin}/pipe-request`, { method: "POST", body: stream })).json()).body, "piped");
  assertEquals((await (await fetch(`${t.origin}/pipe-request`, { method: "POST", body: "inline" })).json()).body, "inline");
});

test("other bodies in hand", async (t) => {
  const form = await (await fetch(`${t.origin}/form`)).formData();
  assertEquals([...form], [["a", "b"]]);
  const blob = await fetch(`${t.origin}/blob`);
  assertEquals([blob.headers.get("content-type"), await blob.text()], ["x/y", "blob"]);
  assertEquals(await (await fetch(`${t.origin}/thenable`)).text(), "thenable");
  assertEquals(await (await fetch(`${t.origin}/tee`)).text(), "abcdef|abcdef");
});

test("redirect modes", async (t) => {
  const followed = await fetch(`${t.origin}/redirect`);
  assertEquals([await followed.text(), followed.redirected], ["landed", true]);
  assert(followed.url.endsWith("/target"));
  const manual = await fetch(`${t.origin}/redirect`, { redirect: "manual" });
  assertEquals(manual.status, 302);
  await assertRejects(fetch(`${t.origin}/redirect`, { redirect: "error" }), TypeError);
  await assertRejects(fetch(`${t.origin}/loop`), TypeError, "Too many redirects.");
});

test("what cannot be fetched", async () => {
  await assertRejects(fetch("ftp://example.com/"), TypeError, "Fetch API cannot load: ftp://example.com/");
  await assertRejects(fetch("nonsense"), TypeError, "Invalid URL: nonsense");
  const unresolved = await fetch("http://unreachable.invalid/");
  assertEquals([unresolved.status, await unresolved.text()], [530, "error code: 1016\n"]);
});

test("abort: before, in flight, while the body is read", async (t) => {
  await assertRejects(fetch(t.origin, { signal: AbortSignal.abort() }), "AbortError", "The operation was aborted");
  await assertRejects(fetch(t.origin, { signal: AbortSignal.abort(5) }).catch((e) => { throw new Error(String(e)); }), Error, "5");
  const controller = new AbortController();
  const pending = fetch(`${t.origin}/slow`, { signal: controller.signal });
  controller.abort(new RangeError("stop"));
  await assertRejects(pending, RangeError, "stop");
  const second = new AbortController();
  const response = await fetch(`${t.origin}/stream`, { signal: second.signal });
  second.abort();
  await assertRejects(response.text(), "AbortError");
  await assertRejects(fetch(`${t.origin}/slow`, { signal: AbortSignal.timeout(5) }), "TimeoutError");
});

test("handlers that give no response fail", async (t) => {
  const status = async (path) => (await fetch(`${t.origin}/${path}`)).status;
  for (const path of ["undefined", "rejects", "throws", "error", "read-then-return"]) {
    const code = await status(path);
    assert(code >= 500, `${path}: ${code}`);
  }
});

test("a body of another request is refused", async (t) => {
  await (await fetch(`${t.origin}/keep`)).text();
  await assertRejects(kept.text(), Error, kCrossRequest);
  assert((await fetch(`${t.origin}/reuse`)).status >= 500);
  await (await fetch(`${t.origin}/keep-stream`)).text();
  const message = await (await fetch(`${t.origin}/read-kept`)).text();
  assert(kCrossRequest.test(message), message);
});

test("a body that fails on the way is an error of the reader", async (t) => {
  // The head may still get out before the connection is cut, or not.
  const read = async (path) => (await fetch(`${t.origin}/${path}`)).text();
  const error = await assertRejects(read("broken"), Error, "Network connection lost.");
  assertEquals(error.retryable, true);
  await assertRejects(read("text-chunks"), Error, "Network connection lost.");
});

export { kNotResponse };
export default worker();
