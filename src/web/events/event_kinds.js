// The plain subclasses of Event.

import { brand, receiver, requireArguments } from "../core/errors.js";
import { defineInterface, member } from "../core/idl.js";
import { NativeArray } from "../core/primordials.js";
import { Event } from "./event.js";

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
