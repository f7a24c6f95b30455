// The errors of the platform: texts that scripts and their tests match on, in one place.

import {
  NativeError, NativeEvalError, NativeRangeError, NativeReferenceError, NativeSyntaxError, NativeTypeError, NativeURIError,
} from "./primordials.js";

const kIllegalInvocation =
  "Illegal invocation: function called with incorrect `this` reference. See " +
  "https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";

/** Throws unless `branded`: the receiver of a method or accessor is an instance of its class. */
export function brand(branded) {
  if (!branded) illegalInvocation();
}

function illegalInvocation() {
  throw new NativeTypeError(kIllegalInvocation);
}

export function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

export function illegalConstructor() {
  return new NativeTypeError("Illegal constructor");
}

export function disallowedInGlobalScope() {
  return new NativeError(
    "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a " +
      "timeout, and generating random values are not allowed within global scope. To fix this error, perform this " +
      "operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/",
  );
}

export function differentRequest(type) {
  return new NativeError(
    "Cannot perform I/O on behalf of a different request. I/O objects (such as streams, request/response bodies, " +
      "and others) created in the context of one request handler cannot be accessed from a different request's " +
      "handler. This is a limitation of Cloudflare Workers which allows us to improve overall performance. " +
      `(I/O type: ${type})`,
  );
}

export function contextEnded() {
  return new NativeError("Couldn't complete operation because the execution context has ended.");
}

export function connectionLost() {
  const error = new NativeError("Network connection lost.");
  error.retryable = true;
  return error;
}

export function bodyUsed() {
  return new NativeTypeError(
    "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.",
  );
}

export function streamLocked() {
  return new NativeTypeError("This ReadableStream is currently locked to a reader.");
}

export function writableLocked() {
  return new NativeTypeError("This WritableStream is currently locked to a writer.");
}

export function memoryWouldBeExceeded() {
  return new NativeTypeError("Memory limit would be exceeded before EOF.");
}

export function memoryExceeded() {
  return new NativeTypeError("Memory limit exceeded before EOF.");
}

export function typeError(message) {
  return new NativeTypeError(message);
}

export function rangeError(message) {
  return new NativeRangeError(message);
}

/** The constructor of a standard error class by its name. */
export function standardError(name) {
  switch (name) {
    case "Error": return NativeError;
    case "EvalError": return NativeEvalError;
    case "RangeError": return NativeRangeError;
    case "ReferenceError": return NativeReferenceError;
    case "SyntaxError": return NativeSyntaxError;
    case "TypeError": return NativeTypeError;
    case "URIError": return NativeURIError;
    default: return undefined;
  }
}

/** WebIDL's check for required arguments. */
export function requireArguments(given, needed, where) {
  if (given < needed) {
    throw new NativeTypeError(
      `Failed to execute ${where}: ${needed} argument${needed === 1 ? "" : "s"} required, but only ${given} present.`,
    );
  }
}

const kNothing = {};

/** `value` where it is an object, else an object without any private name: `#x in receiver(this)` never throws. */
export function receiver(value) {
  return isObject(value) ? value : kNothing;
}
