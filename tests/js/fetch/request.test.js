import { assert, assertEquals, assertRejects, assertThrows, test, worker } from "../harness.js";

test("defaults and normalisation", () => {
  const request = new Request("https://example.com/a b#h");
  assertEquals([request.method, request.url, request.redirect, request.body, request.bodyUsed],
    ["GET", "https://example.com/a%20b#h", "follow", null, false]);
  assertEquals(new Request("https://a/", { method: "post" }).method, "POST");
  assertEquals(new Request("https://a/", { method: "patch" }).method, "PATCH");
  assertEquals(new Request("https://a/", { method: "custom" }).method, "custom");
  assertThrows(() => new Request("https://a/", { method: "a b" }), TypeError);
  assertThrows(() => new Request("https://a/", { method: "TRACE" }), TypeError);
});

test("invalid URL and init values", () => {
  assertThrows(() => new Request("/x"), TypeError, "Invalid URL: /x");
  assertThrows(() => new Request("https://a/", { redirect: "x" }), TypeError);
  assertThrows(() => new Request("https://a/", { cache: "only-if-cached" }), TypeError, "Unsupported cache mode: only-if-cached");
  assertEquals(new Request("https://a/", { cache: "no-store" }).cache, "no-store");
  assertThrows(() => new Request("https://a/", { body: "x" }), TypeError, "Request with a GET or HEAD method cannot have a body.");
  assertThrows(() => new Request("https://a/", { signal: {} }), TypeError);
  assertThrows(() => new Request(), TypeError);
});

test("content type follows the body", async () => {
  const request = new Request("https://a/", { method: "POST", body: "x" });
  assertEquals(request.headers.get("content-type"), "text/plain;charset=UTF-8");
  assertEquals(await request.text(), "x");
  const json = new Request("https://a/", { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  assertEquals(json.headers.get("content-type"), "application/json");
  const form = new Request("https://a/", { method: "PUT", body: new URLSearchParams({ a: "1" }) });
  assertEquals([...await form.formData()], [["a", "1"]]);
});

test("a request of a request takes its body along", async () => {
  const first = new Request("https://a/", { method: "POST", body: "x", headers: { k: "v" } });
  const second = new Request(first);
  assertEquals([second.method, second.headers.get("k"), first.bodyUsed], ["POST", "v", true]);
  assertEquals(await second.text(), "x");
  await assertRejects(first.text(), TypeError);
  const held = new Request("https://a/", { method: "POST", body: "y" });
  const { body } = held;
  const moved = new Request(held, { headers: { z: "1" } });
  assertEquals(body.locked, true);
  assertEquals(await moved.text(), "y");
  const replaced = new Request(new Request("https://a/", { method: "POST", body: "x" }), { body: "z" });
  assertEquals(await replaced.text(), "z");
});

test("clone", async () => {
  const request = new Request("https://a/", { method: "POST", body: "x" });
  const clone = request.clone();
  assertEquals([await request.text(), await clone.text()], ["x", "x"]);
});

test("signal follows the init's signal", () => {
  const controller = new AbortController();
  const request = new Request("https://a/", { signal: controller.signal });
  const copy = new Request(request);
  assert(!copy.signal.aborted);
  controller.abort(7);
  assertEquals([request.signal.aborted, copy.signal.aborted, copy.signal.reason], [true, true, 7]);
  assert(new Request("https://a/").signal instanceof AbortSignal);
});

test("the incoming request", (t) => {
  assertEquals(t.request.redirect, "manual");
  assert(t.request.signal instanceof AbortSignal);
  assert(t.request.signal === t.request.signal);
  assertEquals(t.request.body, null);
});

export default worker();
