// What the web API and Node's modules have of each other: their globals and `process.env`, which are there before any of
// them is evaluated, and the module "node:internal/host", which only they can import.

import { AsyncLocalStorage, AsyncResource } from "../async/async_local_storage.js";
import { logWarning } from "../console/console.js";
import { host } from "../core/host.js";
import { defineGlobal } from "../core/idl.js";
import { NativeError, getPrototypeOf, isArray, jsonStringify } from "../core/primordials.js";
import { abortInvocation } from "../workers/execution_context.js";
import { current } from "../workers/invocation.js";

const objectPrototype = Object.prototype;

/** What process.env holds: one object for the life of the isolate. */
export const environment = {};

/** A binding as an environment has it; undefined: it has none. */
export function environmentText(value) {
  if (typeof value === "string") return value;
  const isJson = typeof value !== "object" || value === null || isArray(value) || getPrototypeOf(value) === objectPrototype;
  return isJson ? jsonStringify(value) : undefined;
}

const globals = {
  __proto__: null,
  process: ["node:process", "default"],
  Buffer: ["node:buffer", "Buffer"],
  setImmediate: ["node:timers", "setImmediate"],
  clearImmediate: ["node:timers", "clearImmediate"],
};

let scope;
let defineLazy;

/** defineLazy(name): a global whose value is nodeGlobal(name). */
export function setNodeScope(global, define) {
  scope = global;
  defineLazy = define;
  for (let i = 0; i < natives.length; i++) nodeHost[natives[i]] = host[natives[i]];
}

/** host.d.ts, Dispatch */
export function offerNodeGlobals() {
  defineGlobal(scope, "global", scope);
  for (const name in globals) defineLazy(name);
}

export function nodeGlobal(name) {
  return host.builtin(globals[name][0])[globals[name][1]];
}

/** As process.getBuiltinModule() gives it. */
function builtin(name) {
  const space = host.builtin(name);
  return space === undefined ? undefined : space.default;
}

/** process.exit() */
function exitRequest(code = 0) {
  const error = new NativeError(`process.exit(${code}) was called: the request is aborted.`);
  const record = current();
  if (record !== undefined) abortInvocation(record, error);
  throw error;
}

const natives = [
  "atob", "btoa", "constructorName", "kindsOf", "latin1Decode", "now", "ownNonIndexKeys", "previewEntries", "promiseDetails", "proxyDetails", "utf8Decode", "utf8Encode", "utf8EncodeInto", "utf8Length",
];

/** "node:internal/host" */
export const nodeHost = { __proto__: null, AsyncLocalStorage, AsyncResource, builtin, environment, exitRequest, warn: logWarning };
