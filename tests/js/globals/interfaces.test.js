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
