// Timers. https://html.spec.whatwg.org/#timers, within one invocation; the engine keeps the time.

import { host } from "../core/host.js";
import { requireArguments, typeError } from "../core/errors.js";
import { callWith, currentStores } from "../async/frame.js";
import { NativeMap, mapDelete, mapGet, mapSet } from "../core/primordials.js";
import { DOMException } from "../events/dom_exception.js";
import { current, requireCurrent } from "../workers/invocation.js";

const kTimersMax = 10000;  // active at once, per invocation

class Timer {
  id;
  callback;
  args;
  repeat;
  stores = currentStores();

  constructor(id, callback, args, repeat) {
    this.id = id;
    this.callback = callback;
    this.args = args;
    this.repeat = repeat;
  }
}

const kNoArguments = [];

// An invocation's active timers. Most have one at a time, and a table for it would cost more than the rest of the timer.
function keep(record, timer) {
  if (record.timer === null) record.timer = timer;
  else mapSet((record.otherTimers ??= new NativeMap()), timer.id, timer);
}

function find(record, id) {
  if (record.timer !== null && record.timer.id === id) return record.timer;
  return record.otherTimers === null ? undefined : mapGet(record.otherTimers, id);
}

function forget(record, timer) {
  if (record.timer === timer) record.timer = null;
  else mapDelete(record.otherTimers, timer.id);
}

/** Arms a timer for the platform's own use or a script's; returns its id. */
export function startTimer(record, delay, repeat, callback, args = kNoArguments) {
  if (record.timersActive >= kTimersMax) {
    throw new DOMException(
      `You have exceeded the number of active timeouts you may set. max active timeouts: ${kTimersMax}, current ` +
        `active timeouts: ${record.timersActive}, finished timeouts: ${record.timersFinished}.`,
      "QuotaExceededError",
    );
  }
  const id = host.setTimer(record.seq, delay, repeat);
  keep(record, new Timer(id, callback, args, repeat));
  record.timersActive++;
  return id;
}

export function stopTimer(record, id) {
  const timer = find(record, id);
  if (timer === undefined) return;
  forget(record, timer);
  record.timersActive--;
  if (!record.ended) host.clearTimer(record.seq, id);
}

/** The timer's time has come. */
export function fireTimer(record, id) {
  const timer = find(record, id);
  if (timer === undefined) return;
  if (!timer.repeat) {
    forget(record, timer);
    record.timersActive--;
    record.timersFinished++;
  }
  callWith(timer.stores, timer.callback, undefined, timer.args);
}

function delayOf(value) {
  const delay = +value;
  return delay > 0 ? (delay < 0x7fffffff ? delay : 0x7fffffff) : 0;
}

function start(name, given, callback, delay, args, repeat) {
  requireArguments(given, 1, name);
  if (typeof callback !== "function") throw typeError(`${name}: the callback must be a function.`);
  const milliseconds = delayOf(delay);
  return startTimer(requireCurrent(), milliseconds, repeat, callback, args);
}

function stop(id) {
  const record = current();
  if (record === undefined || id === undefined || id === null) return;
  stopTimer(record, +id);
}

export const functions = {
  __proto__: null,
  setTimeout(callback, delay = 0, ...args) {
    return start("setTimeout", arguments.length, callback, delay, args, false);
  },
  setInterval(callback, delay = 0, ...args) {
    return start("setInterval", arguments.length, callback, delay, args, true);
  },
  clearTimeout(id = undefined) { stop(id); },
  clearInterval(id = undefined) { stop(id); },
};
