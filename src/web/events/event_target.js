// EventTarget. https://dom.spec.whatwg.org/#interface-eventtarget

import { brand, receiver, requireArguments } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { Listeners, addListener, dispatchTo } from "./listeners.js";

export let listenersOf;

export class EventTarget {
  #listeners = new Listeners();

  static {
    listenersOf = (target) => target.#listeners;
  }

  addEventListener(type, callback, options = undefined) {
    brand(#listeners in receiver(this));
    requireArguments(arguments.length, 2, "addEventListener");
    addListener(this.#listeners, `${type}`, callback, options);
  }

  removeEventListener(type, callback, options = undefined) {
    brand(#listeners in receiver(this));
    requireArguments(arguments.length, 2, "removeEventListener");
    this.#listeners.remove(`${type}`, callback);
  }

  dispatchEvent(event) {
    brand(#listeners in receiver(this));
    return dispatchTo(this, this.#listeners, event);
  }
}
defineInterface(EventTarget, "EventTarget");
