// AsyncLocalStorage and AsyncResource: the module "node:async_hooks".
// https://developers.cloudflare.com/workers/runtime-apis/nodejs/asynclocalstorage/
// https://nodejs.org/api/async_context.html

import { brand, typeError } from "../core/errors.js";
import { NativeError, defineProperty } from "../core/primordials.js";
import { callWith, currentStores, findStore, withStore, withoutStore } from "./frame.js";

function mustBe(type, name, value) {
  if (typeof value === type) return;
  const error = typeError(`The "${name}" argument must be of type ${type}.`);
  error.code = "ERR_INVALID_ARG_TYPE";
  throw error;
}

function unserved(name) {
  return new NativeError(`asyncLocalStorage.${name}() is not implemented`);
}

/** A function that calls `fn` with the stores of now, whoever calls it. */
function bound(fn, stores, thisArg) {
  function call(...args) {
    return callWith(stores, fn, thisArg === undefined ? this : thisArg, args);
  }
  defineProperty(call, "length", { __proto__: null, value: fn.length, configurable: true });
  defineProperty(call, "name", { __proto__: null, value: `bound ${typeof fn.name === "string" ? fn.name : ""}`, configurable: true });
  return call;
}

export class AsyncLocalStorage {
  #default;
  #name = "";

  constructor(options = undefined) {
    if (options === undefined || options === null) return;
    mustBe("object", "options", options);
    this.#default = options.defaultValue;
    if (options.name !== undefined) {
      mustBe("string", "options.name", options.name);
      this.#name = options.name;
    }
  }

  static bind(fn) {
    mustBe("function", "fn", fn);
    return bound(fn, currentStores());
  }

  static snapshot() {
    const stores = currentStores();
    return function snapshot(fn, ...args) {
      mustBe("function", "fn", fn);
      return callWith(stores, fn, this, args);
    };
  }

  get name() {
    brand(#name in this);
    return this.#name;
  }

  getStore() {
    brand(#default in this);
    const store = findStore(this);
    return store === null ? this.#default : store.value;
  }

  run(store, callback, ...args) {
    brand(#default in this);
    mustBe("function", "callback", callback);
    return callWith(withStore(currentStores(), this, store), callback, null, args);
  }

  exit(callback, ...args) {
    brand(#default in this);
    mustBe("function", "callback", callback);
    return callWith(withoutStore(currentStores(), this), callback, null, args);
  }

  enterWith() {
    throw unserved("enterWith");
  }

  disable() {
    throw unserved("disable");
  }
}

let resources = 0;

export class AsyncResource {
  #stores = currentStores();
  #id = ++resources;

  constructor(type, options = undefined) {
    mustBe("string", "type", type);
    if (options !== undefined && typeof options !== "number") mustBe("object", "options", options);
  }

  static bind(fn, type = undefined, thisArg = undefined) {
    mustBe("function", "fn", fn);
    return new AsyncResource(type || fn.name || "bound-anonymous-fn").bind(fn, thisArg);
  }

  runInAsyncScope(fn, thisArg = undefined, ...args) {
    brand(#stores in this);
    mustBe("function", "fn", fn);
    return callWith(this.#stores, fn, thisArg, args);
  }

  bind(fn, thisArg = undefined) {
    brand(#stores in this);
    mustBe("function", "fn", fn);
    return bound(fn, this.#stores, thisArg);
  }

  asyncId() {
    brand(#id in this);
    return this.#id;
  }

  triggerAsyncId() {
    brand(#id in this);
    return 0;
  }

  emitDestroy() {
    brand(#id in this);
    return this;
  }
}
