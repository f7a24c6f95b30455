// Listeners: what an event target calls, an EventTarget or the global scope. https://dom.spec.whatwg.org/#concept-event-dispatch
//
// There is no tree here: every dispatch is at the target. An exception from a listener leaves dispatchEvent() at once,
// as on the platform (docs/web-gaps.md).

import { isObject, typeError } from "../core/errors.js";
import { events } from "../core/lazy.js";
import { apply } from "../core/primordials.js";
import { DOMException } from "./dom_exception.js";

class Listener {
  type;
  callback;
  once;
  removed = false;
  next = null;

  constructor(type, callback, once) {
    this.type = type;
    this.callback = callback;
    this.once = once;
  }
}

/** The listeners of one target, in order. */
export class Listeners {
  first = null;
  last = null;

  add(type, callback, once) {
    for (let at = this.first; at !== null; at = at.next) {
      if (at.type === type && at.callback === callback) return undefined;
    }
    const listener = new Listener(type, callback, once);
    if (this.last === null) this.first = listener;
    else this.last.next = listener;
    this.last = listener;
    return listener;
  }

  remove(type, callback) {
    let before = null;
    for (let at = this.first; at !== null; before = at, at = at.next) {
      if (at.type !== type || at.callback !== callback) continue;
      at.removed = true;
      if (before === null) this.first = at.next;
      else before.next = at.next;
      if (this.last === at) this.last = before;
      return;
    }
  }

  has(type) {
    for (let at = this.first; at !== null; at = at.next) if (at.type === type) return true;
    return false;
  }

  /** Calls the listeners that stand now, then those are done: listeners added meanwhile are not called. */
  dispatch(target, event, state, type) {
    const last = this.last;
    state.target = target;
    state.currentTarget = target;
    state.dispatching = true;
    state.phase = 2;
    try {
      for (let at = this.first; at !== null; at = at.next) {
        if (at.type === type && !at.removed) {
          if (at.once) this.remove(type, at.callback);
          const callback = at.callback;
          if (typeof callback === "function") apply(callback, target, [event]);
          else callback.handleEvent(event);
          if (state.stopNow) break;
        }
        if (at === last) break;
      }
    } finally {
      state.dispatching = false;
      state.currentTarget = null;
      state.phase = 0;
      state.stop = false;
      state.stopNow = false;
    }
    return !state.prevented;
  }
}

export function addListener(listeners, type, callback, options) {
  let once = false;
  let signal;
  if (typeof options === "boolean") {
    if (options) throw typeError("addEventListener(): useCapture must be false.");
  } else if (isObject(options)) {
    if (options.capture) throw typeError("addEventListener(): options.capture must be false.");
    if (options.passive) throw typeError("addEventListener(): options.passive must be false.");
    once = !!options.once;
    signal = options.signal;
  }
  if (callback === null || callback === undefined) return;
  if (!isObject(callback)) throw typeError("addEventListener(): the listener must be a function or an object.");
  if (signal !== undefined && events.get().isAborted(signal)) return;
  const added = listeners.add(type, callback, once);
  if (added !== undefined && signal !== undefined) events.get().onAbort(signal, () => listeners.remove(type, callback));
}

export function dispatchTo(target, listeners, event) {
  const state = events.evaluated?.eventState(event);
  if (state === undefined) throw typeError("dispatchEvent(): the argument must be an Event.");
  if (state.dispatching) throw new DOMException("The event is already being dispatched.", "InvalidStateError");
  return listeners.dispatch(target, event, state, event.type);
}
