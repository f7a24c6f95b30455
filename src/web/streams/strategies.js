// Queuing strategies. https://streams.spec.whatwg.org/#qs

import { brand, isObject, rangeError, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { apply, defineProperty } from "../core/primordials.js";

const named = (fn, name) => defineProperty(fn, "name", { __proto__: null, value: name, configurable: true }) && fn;
const countSize = named(() => 1, "size");
const byteSize = named((chunk) => chunk.byteLength, "size");

function highWaterMarkOf(init, where) {
  if (!isObject(init) || init.highWaterMark === undefined) {
    throw typeError(`${where}: highWaterMark is required.`);
  }
  return +init.highWaterMark;
}

export class CountQueuingStrategy {
  #highWaterMark;

  constructor(init) {
    requireArguments(arguments.length, 1, "CountQueuingStrategy");
    this.#highWaterMark = highWaterMarkOf(init, "CountQueuingStrategy");
  }

  get highWaterMark() { brand(#highWaterMark in receiver(this)); return this.#highWaterMark; }
  get size() { brand(#highWaterMark in receiver(this)); return countSize; }
}
defineInterface(CountQueuingStrategy, "CountQueuingStrategy");

export class ByteLengthQueuingStrategy {
  #highWaterMark;

  constructor(init) {
    requireArguments(arguments.length, 1, "ByteLengthQueuingStrategy");
    this.#highWaterMark = highWaterMarkOf(init, "ByteLengthQueuingStrategy");
  }

  get highWaterMark() { brand(#highWaterMark in receiver(this)); return this.#highWaterMark; }
  get size() { brand(#highWaterMark in receiver(this)); return byteSize; }
}
defineInterface(ByteLengthQueuingStrategy, "ByteLengthQueuingStrategy");

/** A strategy as the algorithms want it: a number, and a size function or null for "every chunk counts 1". */
export class Strategy {
  highWaterMark;
  size;

  constructor(highWaterMark, size) {
    this.highWaterMark = highWaterMark;
    this.size = size;
  }
}

/** https://streams.spec.whatwg.org/#validate-and-normalize-high-water-mark and the size algorithm */
export function readStrategy(given, defaultMark, where) {
  if (given === undefined || given === null) return new Strategy(defaultMark, null);
  if (!isObject(given)) throw typeError(`${where}: the strategy must be an object.`);
  const mark = given.highWaterMark;
  const size = given.size;
  let highWaterMark = defaultMark;
  if (mark !== undefined) {
    highWaterMark = +mark;
    if (!(highWaterMark >= 0)) throw rangeError(`${where}: highWaterMark must be a non-negative number.`);
  }
  if (size !== undefined && typeof size !== "function") throw typeError(`${where}: size must be a function.`);
  return new Strategy(highWaterMark, size === undefined ? null : (chunk) => +apply(size, undefined, [chunk]));
}

/** A chunk's size, or a RangeError where the script's function gave none. */
export function checkedSize(size) {
  if (!(size >= 0) || size === Infinity) throw rangeError("The chunk size must be a finite, non-negative number.");
  return size;
}
