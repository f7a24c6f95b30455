// URLSearchParams. https://url.spec.whatwg.org/#interface-urlsearchparams

import { brand, isObject, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineAlias, defineInterface, toUSVString } from "../core/idl.js";
import { iteratorClass } from "../core/iterator.js";
import {
  apply, arrayPush, arraySort, arraySplice, getOwnPropertyDescriptor, iterator, objectKeys, objectSymbols,
  stringCharCodeAt, stringSlice,
} from "../core/primordials.js";
import { parseUrlencoded, serializeUrlencoded } from "./urlencoded.js";

let pairsOf;
let link;
let replace;
export let isParams;

const Iterator = iteratorClass("URLSearchParams", (params, index) => pairsOf(params)[index]);

/** A sequence of two-member sequences, as an array of [string, string]. */
export function readPairs(sequence, where) {
  const pairs = [];
  for (const entry of sequence) {
    if (!isObject(entry) || typeof entry[iterator] !== "function") {
      throw typeError(`${where}: each entry must be a pair.`);
    }
    const pair = [...entry];
    if (pair.length !== 2) throw typeError(`${where}: each entry must be a [name, value] pair.`);
    arrayPush(pairs, pair);
  }
  return pairs;
}

/** WebIDL's record conversion: own enumerable string keys with their values. */
export function readRecord(object) {
  const pairs = [];
  const keys = objectKeys(object);
  for (let i = 0; i < keys.length; i++) arrayPush(pairs, [keys[i], object[keys[i]]]);
  const symbols = objectSymbols(object);
  for (let i = 0; i < symbols.length; i++) {
    if (getOwnPropertyDescriptor(object, symbols[i])?.enumerable) {
      throw typeError("Cannot convert a Symbol value to a string");
    }
  }
  return pairs;
}

export class URLSearchParams {
  #pairs;
  #url = null;  // the URL this is the searchParams of

  constructor(init = "") {
    if (isObject(init)) {
      if (#pairs in init) {
        const source = init.#pairs;
        this.#pairs = [];
        for (let i = 0; i < source.length; i++) arrayPush(this.#pairs, [source[i][0], source[i][1]]);
        return;
      }
      const method = init[iterator];
      if (method !== undefined && method !== null && typeof method !== "function") {
        throw typeError("URLSearchParams: the argument's iterator is not a function.");
      }
      const pairs = typeof method === "function" ? readPairs(init, "URLSearchParams") : readRecord(init);
      for (let i = 0; i < pairs.length; i++) {
        pairs[i] = [toUSVString(pairs[i][0]), toUSVString(pairs[i][1])];
      }
      this.#pairs = pairs;
      return;
    }
    const text = `${init}`;
    this.#pairs = parseUrlencoded(stringCharCodeAt(text, 0) === 0x3f ? stringSlice(text, 1) : text);
  }

  static {
    pairsOf = (params) => params.#pairs;
    link = (params, url) => { params.#url = url; };
    replace = (params, query) => { params.#pairs = parseUrlencoded(query); };
    isParams = (value) => isObject(value) && #pairs in value;
  }

  get size() { brand(#pairs in receiver(this)); return this.#pairs.length; }

  append(name, value) {
    brand(#pairs in receiver(this));
    requireArguments(arguments.length, 2, "append");
    arrayPush(this.#pairs, [toUSVString(name), toUSVString(value)]);
    this.#update();
  }

  delete(name, value = undefined) {
    brand(#pairs in receiver(this));
    requireArguments(arguments.length, 1, "delete");
    const key = toUSVString(name);
    const wanted = value === undefined ? undefined : toUSVString(value);
    const pairs = this.#pairs;
    for (let i = pairs.length - 1; i >= 0; i--) {
      if (pairs[i][0] === key && (wanted === undefined || pairs[i][1] === wanted)) arraySplice(pairs, i, 1);
    }
    this.#update();
  }

  get(name) {
    brand(#pairs in receiver(this));
    requireArguments(arguments.length, 1, "get");
    const key = toUSVString(name);
    const pairs = this.#pairs;
    for (let i = 0; i < pairs.length; i++) if (pairs[i][0] === key) return pairs[i][1];
    return null;
  }

  getAll(name) {
    brand(#pairs in receiver(this));
    requireArguments(arguments.length, 1, "getAll");
    const key = toUSVString(name);
    const pairs = this.#pairs;
    const values = [];
    for (let i = 0; i < pairs.length; i++) if (pairs[i][0] === key) arrayPush(values, pairs[i][1]);
    return values;
  }

  has(name, value = undefined) {
    brand(#pairs in receiver(this));
    requireArguments(arguments.length, 1, "has");
    const key = toUSVString(name);
    const wanted = value === undefined ? undefined : toUSVString(value);
    const pairs = this.#pairs;
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i][0] === key && (wanted === undefined || pairs[i][1] === wanted)) return true;
    }
    return false;
  }

  set(name, value) {
    brand(#pairs in receiver(this));
    requireArguments(arguments.length, 2, "set");
    const key = toUSVString(name);
    const text = toUSVString(value);
    const pairs = this.#pairs;
    let found = false;
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i][0] !== key) continue;
      if (found) arraySplice(pairs, i--, 1);
      else pairs[i][1] = text;
      found = true;
    }
    if (!found) arrayPush(pairs, [key, text]);
    this.#update();
  }

  sort() {
    brand(#pairs in receiver(this));
    arraySort(this.#pairs, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    this.#update();
  }

  forEach(callback, thisArg = undefined) {
    brand(#pairs in receiver(this));
    requireArguments(arguments.length, 1, "forEach");
    if (typeof callback !== "function") throw typeError("forEach(): the callback must be a function.");
    for (let i = 0; i < this.#pairs.length; i++) apply(callback, thisArg, [this.#pairs[i][1], this.#pairs[i][0], this]);
  }

  entries() { brand(#pairs in receiver(this)); return new Iterator(this, 2); }
  keys() { brand(#pairs in receiver(this)); return new Iterator(this, 0); }
  values() { brand(#pairs in receiver(this)); return new Iterator(this, 1); }

  toString() {
    brand(#pairs in receiver(this));
    return serializeUrlencoded(this.#pairs);
  }

  #update() {
    if (this.#url !== null) this.#url.setQuery(serializeUrlencoded(this.#pairs));
  }
}
defineInterface(URLSearchParams, "URLSearchParams");
defineAlias(URLSearchParams.prototype, iterator, "entries");

/** The searchParams of a URL: `query` without "?", changes go to url.setQuery(text). */
export function linkedParams(query, url) {
  const params = new URLSearchParams();
  replace(params, query);
  link(params, url);
  return params;
}

/** The URL's query changed by itself. */
export function replaceQuery(params, query) {
  replace(params, query);
}
