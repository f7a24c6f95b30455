// node:timers over the web API's timers, with their limits: objects stand for them, and are accepted where a number is.
// https://nodejs.org/api/timers.html

import { promises } from "./timers_promises.js";

const { setTimeout: start, setInterval: startRepeating, clearTimeout: stop } = globalThis;

function requireCallback(callback) {
  if (typeof callback === "function") return;
  const error = new TypeError(`The "callback" argument must be of type function. Received ${callback === null ? "null" : typeof callback}`);
  error.code = "ERR_INVALID_ARG_TYPE";
  throw error;
}

class Timeout {
  #start;
  #id;
  #hasRef = true;

  constructor(begin) {
    this.#start = begin;
    this.#id = begin();
  }

  /** Nothing waits for a timer to end: it makes no difference. */
  ref() { this.#hasRef = true; return this; }
  unref() { this.#hasRef = false; return this; }
  hasRef() { return this.#hasRef; }

  refresh() {
    stop(this.#id);
    this.#id = this.#start();
    return this;
  }

  close() { stop(this.#id); return this; }
  [Symbol.toPrimitive]() { return this.#id; }
}

class Immediate {
  #id;
  #hasRef = true;

  constructor(id) { this.#id = id; }
  ref() { this.#hasRef = true; return this; }
  unref() { this.#hasRef = false; return this; }
  hasRef() { return this.#hasRef; }

  static stop(immediate) { if (immediate !== null && typeof immediate === "object" && #id in immediate) stop(immediate.#id); }
}

if (Symbol.dispose !== undefined) {
  Object.defineProperty(Timeout.prototype, Symbol.dispose, { value() { this.close(); }, writable: true, configurable: true });
  Object.defineProperty(Immediate.prototype, Symbol.dispose, { value() { Immediate.stop(this); }, writable: true, configurable: true });
}

export function setTimeout(callback, delay, ...args) {
  requireCallback(callback);
  return new Timeout(() => start(callback, delay, ...args));
}

export function setInterval(callback, delay, ...args) {
  requireCallback(callback);
  return new Timeout(() => startRepeating(callback, delay, ...args));
}

export function clearTimeout(timer) {
  if (timer !== undefined && timer !== null) stop(+timer);
}

export { clearTimeout as clearInterval };

export function setImmediate(callback, ...args) {
  requireCallback(callback);
  return new Immediate(start(callback, 0, ...args));
}

export const clearImmediate = Immediate.stop;

export { promises };
export default { setTimeout, clearTimeout, setInterval, clearInterval: clearTimeout, setImmediate, clearImmediate, promises };
