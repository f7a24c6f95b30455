// Date with the platform's clock: the time of the event that started the turn, 0 in global scope.
// https://tc39.es/ecma262/#sec-date-objects; everything but "now" is the engine's own.

import { host } from "../core/host.js";
import {
  NativeDate, apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor, uncurryThis,
} from "../core/primordials.js";

const dateToString = uncurryThis(NativeDate.prototype.toString);

export function Date(year, month, date, hours, minutes, seconds, ms) {
  if (new.target === undefined) return dateToString(new NativeDate(host.now()));
  if (arguments.length === 0) return construct(NativeDate, [host.now()], new.target);
  return construct(NativeDate, arguments, new.target);
}

const statics = {
  now() { return host.now(); },
};

function hidden(value) {
  return { __proto__: null, value, writable: true, enumerable: false, configurable: true };
}

/** Replaces the clock of Date, Intl.DateTimeFormat and Temporal in `global`. */
export function installClock(global) {
  defineProperty(Date, "prototype", { __proto__: null, value: NativeDate.prototype, writable: false });
  defineProperty(Date, "name", { __proto__: null, value: "Date", writable: false, configurable: true });
  defineProperty(Date, "now", hidden(statics.now));
  defineProperty(Date, "parse", hidden(NativeDate.parse));
  defineProperty(Date, "UTC", hidden(NativeDate.UTC));
  defineProperty(NativeDate.prototype, "constructor", hidden(Date));
  defineProperty(global, "Date", hidden(Date));
  if (global.Temporal !== undefined) deleteProperty(global.Temporal, "Now");
  if (global.Intl !== undefined && global.Intl.DateTimeFormat !== undefined) {
    patchFormat(global.Intl.DateTimeFormat.prototype);
  }
}

let boundFormat;

function Given(object) {
  return object;
}

/** Gives a DateTimeFormat a private field with its bound format function. */
class BoundFormat extends Given {
  #format;

  constructor(formatter, format) {
    super(formatter);
    this.#format = format;
  }

  static {
    boundFormat = (formatter, native) => {
      if (#format in formatter) return formatter.#format;
      const format = (date) => native(date === undefined ? host.now() : date);
      defineProperty(format, "name", { __proto__: null, value: "", configurable: true });
      new BoundFormat(formatter, format);
      return format;
    };
  }
}

function patchFormat(prototype) {
  const format = getOwnPropertyDescriptor(prototype, "format").get;
  const { formatToParts } = prototype;
  const replaced = {
    get format() { return boundFormat(this, apply(format, this, [])); },
    formatToParts(date) { return apply(formatToParts, this, [date === undefined ? host.now() : date]); },
  };
  defineProperty(prototype, "format", {
    __proto__: null,
    get: getOwnPropertyDescriptor(replaced, "format").get,
    enumerable: false,
    configurable: true,
  });
  defineProperty(prototype, "formatToParts", hidden(replaced.formatToParts));
}
