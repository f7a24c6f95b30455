// Late builtins: those that V8 adds to a context only when it is not made by a snapshot's creator: its youngest features,
// WebAssembly, SharedArrayBuffer. A top-level scope whose heap will be written would not find them; and when the heap is
// read back V8 adds them, and must not find them there.
//
// So stand-ins take their places while the top-level scope runs, and leave before the heap is written. A stand-in can be
// looked for, kept and passed on: once the heap has been read back it hands everything to the real one. It cannot be used
// in the top-level scope: that gives the heap up, and the version starts from its source. What the script has put in the
// place of one, or taken away, is done again after V8 has added the real one.
//
// tests/e2e/snapshot.test.mjs compares this list with what V8 adds.

import { host } from "./host.js";
import {
  NativeProxy, NativeSharedArrayBuffer, apply, bindFunction, construct, defineProperty, deleteProperty,
  getOwnPropertyDescriptor, getPrototypeOf, isExtensible, ownKeys, reflectGet, reflectHas, reflectSet,
} from "./primordials.js";

const kStackFrames = 10;  // Error.stackTraceLimit at first

// [holder, key, name]; the holder null is the global scope.
const kLate = [
  [null, "SharedArrayBuffer", "SharedArrayBuffer"],
  [null, "WebAssembly", "WebAssembly"],
  [null, "SuppressedError", "SuppressedError"],
  [null, "DisposableStack", "DisposableStack"],
  [null, "AsyncDisposableStack", "AsyncDisposableStack"],
  [Error, "stackTraceLimit", "Error.stackTraceLimit"],
  [Error, "isError", "Error.isError"],
  [Promise, "try", "Promise.try"],
  [RegExp, "escape", "RegExp.escape"],
  [Atomics, "pause", "Atomics.pause"],
  [Uint8Array, "fromBase64", "Uint8Array.fromBase64"],
  [Uint8Array, "fromHex", "Uint8Array.fromHex"],
  [Uint8Array.prototype, "toBase64", "Uint8Array.prototype.toBase64"],
  [Uint8Array.prototype, "setFromBase64", "Uint8Array.prototype.setFromBase64"],
  [Uint8Array.prototype, "toHex", "Uint8Array.prototype.toHex"],
  [Uint8Array.prototype, "setFromHex", "Uint8Array.prototype.setFromHex"],
  [Iterator, "concat", "Iterator.concat"],
  [Iterator.prototype, Symbol.dispose, "Iterator.prototype[Symbol.dispose]"],
  [Map.prototype, "getOrInsert", "Map.prototype.getOrInsert"],
  [Map.prototype, "getOrInsertComputed", "Map.prototype.getOrInsertComputed"],
  [WeakMap.prototype, "getOrInsert", "WeakMap.prototype.getOrInsert"],
  [WeakMap.prototype, "getOrInsertComputed", "WeakMap.prototype.getOrInsertComputed"],
];

class Late {
  holder;
  key;
  name;
  /** What stands in its place while the top-level scope runs. */
  standIn;
  /** The real one; undefined until V8 has added it. SharedArrayBuffer is there, only not in its place. */
  real;
  /** The heap has been read back. */
  arrived = false;
  /** What the script has made of the property: { descriptor }, undefined for one it deleted; null: nothing. */
  change = null;

  constructor(holder, key, name) {
    this.holder = holder;
    this.key = key;
    this.name = name;
    this.real = key === "SharedArrayBuffer" ? NativeSharedArrayBuffer : undefined;
    this.standIn = key === "stackTraceLimit" ? kStackFrames
      : new NativeProxy(key === "WebAssembly" ? {} : bindFunction(function () {}, undefined), new Handler(this));
  }
}

/** Hands every operation on a stand-in to the real one. */
class Handler {
  late;

  constructor(late) {
    this.late = late;
  }

  giveUp() {
    host.giveUpHeap(this.late.name);
    for (;;);  // it ends here
  }

  get real() {
    if (this.late.real === undefined) this.giveUp();
    return this.late.real;
  }

  apply(_, receiver, args) { return apply(this.real, receiver, args); }
  construct(_, args, newTarget) {
    if (!this.late.arrived) this.giveUp();  // V8 reads a SharedArrayBuffer back as one that is not shared
    return construct(this.real, args, newTarget === this.late.standIn ? this.real : newTarget);
  }
  get(_, key, receiver) { return reflectGet(this.real, key, receiver === this.late.standIn ? this.real : receiver); }
  set(_, key, value, receiver) {
    return reflectSet(this.real, key, value, receiver === this.late.standIn ? this.real : receiver);
  }
  has(_, key) { return reflectHas(this.real, key); }
  deleteProperty(_, key) { return deleteProperty(this.real, key); }
  ownKeys() { return ownKeys(this.real); }
  getPrototypeOf() { return getPrototypeOf(this.real); }
  defineProperty(target, key, descriptor) { return defineProperty(this.real, key, descriptor); }
  getOwnPropertyDescriptor(_, key) {
    const descriptor = getOwnPropertyDescriptor(this.real, key);
    if (descriptor !== undefined) descriptor.configurable = true;  // the stand-in itself has no property to hold to
    return descriptor;
  }
}

let late = [];

/** For what cannot be part of a heap that is written: ends a top-level scope whose heap will be, and else does nothing. */
export function giveUpWrittenHeap(name) {
  if (late.length === 0 || late[0].arrived) return;
  host.giveUpHeap(name);
  for (;;);  // it ends here
}

/** host.d.ts, Dispatch.standIn */
export function standIn(scope) {
  for (let i = 0; i < kLate.length; i++) {
    const entry = new Late(kLate[i][0] ?? scope, kLate[i][1], kLate[i][2]);
    late[i] = entry;
    defineProperty(entry.holder, entry.key, {
      __proto__: null, value: entry.standIn, writable: true, enumerable: entry.key === "stackTraceLimit", configurable: true,
    });
    if (entry.real !== undefined) setConstructor(entry.real, entry.standIn);
  }
}

function setConstructor(real, value) {
  defineProperty(reflectGet(real, "prototype"), "constructor", { __proto__: null, value });
}

/** host.d.ts, Dispatch.withdraw */
export function withdraw() {
  for (let i = 0; i < late.length; i++) {
    const { holder, key, name, standIn, real } = late[i];
    if (real !== undefined) setConstructor(real, real);
    const descriptor = getOwnPropertyDescriptor(holder, key);
    const untouched = descriptor !== undefined && descriptor.value === standIn && descriptor.writable &&
      descriptor.configurable && descriptor.enumerable === (key === "stackTraceLimit");
    if (!untouched) late[i].change = { descriptor };
    if (!deleteProperty(holder, key) || !isExtensible(holder)) return name;
  }
  return undefined;
}

/** host.d.ts, Dispatch.arrive */
export function arrive() {
  for (let i = 0; i < late.length; i++) {
    const { holder, key, change } = late[i];
    late[i].real = getOwnPropertyDescriptor(holder, key)?.value;
    late[i].arrived = true;
    if (change === null) continue;
    if (change.descriptor === undefined) deleteProperty(holder, key);
    else defineProperty(holder, key, change.descriptor);
  }
}
