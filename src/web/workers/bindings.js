// Bindings of service-worker syntax: each is a property of the global scope.
//
// Where the heap will be written, the values stay outside: each name is then an accessor that asks the engine, which
// takes note that the heap now holds a value. The isolates that start from the heap put the values in its place.

import { host } from "../core/host.js";
import {
  NativeMap, defineProperty, deleteProperty, getOwnPropertyDescriptor, mapGet, mapSet, objectKeys,
} from "../core/primordials.js";
import { newFetcher } from "./fetcher.js";
import { newRatelimit } from "./rate_limit.js";

const announced = new NativeMap();  // scope -> name -> the getter that stands for its value
const asIs = (value) => value;

function setValue(scope, name, value) {
  defineProperty(scope, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
}

/** Calls put(name, value) for each. A stub is no secret, only a number. */
export function forEachStub(stubs, put) {
  if (stubs === undefined) return;
  const { services, limiters } = stubs;
  for (let i = 0; i < services.length; i++) put(services[i], newFetcher(i + 1));
  for (let i = 0; i < limiters.length; i++) {
    const limiter = limiters[i];
    put(limiter[0], newRatelimit(i + 1, limiter[1], limiter[2]));
  }
}

function defineStubs(scope, stubs) {
  forEachStub(stubs, (name, value) => setValue(scope, name, value));
}

/** host.d.ts, Dispatch.announceBindings. Of each value the scope has what `seen` makes of it. */
export function announceBindings(scope, names, stubs, seen = asIs) {
  defineStubs(scope, stubs);
  const getters = new NativeMap();
  mapSet(announced, scope, getters);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const accessor = {
      get value() { return seen(host.binding(name)); },
      set value(value) { setValue(scope, name, value); },
    };
    const { get, set } = getOwnPropertyDescriptor(accessor, "value");
    mapSet(getters, name, get);
    defineProperty(scope, name, { __proto__: null, get, set, enumerable: true, configurable: true });
  }
}

/** host.d.ts, Dispatch.defineBindings: a name that the script has taken for itself since it was announced stays its own. */
export function defineBindings(scope, values, stubs, seen = asIs) {
  defineStubs(scope, stubs);
  const getters = mapGet(announced, scope);
  const names = objectKeys(values);
  for (let i = 0; i < names.length; i++) {
    const getter = getters === undefined ? undefined : mapGet(getters, names[i]);
    if (getter !== undefined && getOwnPropertyDescriptor(scope, names[i])?.get !== getter) continue;
    const value = seen(values[names[i]]);
    if (value === undefined) deleteProperty(scope, names[i]);
    else setValue(scope, names[i], value);
  }
}
