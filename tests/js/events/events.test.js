import { assert, assertEquals, assertRejects, assertThrows, test, worker } from "../harness.js";

test("listeners: order, once, remove, objects, duplicates", () => {
  const target = new EventTarget();
  const seen = [];
  const first = (e) => seen.push(`first ${e.type}`);
  target.addEventListener("x", first);
  target.addEventListener("x", first);
  target.addEventListener("x", { handleEvent() { seen.push("object"); } });
  target.addEventListener("x", () => seen.push("once"), { once: true });
  target.dispatchEvent(new Event("x"));
  assertEquals(seen.splice(0), ["first x", "object", "once"]);
  target.removeEventListener("x", first);
  target.dispatchEvent(new Event("x"));
  assertEquals(seen, ["object"]);
});

test("event state", () => {
  const target = new EventTarget();
  let inside;
  target.addEventListener("x", (e) => {
    inside = [e.target === target, e.currentTarget === target, e.eventPhase, e.composedPath().length];
    e.preventDefault();
    e.stopImmediatePropagation();
  });
  target.addEventListener("x", () => { throw new Error("not reached"); });
  const event = new Event("x", { cancelable: true });
  assertEquals(target.dispatchEvent(event), false);
  assertEquals(inside, [true, true, 2, 1]);
  assertEquals([event.defaultPrevented, event.currentTarget, event.eventPhase, event.isTrusted], [true, null, 0, false]);
  assertThrows(() => target.dispatchEvent({}), TypeError);
  assertThrows(() => new Event(), TypeError);
  assertThrows(() => { const t = new EventTarget(); t.addEventListener("x", () => t.dispatchEvent(e)); const e = new Event("x"); t.dispatchEvent(e); }, "InvalidStateError");
});

test("an exception leaves dispatchEvent", () => {
  const target = new EventTarget();
  target.addEventListener("x", () => { throw new RangeError("l"); });
  assertThrows(() => target.dispatchEvent(new Event("x")), RangeError, "l");
});

test("listener options the platform refuses", () => {
  const target = new EventTarget();
  assertThrows(() => target.addEventListener("x", () => {}, true), TypeError, "addEventListener(): useCapture must be false.");
  assertThrows(() => target.addEventListener("x", () => {}, { capture: true }), TypeError, "addEventListener(): options.capture must be false.");
  assertThrows(() => target.addEventListener("x", () => {}, { passive: true }), TypeError, "addEventListener(): options.passive must be false.");
  const controller = new AbortController();
  let count = 0;
  target.addEventListener("x", () => count++, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  assertEquals(count, 1);
});

test("kinds of events", () => {
  assertEquals(new CustomEvent("c", { detail: 5 }).detail, 5);
  const error = new ErrorEvent("e", { message: "m", error: 1, lineno: 3 });
  assertEquals([error.message, error.error, error.lineno, error.colno], ["m", 1, 3, 0]);
  assertEquals(new MessageEvent("m", { data: "d" }).data, "d");
  const promise = Promise.resolve();
  assert(new PromiseRejectionEvent("p", { promise, reason: 1 }).promise === promise);
});

test("subclasses of EventTarget", () => {
  class Emitter extends EventTarget { #n = 1; get n() { return this.#n; } }
  const emitter = new Emitter();
  let seen = 0;
  emitter.addEventListener("x", (e) => { seen = e.target.n; });
  emitter.dispatchEvent(new Event("x"));
  assertEquals(seen, 1);
});

test("AbortController and AbortSignal", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  let events = 0;
  signal.onabort = () => events++;
  signal.addEventListener("abort", (e) => { events++; assert(e.isTrusted); });
  signal.throwIfAborted();
  controller.abort();
  controller.abort("again");
  assertEquals([events, signal.aborted, signal.reason.name, signal.reason.message], [2, true, "AbortError", "The operation was aborted"]);
  assertThrows(() => signal.throwIfAborted(), "AbortError");
  assertEquals(AbortSignal.abort(3).reason, 3);
  const source = new AbortController();
  const any = AbortSignal.any([new AbortController().signal, source.signal]);
  assertEquals(any.aborted, false);
  source.abort("r");
  assertEquals(any.reason, "r");
  assertEquals(AbortSignal.any([AbortSignal.abort(1), AbortSignal.abort(2)]).reason, 1);
  assertThrows(() => AbortSignal.any([1]), TypeError);
  const timed = AbortSignal.timeout(1);
  await new Promise((resolve) => timed.addEventListener("abort", resolve));
  assertEquals(timed.reason.name, "TimeoutError");
  await assertRejects(scheduler.wait(1000, { signal: AbortSignal.timeout(1) }), "TimeoutError");
});

test("DOMException", () => {
  const error = new DOMException("m", "AbortError");
  assert(error instanceof Error && error instanceof DOMException && Error.isError?.(error) !== false);
  assertEquals([error.name, error.message, error.code, String(error)], ["AbortError", "m", 20, "AbortError: m"]);
  assert(error.stack.startsWith("AbortError: m\n    at "), error.stack);
  assertEquals([DOMException.ABORT_ERR, error.DATA_CLONE_ERR], [20, 25]);
  assertEquals([new DOMException().name, new DOMException("x").code], ["Error", 0]);
  assertEquals(Object.keys(error), []);
  const caused = new DOMException("m", { name: "DataError", cause: 7 });
  assertEquals([caused.name, caused.cause], ["DataError", 7]);
  class Mine extends DOMException {}
  assert(new Mine("a") instanceof Mine);
});

export default worker();
