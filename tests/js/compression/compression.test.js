// CompressionStream, DecompressionStream, and the content codings of response bodies.
import { assert, assertEquals, assertRejects, assertThrows, route, test, worker } from "../harness.js";

const encode = (text) => new TextEncoder().encode(text);
const kText = "a line that is said again and again\n".repeat(5000);

async function all(readable) {
  return new Uint8Array(await new Response(readable).arrayBuffer());
}
const through = (bytes, transform) => all(new Response(bytes).body.pipeThrough(transform));
const compress = (text, format) => through(encode(text), new CompressionStream(format));
const text = (bytes) => new TextDecoder().decode(bytes);
function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
// Bytes that no codec makes smaller, the same in every run.
function noise(length) {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = 1; i < length; i++) bytes[i] = (x = (x * 48271) % 2147483647) >> 8;
  return bytes;
}

test("what is compressed comes back", async () => {
  for (const format of ["gzip", "deflate", "deflate-raw"]) {
    const packed = await compress(kText, format);
    assert(packed.length < kText.length / 50, `${format}: ${packed.length} bytes`);
    assertEquals(text(await through(packed, new DecompressionStream(format))), kText, format);
  }
});
test("the formats have their marks", async () => {
  assertEquals([...(await compress("x", "gzip")).slice(0, 3)], [0x1f, 0x8b, 8]);
  assertEquals((await compress("x", "deflate"))[0], 0x78);
});
test("nothing, compressed, is a whole stream of nothing", async () => {
  const packed = await all(new Response("").body.pipeThrough(new CompressionStream("gzip")));
  assert(packed.length >= 20);
  assertEquals((await through(packed, new DecompressionStream("gzip"))).length, 0);
});
test("what cannot be made smaller comes back, in pieces of any size", async () => {
  const bytes = noise(300_000);
  const packed = await through(bytes, new CompressionStream("deflate-raw"));
  const pieces = new ReadableStream({
    start(c) {
      for (let at = 0, size = 1; at < packed.length; at += size, size = (size * 7) % 65521) c.enqueue(packed.slice(at, at + size));
      c.close();
    },
  });
  assertEquals(await all(pieces.pipeThrough(new DecompressionStream("deflate-raw"))), bytes);
});
test("a small body that becomes a large one comes in pieces", async () => {
  const packed = await compress("0".repeat(10_000_000), "gzip");
  const reader = new Response(packed).body.pipeThrough(new DecompressionStream("gzip")).getReader();
  let total = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    assert(read.value.length <= 65536);
    total += read.value.length;
  }
  assertEquals(total, 10_000_000);
});
test("what is not of the format", async () => {
  await assertRejects(() => through(encode("not compressed"), new DecompressionStream("gzip")), TypeError, "Decompression failed.");
});
test("what ends too early", async () => {
  const packed = await compress(kText, "gzip");
  await assertRejects(() => through(packed.slice(0, -9), new DecompressionStream("gzip")), TypeError,
    "Called close() on a decompression stream with incomplete data");
});
test("what goes on behind the end", async () => {
  const packed = await compress("x", "deflate");
  await assertRejects(() => through(joined(packed, encode("more")), new DecompressionStream("deflate")), TypeError,
    "Trailing bytes after end of compressed data");
});
test("chunks that are no bytes", async () => {
  const stream = new ReadableStream({ start(c) { c.enqueue("text"); c.close(); } });
  await assertRejects(() => all(stream.pipeThrough(new CompressionStream("gzip"))), TypeError);
});
test("formats there are not", () => {
  assertThrows(() => new CompressionStream("zip"), TypeError);
  assertThrows(() => new DecompressionStream("GZIP"), TypeError);
  assertThrows(() => new CompressionStream(), TypeError);
});
test("many codecs that nobody holds any more are no memory", async () => {
  const chunk = encode("some bytes");
  for (let i = 0; i < 1500; i++) {  // 270 KB each
    const writer = new CompressionStream("gzip").writable.getWriter();
    writer.write(chunk).catch(() => {});
    if (i % 100 === 0) await scheduler.wait(0);
  }
});

// ---- content codings ----

