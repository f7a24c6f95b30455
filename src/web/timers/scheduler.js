// scheduler.wait(): a timer as a promise. https://wicg.github.io/scheduling-apis/ (wait is the platform's).

import { brand, illegalConstructor, receiver, typeError } from "../core/errors.js";
import { defineInterface, member } from "../core/idl.js";
import { events } from "../core/lazy.js";
import { Deferred, rejected } from "../core/primordials.js";
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
    if (signal !== undefined && !events.evaluated?.isSignal(signal)) {
      throw typeError("scheduler.wait(): signal must be an AbortSignal.");
    }
    const record = requireCurrent();
    if (signal !== undefined) {
      const { abortReason, checkSignal, isAborted } = events.get();
      if (isAborted(signal)) return rejected(abortReason(signal));
      checkSignal(signal);
    }
    const done = new Deferred();
    let step = null;
    const id = startTimer(record, +delay > 0 ? +delay : 0, false, () => {
      if (step !== null) events.get().removeStep(signal, step);
      done.resolve(undefined);
    });
    if (signal !== undefined) {
      const { abortReason, onAbort } = events.get();
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
