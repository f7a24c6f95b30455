// structuredClone() and queueMicrotask(). https://html.spec.whatwg.org/#structured-cloning

import { host } from "../core/host.js";
import { requireArguments, typeError } from "../core/errors.js";
import { member } from "../core/idl.js";
import { arrayPush, resolved, then } from "../core/primordials.js";
import { DOMException } from "../events/dom_exception.js";
import { reportException } from "./global_events.js";

function newDataCloneError(message) {
  return new DOMException(message, "DataCloneError");
}

export const functions = {
  __proto__: null,

  structuredClone(value, options = undefined) {
    requireArguments(arguments.length, 1, "structuredClone");
    const transfer = member(options, "transfer");
    const list = [];
    if (transfer !== undefined) for (const item of transfer) arrayPush(list, item);
    return host.structuredClone(value, list, newDataCloneError);
  },

  queueMicrotask(callback) {
    requireArguments(arguments.length, 1, "queueMicrotask");
    if (typeof callback !== "function") throw typeError("queueMicrotask: the callback must be a function.");
    then(resolved(undefined), () => {
      try {
        callback();
      } catch (error) {
        reportException(error);
      }
    });
  },
};
