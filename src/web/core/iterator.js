// Iterators of the web API's collections (Headers, URLSearchParams, FormData): one shape, one prototype per interface.
// https://webidl.spec.whatwg.org/#es-iterators

import { brand, receiver } from "./errors.js";
import { defineProperty, getPrototypeOf, iterator, setPrototypeOf, toStringTag } from "./primordials.js";

const iteratorPrototype = getPrototypeOf(getPrototypeOf([][iterator]()));

/**
 * Returns a class of iterators tagged `name`. `new Class(target, kind)`; step(target, index) gives the pair at `index`
 * or undefined at the end; kind is 0 for keys, 1 for values, 2 for pairs.
 */
export function iteratorClass(name, step) {
  class Iterator {
    #target;
    #kind;
    #index = 0;

    constructor(target, kind) {
      this.#target = target;
      this.#kind = kind;
    }

    next() {
      brand(#target in receiver(this));
      const pair = this.#target === undefined ? undefined : step(this.#target, this.#index);
      if (pair === undefined) {
        this.#target = undefined;
        return { value: undefined, done: true };
      }
      this.#index++;
      const kind = this.#kind;
      return { value: kind === 0 ? pair[0] : kind === 1 ? pair[1] : [pair[0], pair[1]], done: false };
    }
  }
  delete Iterator.prototype.constructor;
  setPrototypeOf(Iterator.prototype, iteratorPrototype);
  defineProperty(Iterator.prototype, "next", { __proto__: null, enumerable: true });
  defineProperty(Iterator.prototype, toStringTag, { __proto__: null, value: `${name} Iterator`, configurable: true });
  return Iterator;
}
