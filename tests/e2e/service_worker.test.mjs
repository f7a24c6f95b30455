// Service-worker syntax: respondWith() and its rules, several listeners, and what a module is warned of. What stands behind a
// script that does not respond: failopen.test.mjs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const tried = `const tried = (f) => { try { f(); return "fine"; } catch (e) { return e.name + ": " + e.message + (e instanceof DOMException ? "" : " (no DOMException)"); } };`;
const kTwice = "InvalidStateError: FetchEvent.respondWith() has already been called; it can only be called once.";
const kLate = "InvalidStateError: Too late to call FetchEvent.respondWith(). It must be called synchronously in the event handler.";
const warning = (type) => `When using module syntax, the '${type}' event handler should be declared as an exported function on the root module as opposed to using the global addEventListener().`;

const scripts = {
  twice: { code: `${tried} addEventListener("fetch", (event) => {
    event.respondWith(new Response("the first"));
    console.log(tried(() => event.respondWith(new Response("the second"))));
  });` },
  late: { code: `${tried} let kept; addEventListener("fetch", (event) => {
    event.respondWith(scheduler.wait(1).then(() => new Response(tried(() => event.respondWith(new Response("late"))))));
  });
  addEventListener("fetch", (event) => console.log("a second listener ran"));` },
  unanswered: { code: `${tried} addEventListener("fetch", (event) => {
    event.waitUntil(scheduler.wait(1).then(() => console.log(tried(() => event.respondWith(new Response("late"))))));
  });` },
  several: { code: `addEventListener("fetch", (event) => { if (event.request.url.endsWith("/first")) event.respondWith(new Response("the first's")); });
    addEventListener("fetch", (event) => { console.log("prevented", event.defaultPrevented); event.respondWith(Promise.resolve(new Response("the second's"))); });` },
  throws: { code: `addEventListener("fetch", (event) => { throw new RangeError("in a listener"); });` },
  rejects: { code: `addEventListener("fetch", (event) => { event.respondWith(Promise.reject(new RangeError("for a response"))); });` },
  notaresponse: { code: `addEventListener("fetch", (event) => { event.respondWith("text"); });` },
  properties: { code: `addEventListener("fetch", (event) => {
    const { type, cancelable, isTrusted } = event;
    event.respondWith(Response.json([type, cancelable, isTrusted, event instanceof FetchEvent, event instanceof ExtendableEvent, event.request.redirect, event.constructor.name]));
  });` },
  module: { code: `addEventListener("fetch", () => { throw new Error("nobody calls it"); });
    export default { fetch() { addEventListener("scheduled", () => {}); addEventListener("unhandledrejection", () => {}); return new Response("the module's"); } }` },
};

test("service-worker syntax", async (t) => {
  const weir = await startWeir(scripts);
  t.after(() => weir.stop());
  const ask = async (script, path = "/") => (await weir.request(script, path)).text;
  const traceOf = async (script, count = 1) => (await weir.traced((all) => all.filter((one) => one.scriptName === script).length >= count)).filter((one) => one.scriptName === script).at(-1);
  const said = (trace) => trace.logs.map((log) => log.message.join(" "));

  await t.test("respondWith() once, and while the listener runs", async () => {
    assert.equal(await ask("twice"), "the first");
    assert.deepEqual(said(await traceOf("twice")), [kTwice]);
    // It was called: that is what stands in the way first.
    assert.equal(await ask("late"), kTwice);
    assert.deepEqual(said(await traceOf("late")), [], "the one that responds is the last to run");
    assert.equal(await ask("unanswered"), "error code: 1101\n");
    assert.deepEqual(said(await traceOf("unanswered")), [kLate]);
  });
  await t.test("listeners run in turn until one responds", async () => {
    assert.equal(await ask("several", "/first"), "the first's");
    assert.deepEqual(said(await traceOf("several")), []);
    assert.equal(await ask("several", "/other"), "the second's");
    assert.deepEqual(said(await traceOf("several", 2)), ["prevented false"]);
  });
  await t.test("what is thrown, rejected or no Response is 1101", async () => {
    for (const [script, name, message] of [["throws", "RangeError", "in a listener"], ["rejects", "RangeError", "for a response"],
      ["notaresponse", "TypeError", "Incorrect type for Promise: the Promise did not resolve to 'Response'."]]) {
      assert.equal(await ask(script), "error code: 1101\n", script);
      const [exception] = (await traceOf(script)).exceptions;
      assert.deepEqual([exception.name, exception.message], [name, message]);
    }
  });
  await t.test("the event is a FetchEvent", async () => {
    assert.deepEqual(JSON.parse(await ask("properties")), ["fetch", true, true, true, true, "manual", "FetchEvent"]);
  });
  await t.test("a module is warned of listeners for the platform's events, and they do not run", async () => {
    assert.equal(await ask("module"), "the module's");
    const { logs } = await traceOf("module");
    assert.deepEqual(logs.filter((log) => log.level === "warn").map((log) => log.message.join(" ")), [warning("scheduled")]);
  });
});
