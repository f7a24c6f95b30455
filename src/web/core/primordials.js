// The builtins this bundle uses, taken before any tenant code runs. A tenant may patch every prototype it can reach;
// nothing here looks at one again. `uncurryThis(f)(receiver, …)` is `f.call(receiver, …)` without the lookup.

const { bind, call } = Function.prototype;
export const uncurryThis = bind.bind(call);

export const {
  apply,
  construct,
  defineProperty,
  deleteProperty,
  getOwnPropertyDescriptor,
  get: reflectGet,
  getPrototypeOf,
  has: reflectHas,
  isExtensible,
  ownKeys,
  set: reflectSet,
  setPrototypeOf,
} = Reflect;
export const bindFunction = uncurryThis(bind);
export const { getOwnPropertySymbols: objectSymbols, keys: objectKeys } = Object;
export const { isArray } = Array;
export const { isFinite } = Number;
export const { isView } = ArrayBuffer;
export const { fromCharCode } = String;
export const { parse: jsonParse, stringify: jsonStringify } = JSON;
export const { ceil, max, min, trunc } = Math;
export const { asyncIterator, iterator, toStringTag } = Symbol;

export const asyncIteratorPrototype = getPrototypeOf(getPrototypeOf(async function* () {}).prototype);

export const NativeArray = Array;
export const NativeArrayBuffer = ArrayBuffer;
export const NativeDate = Date;
export const NativeError = Error;
export const NativeMap = Map;
const NativePromise = Promise;
export const NativeEvalError = EvalError;
export const NativeProxy = Proxy;
export const NativeRangeError = RangeError;
export const NativeReferenceError = ReferenceError;
export const NativeSyntaxError = SyntaxError;
export const NativeTypeError = TypeError;
export const NativeURIError = URIError;
export const NativeUint8Array = Uint8Array;

export const captureStackTrace = Error.captureStackTrace;

export const arrayJoin = uncurryThis(Array.prototype.join);
export const arrayPush = uncurryThis(Array.prototype.push);
export const arraySort = uncurryThis(Array.prototype.sort);
export const arraySplice = uncurryThis(Array.prototype.splice);

export const mapGet = uncurryThis(Map.prototype.get);
export const mapSet = uncurryThis(Map.prototype.set);
export const mapDelete = uncurryThis(Map.prototype.delete);

export const stringCharCodeAt = uncurryThis(String.prototype.charCodeAt);
export const stringIndexOf = uncurryThis(String.prototype.indexOf);
export const stringSlice = uncurryThis(String.prototype.slice);
export const stringStartsWith = uncurryThis(String.prototype.startsWith);
export const stringToLowerCase = uncurryThis(String.prototype.toLowerCase);
export const stringToUpperCase = uncurryThis(String.prototype.toUpperCase);
export const stringToWellFormed = uncurryThis(String.prototype.toWellFormed);
export const stringTrim = uncurryThis(String.prototype.trim);

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype);
const getter = (prototype, name) => uncurryThis(Object.getOwnPropertyDescriptor(prototype, name).get);
const typedArrayTag = getter(typedArrayPrototype, Symbol.toStringTag);
const typedArrayBuffer = getter(typedArrayPrototype, "buffer");
const typedArrayByteOffset = getter(typedArrayPrototype, "byteOffset");
const typedArrayByteLength = getter(typedArrayPrototype, "byteLength");
const dataViewBuffer = getter(DataView.prototype, "buffer");
const dataViewByteOffset = getter(DataView.prototype, "byteOffset");
const dataViewByteLength = getter(DataView.prototype, "byteLength");
const arrayBufferByteLength = getter(ArrayBuffer.prototype, "byteLength");
const arrayBufferDetached = getter(ArrayBuffer.prototype, "detached");
const arrayBufferTransfer = uncurryThis(ArrayBuffer.prototype.transfer);
// The engine puts it there while the base snapshot is made; V8 itself adds it later (core/late_builtins.js).
export const NativeSharedArrayBuffer = SharedArrayBuffer;
const sharedByteLength = getter(SharedArrayBuffer.prototype, "byteLength");
export const typedArraySet = uncurryThis(typedArrayPrototype.set);
export const typedArrayConstructors = {
  __proto__: null,
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView,
};
if (typeof Float16Array === "function") typedArrayConstructors.Float16Array = Float16Array;

/** The name of a view's type; "DataView" for a DataView. The argument must be a view. */
export function viewType(view) {
  return typedArrayTag(view) ?? "DataView";
}

export function viewBuffer(view) {
  return typedArrayTag(view) === undefined ? dataViewBuffer(view) : typedArrayBuffer(view);
}

export function viewByteOffset(view) {
  return typedArrayTag(view) === undefined ? dataViewByteOffset(view) : typedArrayByteOffset(view);
}

export function viewByteLength(view) {
  return typedArrayTag(view) === undefined ? dataViewByteLength(view) : typedArrayByteLength(view);
}

export const byteLength = typedArrayByteLength;
export const bufferByteLength = arrayBufferByteLength;
export const bufferDetached = arrayBufferDetached;
export const bufferTransfer = arrayBufferTransfer;

/** True for an ArrayBuffer (by its internal slot), false for a SharedArrayBuffer and everything else. */
function isArrayBuffer(value) {
  if (typeof value !== "object" || value === null) return false;
  try {
    arrayBufferByteLength(value);
    return true;
  } catch {
    return false;
  }
}

function isSharedArrayBuffer(value) {
  try {
    sharedByteLength(value);
    return true;
  } catch {
    return false;
  }
}

/** The bytes of a BufferSource without copying, or undefined when `value` is none. */
export function bytesOf(value) {
  if (typeof value !== "object" || value === null) return undefined;
  if (isView(value)) {
    if (typedArrayTag(value) === "Uint8Array") return value;
    return new NativeUint8Array(viewBuffer(value), viewByteOffset(value), viewByteLength(value));
  }
  if (isArrayBuffer(value) || isSharedArrayBuffer(value)) return new NativeUint8Array(value);
  return undefined;
}

/** A copy in an ArrayBuffer of its own; the bytes are a Uint8Array. */
export function copyBytes(bytes) {
  return new NativeUint8Array(bytes);
}

/** A view of `bytes` from `start` to `end`, sharing memory; no subclass or species is looked at. */
export function subarray(bytes, start, end) {
  return new NativeUint8Array(typedArrayBuffer(bytes), typedArrayByteOffset(bytes) + start, end - start);
}

export function hasOwnBuffer(bytes) {
  const buffer = typedArrayBuffer(bytes);
  return typedArrayByteOffset(bytes) === 0 && arrayBufferByteLength(buffer) === typedArrayByteLength(bytes);
}

/** `bytes` as an ArrayBuffer that nobody else sees: its own buffer where it fills it, else a copy. */
export function toArrayBuffer(bytes) {
  const whole = hasOwnBuffer(bytes) ? bytes : copyBytes(bytes);
  return typedArrayBuffer(whole);
}

// ---- promises -------------------------------------------------------------------------------------------------

export const then = uncurryThis(Promise.prototype.then);

export function noop() {}

/** A promise with its two functions. */
export class Deferred {
  promise;
  resolve;
  reject;

  constructor() {
    this.promise = new NativePromise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** A new promise resolved with `value` (adopts thenables, as the standards' "a promise resolved with"). */
export function resolved(value) {
  return new NativePromise((resolve) => resolve(value));
}

export function rejected(reason) {
  return new NativePromise((_, reject) => reject(reason));
}

export function markHandled(promise) {
  then(promise, undefined, noop);
}
