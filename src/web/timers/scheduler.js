// scheduler.wait(): a timer as a promise. https://wicg.github.io/scheduling-apis/ (wait is the platform's).

import { brand, illegalConstructor, receiver, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { Deferred, rejected } from "../core/primordials.js";
import { abortReason, checkSignal, isAborted, isSignal, onAbort, removeStep } from "../events/abort.js";
import { member } from "../events/event.js";
import { requireCurrent } from "../workers/invocation.js";
import { startTimer, stopTimer } from "./timer.js";

const kInternal = {};

export class Scheduler {
  #branded = true;

  constructor(token) {
    if (token !== kInternal) throw illegalConstructor();
  }

  wait(delay, options = undefined) {
    brand(#branded in receiver(this));
    const signal = member(options, "signal");
    if (signal !== undefined && !isSignal(signal)) throw typeError("scheduler.wait(): signal must be an AbortSignal.");
    const record = requireCurrent();
    if (signal !== undefined && isAborted(signal)) return rejected(abortReason(signal));
    if (signal !== undefined) checkSignal(signal);
    const done = new Deferred();
    let step = null;
    const id = startTimer(record, +delay > 0 ? +delay : 0, false, () => {
      if (step !== null) removeStep(signal, step);
      done.resolve(undefined);
    });
    if (signal !== undefined) {
      step = onAbort(signal, () => {
        stopTimer(record, id);
        done.reject(abortReason(signal));
      });
    }
    return done.promise;
  }
}
defineInterface(Scheduler, "Scheduler");

export const scheduler = new Scheduler(kInternal);
