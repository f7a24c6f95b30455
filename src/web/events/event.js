// Event. https://dom.spec.whatwg.org/#interface-event

import { brand, isObject, receiver, requireArguments } from "../core/errors.js";
import { defineInterface, member } from "../core/idl.js";
import { NativeArray } from "../core/primordials.js";
import { host } from "../core/host.js";

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
