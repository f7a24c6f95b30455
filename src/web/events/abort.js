// AbortController and AbortSignal. https://dom.spec.whatwg.org/#aborting-ongoing-activities

import { brand, illegalConstructor, isObject, receiver, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { iterator } from "../core/primordials.js";
import { startTimer } from "../timers/timer.js";
import { checkOwner, current, requireCurrent } from "../workers/invocation.js";
import { DOMException } from "./dom_exception.js";
import { Event, eventState } from "./event.js";
import { EventTarget, listenersOf } from "./event_target.js";

const kInternal = {};

/** One thing to do when a signal aborts. */
class Step {
  run;
  next = null;

  constructor(run) {
    this.run = run;
  }
}

let stateOf;

class SignalState {
  aborted = false;
  reason = undefined;
  first = null;
  last = null;
  /** See newSignal(). */
  owner;

  constructor(owner) {
    this.owner = owner;
  }
}

const kOwnedAs = "RefcountedCanceler";

export class AbortSignal extends EventTarget {
  #state;
  #onabort = null;

  constructor(token, owner) {
    if (token !== kInternal) throw illegalConstructor();
    super();
    this.#state = new SignalState(owner);
  }

  static {
    stateOf = (signal) => (isObject(signal) && #state in signal ? signal.#state : undefined);
  }

  /** https://dom.spec.whatwg.org/#dom-abortsignal-abort */
  static abort(reason = undefined) {
    const signal = newSignal(undefined);
    const state = stateOf(signal);
    state.aborted = true;
    state.reason = reason === undefined ? abortError() : reason;
    return signal;
  }

  /** https://dom.spec.whatwg.org/#dom-abortsignal-timeout */
  static timeout(milliseconds) {
    const delay = +milliseconds;
    if (!(delay >= 0)) throw typeError("AbortSignal.timeout(): the delay must be a non-negative number.");
    const record = requireCurrent();
    const signal = newSignal(record);
    startTimer(record, delay, false, () => {
      signalAbort(signal, new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    });
    return signal;
  }

  /** https://dom.spec.whatwg.org/#dom-abortsignal-any */
  static any(signals) {
    const list = [];
    let count = 0;
    for (const signal of { [iterator]: () => signals[iterator]() }) {
      if (stateOf(signal) === undefined) throw typeError("AbortSignal.any(): every member must be an AbortSignal.");
      list[count++] = signal;
    }
    const result = newSignal(current());
    const resultState = stateOf(result);
    for (let i = 0; i < count; i++) {
      const source = stateOf(list[i]);
      if (!source.aborted) continue;
      resultState.aborted = true;
      resultState.reason = source.reason;
      return result;
    }
    for (let i = 0; i < count; i++) checkSignal(list[i]);
    for (let i = 0; i < count; i++) {
      const source = list[i];
      onAbort(source, () => signalAbort(result, stateOf(source).reason));
    }
    return result;
  }

  get aborted() { brand(#state in receiver(this)); return this.#state.aborted; }
  get reason() { brand(#state in receiver(this)); return this.#state.reason; }

  get onabort() { brand(#state in receiver(this)); return this.#onabort; }
  set onabort(handler) {
    brand(#state in receiver(this));
    const listeners = listenersOf(this);
    if (this.#onabort !== null) listeners.remove("abort", this.#onabort);
    this.#onabort = isObject(handler) ? handler : null;
    if (this.#onabort !== null) listeners.add("abort", this.#onabort, false);
  }

  throwIfAborted() {
    brand(#state in receiver(this));
    if (this.#state.aborted) throw this.#state.reason;
  }
}
defineInterface(AbortSignal, "AbortSignal");

export class AbortController {
  #signal = newSignal(current());

  get signal() { brand(#signal in receiver(this)); return this.#signal; }

  abort(reason = undefined) {
    brand(#signal in receiver(this));
    if (!isAborted(this.#signal)) checkSignal(this.#signal);
    signalAbort(this.#signal, reason === undefined ? abortError() : reason);
  }
}
defineInterface(AbortController, "AbortController");

function abortError() {
  return new DOMException("The operation was aborted", "AbortError");
}

/** owner: the invocation whose work it may end; undefined: any, or nobody can abort it. */
export function newSignal(owner) {
  return new AbortSignal(kInternal, owner);
}

/** Throws when what `signal` ends is another invocation's. */
export function checkSignal(signal) {
  checkOwner(stateOf(signal).owner, kOwnedAs);
}

export function isSignal(value) {
  return stateOf(value) !== undefined;
}

export function isAborted(signal) {
  return stateOf(signal).aborted;
}

export function abortReason(signal) {
  return stateOf(signal).reason;
}

/** Runs `run` once when `signal` aborts, before the event; returns the step for removeStep(). */
export function onAbort(signal, run) {
  const state = stateOf(signal);
  const step = new Step(run);
  if (state.last === null) state.first = step;
  else state.last.next = step;
  state.last = step;
  return step;
}

export function removeStep(signal, step) {
  const state = stateOf(signal);
  let before = null;
  for (let at = state.first; at !== null; before = at, at = at.next) {
    if (at !== step) continue;
    if (before === null) state.first = at.next;
    else before.next = at.next;
    if (state.last === at) state.last = before;
    return;
  }
}

/** https://dom.spec.whatwg.org/#abortsignal-signal-abort */
export function signalAbort(signal, reason) {
  const state = stateOf(signal);
  if (state.aborted) return;
  state.aborted = true;
  state.reason = reason;
  let step = state.first;
  state.first = null;
  state.last = null;
  for (; step !== null; step = step.next) step.run();
  const listeners = listenersOf(signal);
  if (listeners.first === null) return;
  const event = new Event("abort");
  const eventFields = eventState(event);
  eventFields.trusted = true;
  listeners.dispatch(signal, event, eventFields, "abort");
}
