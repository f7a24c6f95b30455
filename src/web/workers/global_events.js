// The global scope as an event target: runtime events of service-worker syntax, and unhandled rejections.
// https://w3c.github.io/ServiceWorker/#service-worker-global-scope-interface

import { requireArguments } from "../core/errors.js";
import { events } from "../core/lazy.js";
import { Listeners, addListener, dispatchTo } from "../events/listeners.js";
import { host } from "../core/host.js";
import { logWarning } from "../console/console.js";
import { current } from "./invocation.js";

const kRuntimeTypes = ["fetch", "scheduled", "queue", "email", "tail", "trace", "alarm"];

const listeners = new Listeners();
let scope = undefined;
let moduleSyntax = false;

export function setScope(global) {
  scope = global;
}

export function globalScope() {
  return scope;
}

function warnOfSyntax(type) {
  logWarning(
    `When using module syntax, the '${type}' event handler should be declared as an exported function on the root ` +
      "module as opposed to using the global addEventListener().");
}

/** From now on a listener for a runtime event is a mistake worth a warning; so are those that are there. */
export function setModuleSyntax() {
  moduleSyntax = true;
  for (let i = 0; i < kRuntimeTypes.length; i++) if (listeners.has(kRuntimeTypes[i])) warnOfSyntax(kRuntimeTypes[i]);
}

export function hasListener(type) {
  return listeners.has(type);
}

/** Fires a platform event at the global scope; false when a listener prevented the default. */
export function dispatchGlobal(event, type) {
  const state = events.get().eventState(event);
  state.trusted = true;
  return listeners.dispatch(scope, event, state, type);
}

/** https://html.spec.whatwg.org/#report-the-exception: an error event, then the trace of the invocation. */
export function reportException(error) {
  if (listeners.has("error")) {
    const message = errorMessage(error);
    const { ErrorEvent } = events.get();
    const event = new ErrorEvent("error", { __proto__: null, cancelable: true, message, error });
    if (!dispatchGlobal(event, "error")) return;
  }
  const record = current();
  if (record !== undefined && !record.ended) host.exception(record.seq, error);
}

function errorMessage(error) {
  try {
    return `Uncaught ${error}`;
  } catch {
    return "Uncaught exception";
  }
}

/** host.d.ts, Dispatch.unhandledRejection */
export function unhandledRejection(promise, reason) {
  if (!listeners.has("unhandledrejection")) return false;
  const { PromiseRejectionEvent } = events.get();
  const event = new PromiseRejectionEvent(
    "unhandledrejection", { __proto__: null, cancelable: true, promise, reason });
  return !dispatchGlobal(event, "unhandledrejection");
}

export const functions = {
  __proto__: null,

  addEventListener(type, callback, options = undefined) {
    requireArguments(arguments.length, 2, "addEventListener");
    const name = `${type}`;
    if (moduleSyntax) {
      for (let i = 0; i < kRuntimeTypes.length; i++) if (kRuntimeTypes[i] === name) warnOfSyntax(name);
    }
    addListener(listeners, name, callback, options);
  },

  removeEventListener(type, callback, options = undefined) {
    requireArguments(arguments.length, 2, "removeEventListener");
    listeners.remove(`${type}`, callback);
  },

  dispatchEvent(event) {
    requireArguments(arguments.length, 1, "dispatchEvent");
    return dispatchTo(scope, listeners, event);
  },

  reportError(error) {
    requireArguments(arguments.length, 1, "reportError");
    reportException(error);
  },
};
