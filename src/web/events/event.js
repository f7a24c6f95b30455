// Event and its plain subclasses. https://dom.spec.whatwg.org/#interface-event

import { brand, isObject, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { NativeArray } from "../core/primordials.js";
import { host } from "../core/host.js";

/** Reads one member of an options dictionary; undefined and null are the empty dictionary. */
export function member(dictionary, name) {
  if (dictionary === undefined || dictionary === null) return undefined;
  if (!isObject(dictionary)) throw typeError("The options argument must be an object.");
  return dictionary[name];
}

export let eventState;

export class Event {
  #type;
  #bubbles;
  #cancelable;
  #composed;
  #timeStamp;
  #state = { target: null, currentTarget: null, phase: 0, stop: false, stopNow: false, prevented: false,
             dispatching: false, passive: false, trusted: false };

  constructor(type, init = undefined) {
    requireArguments(arguments.length, 1, "Event");
    this.#type = `${type}`;
    this.#bubbles = !!member(init, "bubbles");
    this.#cancelable = !!member(init, "cancelable");
    this.#composed = !!member(init, "composed");
    this.#timeStamp = host.now();
  }

  static {
    eventState = (event) => (isObject(event) && #state in event ? event.#state : undefined);
  }

  get type() { brand(#type in receiver(this)); return this.#type; }
  get bubbles() { brand(#type in receiver(this)); return this.#bubbles; }
  get cancelable() { brand(#type in receiver(this)); return this.#cancelable; }
  get composed() { brand(#type in receiver(this)); return this.#composed; }
  get timeStamp() { brand(#type in receiver(this)); return this.#timeStamp; }
  get target() { brand(#type in receiver(this)); return this.#state.target; }
  get srcElement() { brand(#type in receiver(this)); return this.#state.target; }
  get currentTarget() { brand(#type in receiver(this)); return this.#state.currentTarget; }
  get eventPhase() { brand(#type in receiver(this)); return this.#state.phase; }
  get isTrusted() { brand(#type in receiver(this)); return this.#state.trusted; }
  get defaultPrevented() { brand(#type in receiver(this)); return this.#state.prevented; }
  get returnValue() { brand(#type in receiver(this)); return !this.#state.prevented; }
  set returnValue(value) { brand(#type in receiver(this)); if (!value) this.preventDefault(); }
  get cancelBubble() { brand(#type in receiver(this)); return this.#state.stop; }
  set cancelBubble(value) { brand(#type in receiver(this)); if (value) this.#state.stop = true; }

  composedPath() {
    brand(#type in receiver(this));
    return this.#state.dispatching ? [this.#state.currentTarget] : new NativeArray();
  }

  stopPropagation() {
    brand(#type in receiver(this));
    this.#state.stop = true;
  }

  stopImmediatePropagation() {
    brand(#type in receiver(this));
    this.#state.stop = true;
    this.#state.stopNow = true;
  }

  preventDefault() {
    brand(#type in receiver(this));
    if (this.#cancelable && !this.#state.passive) this.#state.prevented = true;
  }
}
defineInterface(Event, "Event", { __proto__: null, NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });

/** https://dom.spec.whatwg.org/#interface-customevent */
export class CustomEvent extends Event {
  #detail;

  constructor(type, init = undefined) {
    super(type, init);
    this.#detail = member(init, "detail") ?? null;
  }

  get detail() { brand(#detail in receiver(this)); return this.#detail; }
}
defineInterface(CustomEvent, "CustomEvent");

/** https://html.spec.whatwg.org/#errorevent */
export class ErrorEvent extends Event {
  #message;
  #filename;
  #lineno;
  #colno;
  #error;

  constructor(type, init = undefined) {
    super(type, init);
    this.#message = `${member(init, "message") ?? ""}`;
    this.#filename = `${member(init, "filename") ?? ""}`;
    this.#lineno = +(member(init, "lineno") ?? 0);
    this.#colno = +(member(init, "colno") ?? 0);
    this.#error = member(init, "error");
  }

  get message() { brand(#message in receiver(this)); return this.#message; }
  get filename() { brand(#message in receiver(this)); return this.#filename; }
  get lineno() { brand(#message in receiver(this)); return this.#lineno; }
  get colno() { brand(#message in receiver(this)); return this.#colno; }
  get error() { brand(#message in receiver(this)); return this.#error; }
}
defineInterface(ErrorEvent, "ErrorEvent");

/** https://html.spec.whatwg.org/#messageevent (without ports and source) */
export class MessageEvent extends Event {
  #data;
  #origin;
  #lastEventId;

  constructor(type, init = undefined) {
    super(type, init);
    this.#data = member(init, "data") ?? null;
    this.#origin = `${member(init, "origin") ?? ""}`;
    this.#lastEventId = `${member(init, "lastEventId") ?? ""}`;
  }

  get data() { brand(#data in receiver(this)); return this.#data; }
  get origin() { brand(#data in receiver(this)); return this.#origin; }
  get lastEventId() { brand(#data in receiver(this)); return this.#lastEventId; }
  get source() { brand(#data in receiver(this)); return null; }
  get ports() { brand(#data in receiver(this)); return new NativeArray(); }
}
defineInterface(MessageEvent, "MessageEvent");

/** https://websockets.spec.whatwg.org/#the-closeevent-interface */
export class CloseEvent extends Event {
  #code;
  #reason;
  #wasClean;

  constructor(type, init = undefined) {
    super(type, init);
    this.#code = (+(member(init, "code") ?? 0) || 0) & 0xffff;
    this.#reason = `${member(init, "reason") ?? ""}`;
    this.#wasClean = !!member(init, "wasClean");
  }

  get code() { brand(#code in receiver(this)); return this.#code; }
  get reason() { brand(#code in receiver(this)); return this.#reason; }
  get wasClean() { brand(#code in receiver(this)); return this.#wasClean; }
}
defineInterface(CloseEvent, "CloseEvent");

/** https://html.spec.whatwg.org/#promiserejectionevent */
export class PromiseRejectionEvent extends Event {
  #promise;
  #reason;

  constructor(type, init) {
    super(type, init);
    requireArguments(arguments.length, 2, "PromiseRejectionEvent");
    this.#promise = member(init, "promise");
    this.#reason = member(init, "reason");
  }

  get promise() { brand(#promise in receiver(this)); return this.#promise; }
  get reason() { brand(#promise in receiver(this)); return this.#reason; }
}
defineInterface(PromiseRejectionEvent, "PromiseRejectionEvent");
