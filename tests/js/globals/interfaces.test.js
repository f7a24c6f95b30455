import { assert, assertEquals, assertThrows, kIllegalInvocation, test, worker } from "../harness.js";

const kInterfaces = [
  "AbortController", "AbortSignal", "Blob", "ByteLengthQueuingStrategy", "CloseEvent", "CountQueuingStrategy", "Crypto", "CustomEvent",
  "DOMException", "ErrorEvent", "Event", "EventTarget", "ExecutionContext", "ExtendableEvent", "FetchEvent", "File",
  "FixedLengthStream", "FormData", "Headers", "IdentityTransformStream", "MessageEvent", "PromiseRejectionEvent",
  "ReadableByteStreamController", "ReadableStream", "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest",
  "ReadableStreamDefaultController", "ReadableStreamDefaultReader", "Request", "Response", "ScheduledEvent",
  "SubtleCrypto", "TextDecoder", "TextDecoderStream", "TextEncoder", "TextEncoderStream", "TransformStream",
  "TransformStreamDefaultController", "URL", "URLSearchParams", "WritableStream", "WritableStreamDefaultController",
  "WritableStreamDefaultWriter", "WebSocket", "WebSocketPair",
];

// [name, parameters, the class it extends], in the order in which a script sees them.
const kClasses = [
  ["DOMException", 0], ["Event", 1], ["CloseEvent", 1, "Event"], ["CustomEvent", 1, "Event"],
  ["ErrorEvent", 1, "Event"], ["MessageEvent", 1, "Event"], ["PromiseRejectionEvent", 2, "Event"], ["EventTarget", 0],
  ["AbortController", 0], ["AbortSignal", 2, "EventTarget"], ["ByteLengthQueuingStrategy", 1],
  ["CountQueuingStrategy", 1], ["ReadableStream", 0], ["ReadableStreamDefaultReader", 1],
  ["ReadableStreamBYOBReader", 1], ["ReadableStreamDefaultController", 2], ["ReadableByteStreamController", 2],
  ["ReadableStreamBYOBRequest", 3], ["WritableStream", 0], ["WritableStreamDefaultWriter", 1],
  ["WritableStreamDefaultController", 2], ["TransformStream", 0], ["TransformStreamDefaultController", 2],
  ["IdentityTransformStream", 0, "TransformStream"], ["FixedLengthStream", 1, "TransformStream"],
  ["CompressionStream", 1, "TransformStream"], ["DecompressionStream", 1, "TransformStream"], ["TextEncoder", 0],
  ["TextDecoder", 0], ["TextEncoderStream", 0, "TransformStream"], ["TextDecoderStream", 0, "TransformStream"],
  ["URL", 1], ["URLSearchParams", 0], ["Blob", 0], ["File", 2, "Blob"], ["FormData", 0], ["Headers", 0],
  ["Request", 1], ["Response", 0], ["WebSocket", 1, "EventTarget"], ["WebSocketPair", 0], ["Crypto", 1],
  ["SubtleCrypto", 1], ["Performance", 1], ["Scheduler", 1], ["Navigator", 1], ["ExecutionContext", 3],
  ["ExtendableEvent", 3, "Event"], ["FetchEvent", 3, "ExtendableEvent"], ["ScheduledEvent", 4, "ExtendableEvent"],
  ["ScheduledController", 3],
];

test("the platform's classes, in their order, with their parameters and what they extend", () => {
  const listed = kClasses.map(([name]) => name);
  assertEquals(Object.getOwnPropertyNames(globalThis).filter((name) => listed.includes(name)), listed);
  for (const [name, parameters, parent] of kClasses) {
    const value = globalThis[name];
    assertEquals([value.name, value.length], [name, parameters]);
    assert(Object.getPrototypeOf(value) === (parent === undefined ? Function.prototype : globalThis[parent]), `${name} extends`);
  }
});

test("interfaces are hidden, writable, configurable globals with a tag", () => {
  for (const name of kInterfaces) {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    assert(descriptor !== undefined, `${name} is missing`);
    assertEquals(
      [descriptor.writable, descriptor.enumerable, descriptor.configurable], [true, false, true], `${name} attributes`);
    assertEquals(descriptor.value.name, name);
    assertEquals(descriptor.value.prototype[Symbol.toStringTag], name);
    assertEquals(Object.prototype.toString.call(descriptor.value.prototype), `[object ${name}]`);
  }
});

test("every method and accessor refuses a wrong receiver with the platform's text", () => {
  let checked = 0;
  for (const name of kInterfaces) {
    const prototype = globalThis[name].prototype;
    for (const key of Object.getOwnPropertyNames(prototype)) {
      if (key === "constructor") continue;
      const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
      for (const fn of [descriptor.get, descriptor.set, descriptor.value]) {
        if (typeof fn !== "function") continue;
        for (const receiver of [undefined, {}, 1]) {
          let error;
          try {
            fn.call(receiver, 1, 2);
          } catch (thrown) {
            error = thrown;
          }
          assert(error instanceof TypeError, `${name}.${key} on ${receiver}: no TypeError`);
          assertEquals(error.message, kIllegalInvocation, `${name}.${key}`);
          checked++;
        }
      }
    }
  }
  assert(checked > 500, `only ${checked} checked`);
});

test("methods of ctx need their ctx, and bind helps", (t) => {
  const { waitUntil, passThroughOnException } = t.ctx;
  assertThrows(() => waitUntil(Promise.resolve()), TypeError, kIllegalInvocation);
  assertThrows(() => passThroughOnException(), TypeError, kIllegalInvocation);
  waitUntil.bind(t.ctx)(Promise.resolve());
  assertEquals(t.ctx.props, {});
  assertEquals(t.ctx.exports, {});
});

test("global functions work without a receiver", () => {
  const { atob, btoa, queueMicrotask, setTimeout, clearTimeout } = globalThis;
  assertEquals(atob(btoa("x")), "x");
  queueMicrotask(() => {});
  clearTimeout(setTimeout(() => {}, 1000));
  const { getRandomValues } = crypto;
  assertThrows(() => getRandomValues(new Uint8Array(1)), TypeError, kIllegalInvocation);
});

test("constructors that scripts may not call say so", () => {
  for (const name of ["AbortSignal", "Crypto", "SubtleCrypto", "ExecutionContext", "ReadableStreamBYOBRequest"]) {
    assertThrows(() => new globalThis[name](), TypeError, "Illegal constructor");
  }
});

test("self, navigator and the global object", () => {
  assert(self === globalThis);
  assertEquals(navigator.userAgent, "Cloudflare-Workers");
  assertEquals(typeof reportError, "function");
});

export default worker();
