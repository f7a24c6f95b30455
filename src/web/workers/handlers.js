// Handlers: what a version's main module exports, and how it is called.

import { isObject } from "../core/errors.js";
import { NativeError, apply, arrayPush, construct } from "../core/primordials.js";
import { logWarning } from "../console/console.js";
import { hasListener, setModuleSyntax } from "./global_events.js";

const kHandlerNames = [
  "fetch", "scheduled", "queue", "email", "tail", "trace", "tailStream", "alarm", "test", "connect",
];

let target;         // the default export: an object, or a class made anew for each invocation
let environment;
let isClass = false;

/** host.d.ts, Dispatch.start */
export function startHandlers(handlers, named, env) {
  environment = env;
  target = handlers;
  const found = [];
  if (!isObject(handlers)) {
    for (let i = 0; i < kHandlerNames.length; i++) {
      if (hasListener(kHandlerNames[i])) arrayPush(found, kHandlerNames[i]);
    }
    return found;
  }
  setModuleSyntax();
  isClass = typeof handlers === "function";
  const source = isClass ? handlers.prototype : handlers;
  if (!isObject(source)) return found;
  for (let i = 0; i < kHandlerNames.length; i++) {
    if (typeof source[kHandlerNames[i]] === "function") arrayPush(found, kHandlerNames[i]);
  }
  return found;
}

export function isModule() {
  return isObject(target);
}


/** Calls the handler `name`(first, env, ctx) with the right receiver; throws when there is none. */
export function callHandler(name, first, ctx) {
  if (isClass) {
    const instance = construct(target, [ctx, environment]);
    const method = instance[name];
    if (typeof method !== "function") throw missing(name);
    return apply(method, instance, [first]);
  }
  const method = target[name];
  if (typeof method !== "function") throw missing(name);
  return apply(method, target, [first, environment, ctx]);
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
