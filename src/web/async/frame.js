// What code takes along over awaits, reactions and timers: the invocation on whose behalf it runs, and what its
// AsyncLocalStorages hold. The engine keeps one value per continuation (host.current): the invocation while nothing is
// stored, else a Frame. Stores go wherever a script takes them (AsyncLocalStorage.bind); the invocation does not.

import { host } from "../core/host.js";
import { apply } from "../core/primordials.js";

/** Invocation has the same two fields. */
class Frame {
  record;
  stores;

  constructor(record, stores) {
    this.record = record;
    this.stores = stores;
  }
}

/** What a storage holds, and what others do. Immutable; one per storage. */
class Store {
  storage;
  value;
  rest;

  constructor(storage, value, rest) {
    this.storage = storage;
    this.value = value;
    this.rest = rest;
  }
}

let inUse = false;  // something was stored once; before that nobody need ask the engine

/** The Stores of the code that runs; null: none. */
export function currentStores() {
  return inUse ? (host.current()?.stores ?? null) : null;
}

/** The Store of `storage` that the running code has, or null. */
export function findStore(storage) {
  let store = currentStores();
  while (store !== null && store.storage !== storage) store = store.rest;
  return store;
}

/** `stores` without what `storage` holds. */
export function withoutStore(stores, storage) {
  if (stores === null) return null;
  if (stores.storage === storage) return stores.rest;
  const rest = withoutStore(stores.rest, storage);
  return rest === stores.rest ? stores : new Store(stores.storage, stores.value, rest);
}

export function withStore(stores, storage, value) {
  inUse = true;
  return new Store(storage, value, withoutStore(stores, storage));
}

/** Calls `callback` with `stores` in the place of those that the running code has; gives what it gives. */
export function callWith(stores, callback, receiver, args) {
  if (!inUse) return apply(callback, receiver, args);
  const before = host.current();
  const record = before?.record;
  host.setCurrent(stores === null ? record : new Frame(record, stores));
  try {
    return apply(callback, receiver, args);
  } finally {
    host.setCurrent(before);
  }
}
