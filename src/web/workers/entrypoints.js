// The modules that a script may import from the platform. "cloudflare:workers": base classes of entrypoints, the bindings,
// waitUntil().
// https://developers.cloudflare.com/workers/runtime-apis/bindings/#importing-env-as-a-global

import { AsyncLocalStorage, AsyncResource } from "../async/async_local_storage.js";
import { requireArguments } from "../core/errors.js";
import { defineProperty, getPrototypeOf, toStringTag } from "../core/primordials.js";
import { nodeHost } from "../node/host.js";
import { announceBindings, defineBindings } from "./bindings.js";
import { waitFor } from "./execution_context.js";
import { requireCurrent } from "./invocation.js";

class Entrypoint {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

function named(Class, name) {
  defineProperty(Class, "name", { __proto__: null, value: name, configurable: true });
  defineProperty(Class.prototype, toStringTag, { __proto__: null, value: name, configurable: true });
  return Class;
}

/** A class of handlers: each event gets an instance of its own. */
export const WorkerEntrypoint = named(class extends Entrypoint {}, "WorkerEntrypoint");
export const DurableObject = named(class extends Entrypoint {}, "DurableObject");
/** What is passed by reference. */
export const RpcTarget = named(class {}, "RpcTarget");

function extendsFrom(value, base) {
  if (typeof value !== "function") return false;
  for (let each = value; each !== null; each = getPrototypeOf(each)) if (each === base) return true;
  return false;
}

export function isDurableObject(value) {
  return extendsFrom(value, DurableObject);
}

export function isWorkerEntrypoint(value) {
  return extendsFrom(value, WorkerEntrypoint);
}

// One object for the life of the isolate, so that it can be imported before anybody knows the values.
const env = {};
let inUse = false;

/** The imported bindings, when the script imports them. */
export function importedEnv() {
  return inUse ? env : undefined;
}

/** host.d.ts, Dispatch.announceEnv */
export function announceEnv(names, stubs) {
  inUse = true;
  announceBindings(env, names, stubs);
}

/** host.d.ts, Dispatch.defineEnv */
export function defineEnv(values, stubs) {
  inUse = true;
  defineBindings(env, values, stubs);
}

function waitUntil(promise) {
  requireArguments(arguments.length, 1, "waitUntil");
  waitFor(requireCurrent(), promise);
}

/** The modules a script may import from the platform: name -> exports. */
export const modules = {
  __proto__: null,
  "cloudflare:workers": { __proto__: null, DurableObject, RpcTarget, WorkerEntrypoint, env, waitUntil },
  "node:internal/host": nodeHost,
  "node:async_hooks": { __proto__: null, AsyncLocalStorage, AsyncResource, default: { AsyncLocalStorage, AsyncResource } },
};
