// Events of service-worker syntax. https://w3c.github.io/ServiceWorker/#extendableevent-interface

import { host } from "../core/host.js";
import { brand, illegalConstructor, receiver, requireArguments } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { Event, eventState } from "../events/event.js";
import { DOMException } from "../events/dom_exception.js";
import { callerOf, waitFor } from "./execution_context.js";

const kInternal = {};

export class ExtendableEvent extends Event {
  #record;

  constructor(token, type, record) {
    if (token !== kInternal) throw illegalConstructor();
    super(type, { __proto__: null, cancelable: true });
    this.#record = record;
  }

  waitUntil(promise) {
    brand(#record in receiver(this));
    requireArguments(arguments.length, 1, "waitUntil");
    waitFor(callerOf(this.#record), promise);
  }

  passThroughOnException() {
    brand(#record in receiver(this));
    const record = callerOf(this.#record);
    if (!record.ended) host.passThroughOnException(record.seq);
  }
}
defineInterface(ExtendableEvent, "ExtendableEvent");

/** Ends the time for respondWith(); gives { called, response }. */
export let closeFetchEvent;

export class FetchEvent extends ExtendableEvent {
  #request;
  #response = undefined;
  #called = false;
  #late = false;

  constructor(token, record, request) {
    super(token, "fetch", record);
    this.#request = request;
  }

  static {
    closeFetchEvent = (event) => {
      event.#late = true;
      return { called: event.#called, response: event.#response };
    };
  }

  get request() { brand(#request in receiver(this)); return this.#request; }

  respondWith(response) {
    brand(#request in receiver(this));
    requireArguments(arguments.length, 1, "respondWith");
    if (this.#called) {
      throw new DOMException(
        "FetchEvent.respondWith() has already been called; it can only be called once.", "InvalidStateError");
    }
    if (this.#late) {
      throw new DOMException(
        "Too late to call FetchEvent.respondWith(). It must be called synchronously in the event handler.",
        "InvalidStateError");
    }
    this.#called = true;
    this.#response = response;
    const state = eventState(this);
    state.prevented = true;
    state.stop = true;
    state.stopNow = true;
  }
}
defineInterface(FetchEvent, "FetchEvent");

export class ScheduledEvent extends ExtendableEvent {
  #cron;
  #scheduledTime;

  constructor(token, record, cron, scheduledTime) {
    super(token, "scheduled", record);
    this.#cron = cron;
    this.#scheduledTime = scheduledTime;
  }

  get cron() { brand(#cron in receiver(this)); return this.#cron; }
  get scheduledTime() { brand(#cron in receiver(this)); return this.#scheduledTime; }
  noRetry() { brand(#cron in receiver(this)); }
}
defineInterface(ScheduledEvent, "ScheduledEvent");

/** The first argument of a module's scheduled(). */
export class ScheduledController {
  #cron;
  #scheduledTime;

  constructor(token, cron, scheduledTime) {
    if (token !== kInternal) throw illegalConstructor();
    this.#cron = cron;
    this.#scheduledTime = scheduledTime;
  }

  get cron() { brand(#cron in receiver(this)); return this.#cron; }
  get scheduledTime() { brand(#cron in receiver(this)); return this.#scheduledTime; }
  noRetry() { brand(#cron in receiver(this)); }
}
defineInterface(ScheduledController, "ScheduledController");

export function newFetchEvent(record, request) {
  return new FetchEvent(kInternal, record, request);
}

export function newScheduledEvent(record, cron, scheduledTime) {
  return new ScheduledEvent(kInternal, record, cron, scheduledTime);
}

export function newScheduledController(cron, scheduledTime) {
  return new ScheduledController(kInternal, cron, scheduledTime);
}