route("own-gzip", () => new Response(kText, { headers: { "content-encoding": "gzip" } }));
route("own-br", () => new Response(kText, { headers: { "content-encoding": "br" } }));
route("own-stream", () => new Response(new ReadableStream({
  start(c) {
    for (let i = 0; i < kText.length; i += 1000) c.enqueue(encode(kText.slice(i, i + 1000)));
    c.close();
  },
}), { headers: { "content-encoding": "br" } }));
route("own-empty", () => new Response("", { headers: { "content-encoding": "gzip" } }));
route("manual", async () => new Response(await compress(kText, "gzip"), { headers: { "content-encoding": "gzip" }, encodeBody: "manual" }));
route("members", async () => new Response(joined(await compress("one ", "gzip"), await compress("two", "gzip")),
  { headers: { "content-encoding": "gzip" }, encodeBody: "manual" }));
route("cut", async () => new Response((await compress(kText, "gzip")).slice(0, 40), { headers: { "content-encoding": "gzip" }, encodeBody: "manual" }));
route("lie", () => new Response("not at all", { headers: { "content-encoding": "gzip" }, encodeBody: "manual" }));
route("other", () => new Response("as it is", { headers: { "content-encoding": "x-own" } }));
route("raw", async (request) => {  // the bytes of another route as they come over the wire
  const upstream = await fetch(new URL(new URL(request.url).searchParams.get("of"), request.url));
  const headers = new Headers(upstream.headers);
  const response = new Response(upstream.body, upstream);
  response.headers.set("x-coding", headers.get("content-encoding"));
  return response;
});
route("uncoded", async (request) => {
  const upstream = await fetch(new URL("/own-gzip", request.url));
  return new Response(upstream.body, { headers: { "x-length": upstream.headers.get("content-length") ?? "" } });
});
route("recoded", async (request) => {
  const upstream = await fetch(new URL("/own-gzip", request.url));
  return new Response(upstream.body, { headers: { "content-encoding": "br" } });
});
route("count", async (request) => new Response(`${(await request.arrayBuffer()).byteLength}`));

test("a coded body is decoded when it is read", async (t) => {
  for (const [name, coding] of [["own-gzip", "gzip"], ["own-br", "br"], ["own-stream", "br"], ["manual", "gzip"]]) {
    const response = await fetch(`${t.origin}/${name}`);
    assertEquals(response.headers.get("content-encoding"), coding, name);
    assertEquals(await response.text(), kText, name);
  }
});
test("a coded body that nobody reads stays as it is", async (t) => {
  for (const [name, coding] of [["own-gzip", "gzip"], ["own-br", "br"], ["own-stream", "br"], ["manual", "gzip"], ["lie", "gzip"]]) {
    const response = await fetch(`${t.origin}/raw?of=/${name}`);
    assertEquals(response.headers.get("x-coding"), coding, name);
    if (name === "lie") await assertRejects(response.text(), TypeError, "Decompression failed.");
    else assertEquals(await response.text(), kText, name);
  }
});
test("a coded body without its header is sent decoded", async (t) => {
  const response = await fetch(`${t.origin}/uncoded`);
  assertEquals(response.headers.get("content-encoding"), null);
  assertEquals(await response.text(), kText);
});
test("a body under another coding is coded anew", async (t) => {
  const response = await fetch(`${t.origin}/recoded`);
  assertEquals(response.headers.get("content-encoding"), "br");
  assertEquals(await response.text(), kText);
});
test("a coded body as another request's body goes decoded", async (t) => {
  const response = await fetch(`${t.origin}/own-gzip`);
  const count = await fetch(`${t.origin}/count`, { method: "POST", body: response.body });
  assertEquals(await count.text(), `${kText.length}`);
});
test("a clone of a coded body", async (t) => {
  const response = await fetch(`${t.origin}/own-gzip`);
  const clone = response.clone();
  assertEquals(await clone.text(), kText);
  assertEquals(await response.text(), kText);
});
test("a coded body of nothing", async (t) => {
  assertEquals(await (await fetch(`${t.origin}/own-empty`)).text(), "");
});
test("a body of several gzip members", async (t) => {
  assertEquals(await (await fetch(`${t.origin}/members`)).text(), "one two");
});
test("a coded body that is cut, or none", async (t) => {
  await assertRejects(async () => (await fetch(`${t.origin}/cut`)).text(), TypeError, "Decompression failed.");
  await assertRejects(async () => (await fetch(`${t.origin}/lie`)).text(), TypeError, "Decompression failed.");
});
test("a coding that is not known stays as it is", async (t) => {
  assertEquals(await (await fetch(`${t.origin}/other`)).text(), "as it is");
});

export default worker();
