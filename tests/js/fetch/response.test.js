import { assert, assertEquals, assertRejects, assertThrows, test, worker } from "../harness.js";

const kUsed = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
const kStatus = "Responses may only be constructed with status codes in the range 200 to 599, inclusive.";

test("defaults", () => {
  const response = new Response();
  assertEquals([response.status, response.statusText, response.ok, response.body, response.bodyUsed, response.url,
    response.redirected, response.type, response.webSocket], [200, "", true, null, false, "", false, "default", null]);
  assertEquals([...response.headers], []);
});

test("status range, statusText, null-body statuses", () => {
  for (const status of [0, 100, 101, 199, 600, 1000, -1, NaN]) {
    assertThrows(() => new Response(null, { status }), RangeError, kStatus);
  }
  assertEquals(new Response(null, { status: 599 }).status, 599);
  for (const status of [204, 205, 304]) {
    assertEquals(new Response(null, { status }).status, status);
    assertThrows(() => new Response("x", { status }), TypeError);
    assertThrows(() => new Response("", { status }), TypeError);
  }
  assertThrows(() => new Response(null, { statusText: "a\nb" }), TypeError);
  assertEquals(new Response(null, { statusText: "Fine" }).statusText, "Fine");
});

test("content types by body", () => {
  const type = (body, init) => new Response(body, init).headers.get("content-type");
  assertEquals(type("x"), "text/plain;charset=UTF-8");
  assertEquals(type(new URLSearchParams("a=1")), "application/x-www-form-urlencoded;charset=UTF-8");
  assertEquals(type(new Blob(["x"], { type: "a/b" })), "a/b");
  assertEquals(type(new Blob(["x"])), null);
  assertEquals(type(new Uint8Array(1)), null);
  assertEquals(type(new ReadableStream()), null);
  assert(type(new FormData()).startsWith("multipart/form-data; boundary="));
  assertEquals(type("x", { headers: { "Content-Type": "z/z" } }), "z/z");
});

test("json, redirect, error", async () => {
  const json = Response.json({ a: 1 }, { status: 201 });
  assertEquals([json.status, json.headers.get("content-type"), await json.text()], [201, "application/json", "{\"a\":1}"]);
  assertEquals(Response.json(1, { headers: { "content-type": "x/y" } }).headers.get("content-type"), "x/y");
  assertThrows(() => Response.json(undefined), TypeError);
  assertThrows(() => Response.json(() => {}), TypeError);
  const redirect = Response.redirect("https://example.com/a b");
  assertEquals([redirect.status, redirect.headers.get("location")], [302, "https://example.com/a%20b"]);
  assertThrows(() => redirect.headers.set("a", "b"), TypeError);
  assertThrows(() => Response.redirect("/x"), TypeError);
  assertThrows(() => Response.redirect("https://a/", 200), RangeError);
  const error = Response.error();
  assertEquals([error.type, error.status], ["error", 0]);
});

test("bodies are read as text, json, bytes, blob, arrayBuffer", async () => {
  assertEquals(await new Response("héllo").text(), "héllo");
  assertEquals(await new Response("[1]").json(), [1]);
  await assertRejects(new Response("x").json(), SyntaxError);
  assertEquals([...await new Response("é").bytes()], [0xc3, 0xa9]);
  const buffer = await new Response(new Uint8Array([1, 2, 3]).subarray(1)).arrayBuffer();
  assert(buffer instanceof ArrayBuffer);
  assertEquals([...new Uint8Array(buffer)], [2, 3]);
  const blob = await new Response("abc", { headers: { "content-type": "x/y" } }).blob();
  assertEquals([blob.size, blob.type, await blob.text()], [3, "x/y", "abc"]);
  assertEquals(await new Response("\ufeffa").text(), "\ufeffa".slice(0, 0) + "\ufeffa");
  assertEquals(await new Response(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).text(), "a");
  assertEquals(await new Response(null).text(), "");
  assertEquals((await new Response().arrayBuffer()).byteLength, 0);
  assertEquals(await new Response(12).text(), "12");
});

test("the bytes are a copy", async () => {
  const bytes = new Uint8Array([1]);
  const response = new Response(bytes);
  bytes[0] = 2;
  assertEquals([...await response.bytes()], [1]);
});

test("a body is used once", async () => {
  const response = new Response("x");
  assertEquals(response.bodyUsed, false);
  const first = response.text();
  assertEquals(response.bodyUsed, true);
  assertEquals(await first, "x");
  await assertRejects(response.text(), TypeError, kUsed);
  assertThrows(() => response.clone(), TypeError, kUsed);
  await assertRejects(response.body.getReader().read().then(({ done }) => { if (done) throw new RangeError("done"); }), RangeError);
});

