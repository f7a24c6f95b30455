// Handlers: what a version's main module exports, and how it is called.

import { isObject, typeError } from "../core/errors.js";
import {
  NativeError, apply, arrayPush, construct, getOwnPropertyDescriptor, getPrototypeOf, objectKeys, ownKeys,
} from "../core/primordials.js";
import { logWarning } from "../console/console.js";
import { forEachStub } from "./bindings.js";
import { WorkerEntrypoint, importedEnv, isDurableObject, isWorkerEntrypoint } from "./entrypoints.js";
import { hasListener, setModuleSyntax } from "./global_events.js";

const kHandlerNames = [
  "fetch", "scheduled", "queue", "email", "tail", "trace", "tailStream", "alarm", "test", "connect",
];

const kMethodsListed = 64;

let target;         // the default export: an object, or a class made anew for each invocation
let entrypoints;    // the main module's namespace
let environment;

/** host.d.ts, Dispatch.start */
export function startHandlers(handlers, named, env, stubs) {
  environment = importedEnv();
  if (environment === undefined) {
    forEachStub(stubs, (name, value) => {
      env[name] = value;
    });
    environment = env;
  }
  entrypoints = named;
  target = handlers;
  const found = [];
  if (!isObject(handlers) && isObject(named) && hasEntrypoint(named, found)) {
    target = {};  // module syntax whose every entrypoint has a name
    setModuleSyntax();
    return found;
  }
  if (!isObject(handlers)) {
    for (let i = 0; i < kHandlerNames.length; i++) {
      if (hasListener(kHandlerNames[i])) arrayPush(found, kHandlerNames[i]);
    }
    return found;
  }
  setModuleSyntax();
  findHandlers(handlers, found);
  if (found.length === 0) findMethods(handlers, found);
  if (found.length === 0 && isObject(named)) hasEntrypoint(named, found);
  return found;
}

function findHandlers(holder, found) {
  const source = typeof holder === "function" ? holder.prototype : holder;
  if (!isObject(source)) return;
  for (let i = 0; i < kHandlerNames.length; i++) {
    if (typeof source[kHandlerNames[i]] === "function") arrayPush(found, kHandlerNames[i]);
  }
}

const objectPrototype = Object.prototype;

/** What other scripts may call: the functions of an object, the methods of a class and of those it extends. A script that has
 *  nothing else handles no event, but it is not one that does nothing. */
function findMethods(holder, found) {
  let source = holder;
  if (typeof holder === "function") {
    if (!isWorkerEntrypoint(holder)) return;
    source = holder.prototype;
  }
  while (isObject(source) && source !== objectPrototype && source !== WorkerEntrypoint.prototype) {
    const names = ownKeys(source);
    for (let i = 0; i < names.length && found.length < kMethodsListed; i++) {
      if (typeof names[i] !== "string" || names[i] === "constructor") continue;
      if (typeof getOwnPropertyDescriptor(source, names[i])?.value === "function") arrayPush(found, names[i]);
    }
    source = getPrototypeOf(source);
  }
}

/** Whether a module exports an entrypoint under a name of its own; adds the handlers of the first one found. */
function hasEntrypoint(named, found) {
  const names = objectKeys(named);
  let any = false;
  for (let i = 0; i < names.length; i++) {
    const value = named[names[i]];
    if (names[i] === "default" || !isObject(value)) continue;
    const isClass = isWorkerEntrypoint(value) || isDurableObject(value);
    if (!isClass && typeof value === "function") continue;
    const before = found.length;
    if (before === 0) findHandlers(value, found);
    any ||= isClass || found.length > before;
    if (isClass && found.length === 0) findMethods(value, found);
    if (isClass && found.length === 0) arrayPush(found, names[i]);
  }
  return any;
}

export function isModule() {
  return isObject(target);
}

function findEntrypoint(name) {
  if (name === "") return target;
  const found = isObject(entrypoints) && name !== "default" ? entrypoints[name] : undefined;
  if (isDurableObject(found)) {
    throw typeError(
      `The entrypoint name ${name} refers to a Durable Object class, but the incoming request is trying to invoke it as ` +
        "a stateless worker.");
  }
  if (isObject(found)) return found;
  throw typeError(
    `The entrypoint name ${name} was not found in this worker. Ensure the worker exports an entrypoint with that name.`);
}

/** Calls the handler `name`(first, env, ctx) of an entrypoint ("": the default export) with the right receiver; throws when
 *  there is none. */
export function callHandler(name, first, ctx, entrypoint) {
  const holder = findEntrypoint(entrypoint);
  if (typeof holder === "function") {
    const instance = construct(holder, [ctx, environment]);
    const method = instance[name];
    if (typeof method !== "function") throw missing(name);
    return apply(method, instance, [first]);
  }
  const method = holder[name];
  if (typeof method !== "function") throw missing(name);
  return apply(method, holder, [first, environment, ctx]);
}

function missing(name) {
  if (name === "fetch") {
    logWarning(
      "Received a FetchEvent but we lack a handler for FetchEvents. Did you remember to export a fetch() function?");
    return new NativeError("Handler does not export a fetch() function.");
  }
  logWarning(
    "Received a ScheduledEvent but we lack a handler for ScheduledEvents (a.k.a. Cron Triggers). Did you remember to " +
      "export a scheduled() function?");
  return new NativeError("Handler does not export a scheduled() function");
}