test("a locked body cannot be read", async () => {
  const response = new Response("x");
  response.body.getReader();
  assertEquals(response.bodyUsed, false);
  await assertRejects(response.text(), TypeError, "This ReadableStream is currently locked to a reader.");
});

test("body is one stream, and reading it uses the body", async () => {
  const response = new Response("abc");
  assert(response.body === response.body);
  assert(response.body instanceof ReadableStream);
  const reader = response.body.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "abc");
  assertEquals((await reader.read()).done, true);
  assertEquals(response.bodyUsed, true);
});

test("clone reads twice, in hand and streamed", async () => {
  const make = [
    () => new Response("abc"),
    () => { const r = new Response("abc"); r.body; return r; },
    () => new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("abc")); c.close(); } })),
  ];
  for (const fn of make) {
    const response = fn();
    response.headers.set("x", "1");
    const clone = response.clone();
    clone.headers.set("x", "2");
    assertEquals(response.headers.get("x"), "1");
    assertEquals(await clone.text(), "abc");
    assertEquals(await response.text(), "abc");
  }
});

test("a response as init gives status, statusText and headers", () => {
  const from = new Response("x", { status: 203, statusText: "T", headers: { a: "1" }, cf: { k: 1 }, encodeBody: "manual" });
  const to = new Response(from.body, from);
  assertEquals([to.status, to.statusText, to.headers.get("a"), to.headers.get("content-type"), to.cf],
    [203, "T", "1", "text/plain;charset=UTF-8", { k: 1 }]);
});

test("form data, urlencoded and multipart", async () => {
  const urlencoded = await new Response(new URLSearchParams("a=1&b=x y&a=2")).formData();
  assertEquals([...urlencoded], [["a", "1"], ["b", "x y"], ["a", "2"]]);
  const form = new FormData();
  form.append("plain", "line\nbreak");
  form.append("quo\"te", "ü");
  form.append("file", new File([new Uint8Array([0, 13, 10, 45, 45, 255])], "n\"a.bin", { type: "a/b" }));
  form.append("blob", new Blob(["x"]));
  const parsed = await new Response(form).formData();
  assertEquals(parsed.get("plain"), "line\r\nbreak");
  assertEquals(parsed.get("quo\"te"), "ü");
  const file = parsed.get("file");
  assert(file instanceof File);
  assertEquals([file.name, file.type, [...await file.bytes()]], ["n\"a.bin", "a/b", [0, 13, 10, 45, 45, 255]]);
  assertEquals(parsed.get("blob").name, "blob");
  assertEquals([...await new Response(new FormData()).formData()], []);
  await assertRejects(new Response("x").formData(), TypeError);
  await assertRejects(new Response("x", { headers: { "content-type": "multipart/form-data; boundary=b" } }).formData(), TypeError);
  await assertRejects(new Response("--b\r\n\r\nx", { headers: { "content-type": "multipart/form-data; boundary=b" } }).formData(), TypeError);
});

test("a disturbed or locked stream is no body", async () => {
  const stream = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); } });
  const reader = stream.getReader();
  assertThrows(() => new Response(stream), TypeError, "This ReadableStream is currently locked to a reader.");
  await reader.read();
  reader.releaseLock();
  assertThrows(() => new Response(stream), TypeError);
});

test("an object without a body form is its string; an async iterable is a stream", async () => {
  assertEquals(await new Response({}).text(), "[object Object]");
  assertEquals(await new Response((async function* () { yield new TextEncoder().encode("a"); yield new TextEncoder().encode("b"); })()).text(), "ab");
  await assertRejects(new Response((async function* () { yield "a"; })()).text(), TypeError, "This ReadableStream did not return bytes.");
});

test("patched builtins do not see a body", async () => {
  const saved = [Promise.prototype.then, Array.prototype.push, TextDecoder.prototype.decode];
  let seen = 0;
  Promise.prototype.then = function (...args) { seen++; return saved[0].apply(this, args); };
  Array.prototype.push = () => { seen++; };
  TextDecoder.prototype.decode = () => { seen++; };
  Object.prototype.status = 500;
  Object.prototype.then = function () { seen++; };
  try {
    const stream = new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65])); c.enqueue(new Uint8Array([66])); c.close(); } });
    const text = await new Response(stream).text();
    assertEquals(text, "AB");
    assertEquals(new Response("x").status, 200);
    assertEquals(seen, 0);
  } finally {
    Promise.prototype.then = saved[0];
    Array.prototype.push = saved[1];
    TextDecoder.prototype.decode = saved[2];
    delete Object.prototype.status;
    delete Object.prototype.then;
  }
});

export default worker();
