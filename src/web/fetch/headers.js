// Headers. https://fetch.spec.whatwg.org/#headers-class
//
// A Headers made from the wire keeps the head as the one string it came as until somebody asks for a name; one that
// nobody touched goes back to the wire as that string.

import { brand, isObject, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineAlias, defineInterface } from "../core/idl.js";
import { iteratorClass } from "../core/iterator.js";
import { apply, arrayPush, arraySort, iterator, stringCharCodeAt, stringIndexOf, stringSlice, stringToLowerCase }
  from "../core/primordials.js";
import { readPairs, readRecord } from "../url/search_params.js";

class Header {
  name;
  value;
  next = null;

  constructor(name, value) {
    this.name = name;
    this.value = value;
  }
}

// RFC 9110 §5.6.2: characters of a token.
const kToken = [];
for (let code = 0; code < 128; code++) {
  kToken[code] = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code));
}

// Lower-case forms of names seen lately, so that the usual ones are checked once. Starts over when full.
const kNamesMax = 512;
let names = { __proto__: null };
let namesCount = 0;

/** A header name in lower case; TypeError when it is none. */
export function normalizeName(given) {
  const known = typeof given === "string" ? names[given] : undefined;
  if (known !== undefined) return known;
  const name = `${given}`;
  if (name.length === 0) throw typeError("Invalid header name.");
  for (let i = 0; i < name.length; i++) {
    const code = stringCharCodeAt(name, i);
    if (code >= 128 || !kToken[code]) throw typeError("Invalid header name.");
  }
  const lower = stringToLowerCase(name);
  if (name.length <= 64) {
    if (namesCount === kNamesMax) {
      names = { __proto__: null };
      namesCount = 0;
    }
    names[name] = lower;
    namesCount++;
  }
  return lower;
}

function isSpace(code) {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

/** https://fetch.spec.whatwg.org/#concept-header-value-normalize, then the check of a byte string. */
function normalizeValue(given) {
  let value = typeof given === "string" ? given : `${given}`;
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(stringCharCodeAt(value, start))) start++;
  while (end > start && isSpace(stringCharCodeAt(value, end - 1))) end--;
  if (end - start !== value.length) value = stringSlice(value, start, end);
  for (let i = 0; i < value.length; i++) {
    const code = stringCharCodeAt(value, i);
    if (code > 0xff || code === 0 || code === 0x0a || code === 0x0d) throw typeError("Invalid header value.");
  }
  return value;
}

/** The names and values behind a Headers, in the order they were given. */
class HeaderList {
  first = null;
  last = null;

  append(name, value) {
    const header = new Header(name, value);
    if (this.last === null) this.first = header;
    else this.last.next = header;
    this.last = header;
  }

  remove(name) {
    let before = null;
    for (let at = this.first; at !== null; at = at.next) {
      if (at.name !== name) {
        before = at;
        continue;
      }
      if (before === null) this.first = at.next;
      else before.next = at.next;
      if (this.last === at) this.last = before;
    }
  }

  get(name) {
    let value = null;
    for (let at = this.first; at !== null; at = at.next) {
      if (at.name === name) value = value === null ? at.value : `${value}, ${at.value}`;
    }
    return value;
  }

  has(name) {
    for (let at = this.first; at !== null; at = at.next) if (at.name === name) return true;
    return false;
  }

  /** The first header of that name gets the value, others of the name go. */
  set(name, value) {
    let found = null;
    for (let at = this.first; at !== null; at = at.next) {
      if (at.name === name) {
        found = at;
        break;
      }
    }
    if (found === null) {
      this.append(name, value);
      return;
    }
    found.value = value;
    let before = found;
    for (let at = found.next; at !== null; at = at.next) {
      if (at.name !== name) {
        before = at;
        continue;
      }
      before.next = at.next;
      if (this.last === at) this.last = before;
    }
  }

  /** https://fetch.spec.whatwg.org/#concept-header-list-sort-and-combine */
  sorted() {
    const unique = [];
    for (let at = this.first; at !== null; at = at.next) {
      if (at.name === "set-cookie") {
        arrayPush(unique, [at.name, at.value]);
        continue;
      }
      let i = 0;
      while (i < unique.length && unique[i][0] !== at.name) i++;
      if (i < unique.length) unique[i][1] = `${unique[i][1]}, ${at.value}`;
      else arrayPush(unique, [at.name, at.value]);
    }
    return arraySort(unique, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  }

  /** As host.d.ts writes a head. */
  head() {
    let head = "";
    for (let at = this.first; at !== null; at = at.next) head += `${at.name}\n${at.value}\n`;
    return head;
  }

  copy() {
    const list = new HeaderList();
    for (let at = this.first; at !== null; at = at.next) list.append(at.name, at.value);
    return list;
  }
}

function parseHead(head) {
  const list = new HeaderList();
  for (let from = 0; from < head.length; ) {
    const nameEnd = stringIndexOf(head, "\n", from);
    const valueEnd = stringIndexOf(head, "\n", nameEnd + 1);
    list.append(stringToLowerCase(stringSlice(head, from, nameEnd)), stringSlice(head, nameEnd + 1, valueEnd));
    from = valueEnd + 1;
  }
  return list;
}

const kInternal = {};

let sortedOf;

// Iteration sees changes made meanwhile, as WebIDL's iterators do: the sorted list is made anew after a change.
const Iterator = iteratorClass("Headers", (headers, index) => sortedOf(headers)[index]);

/** The list behind a Headers; guards do not apply. Not for changing after a script may have iterated. */
export let listOf;
export let isHeaders;
/** The head as the wire wants it. */
export let headOf;
export let copyHeaders;
export let headersFromHead;

export class Headers {
  #list;
  #head;          // the unparsed head; undefined once #list is there
  #immutable;
  #sorted = null;

  constructor(init = undefined, list, head, immutable) {
    if (init === kInternal) {
      this.#list = list;
      this.#head = head;
      this.#immutable = immutable;
      return;
    }
    this.#list = new HeaderList();
    this.#head = undefined;
    this.#immutable = false;
    if (init !== undefined && init !== null) fillHeaders(this.#list, init);
    else if (init === null) throw typeError("Headers: null is not a headers object.");
  }

  static {
    sortedOf = (headers) => (headers.#sorted ??= headers.#open().sorted());
    listOf = (headers) => headers.#open();
    isHeaders = (value) => isObject(value) && #list in value;
    headOf = (headers) => headers.#head ?? headers.#list.head();
    copyHeaders = (headers, immutable) => headers.#head !== undefined
      ? new Headers(kInternal, undefined, headers.#head, immutable)
      : new Headers(kInternal, headers.#list.copy(), undefined, immutable);
    headersFromHead = (head, immutable) => new Headers(kInternal, undefined, head, immutable);
  }

  #open() {
    if (this.#head !== undefined) {
      this.#list = parseHead(this.#head);
      this.#head = undefined;
    }
    return this.#list;
  }

  #change() {
    if (this.#immutable) throw typeError("Can't modify immutable headers.");
    this.#sorted = null;
    return this.#open();
  }

  append(name, value) {
    brand(#list in receiver(this));
    requireArguments(arguments.length, 2, "append");
    const key = normalizeName(name);
    const text = normalizeValue(value);
    this.#change().append(key, text);
  }

  delete(name) {
    brand(#list in receiver(this));
    requireArguments(arguments.length, 1, "delete");
    const key = normalizeName(name);
    this.#change().remove(key);
  }

  get(name) {
    brand(#list in receiver(this));
    requireArguments(arguments.length, 1, "get");
    return this.#open().get(normalizeName(name));
  }

  /** The platform's own, for Set-Cookie only. */
  getAll(name) {
    brand(#list in receiver(this));
    if (normalizeName(name) !== "set-cookie") {
      throw typeError("getAll() can only be used with the header name \"Set-Cookie\".");
    }
    return this.getSetCookie();
  }

  getSetCookie() {
    brand(#list in receiver(this));
    const values = [];
    for (let at = this.#open().first; at !== null; at = at.next) {
      if (at.name === "set-cookie") arrayPush(values, at.value);
    }
    return values;
  }

  has(name) {
    brand(#list in receiver(this));
    requireArguments(arguments.length, 1, "has");
    return this.#open().has(normalizeName(name));
  }

  set(name, value) {
    brand(#list in receiver(this));
    requireArguments(arguments.length, 2, "set");
    const key = normalizeName(name);
    const text = normalizeValue(value);
    this.#change().set(key, text);
  }

  forEach(callback, thisArg = undefined) {
    brand(#list in receiver(this));
    requireArguments(arguments.length, 1, "forEach");
    if (typeof callback !== "function") throw typeError("forEach(): the callback must be a function.");
    for (let i = 0; ; i++) {
      const pair = sortedOf(this)[i];
      if (pair === undefined) return;
      apply(callback, thisArg, [pair[1], pair[0], this]);
    }
  }

  entries() { brand(#list in receiver(this)); return new Iterator(this, 2); }
  keys() { brand(#list in receiver(this)); return new Iterator(this, 0); }
  values() { brand(#list in receiver(this)); return new Iterator(this, 1); }
}

/** https://fetch.spec.whatwg.org/#concept-headers-fill */
function fillHeaders(list, init) {
  if (isHeaders(init)) {
    for (let at = listOf(init).first; at !== null; at = at.next) list.append(at.name, at.value);
    return;
  }
  if (!isObject(init)) throw typeError("Headers: the argument must be an object, a sequence of pairs or a Headers.");
  const pairs = typeof init[iterator] === "function" ? readPairs(init, "Headers") : readRecord(init);
  for (let i = 0; i < pairs.length; i++) {
    const name = normalizeName(pairs[i][0]);
    list.append(name, normalizeValue(pairs[i][1]));
  }
}

defineInterface(Headers, "Headers");
defineAlias(Headers.prototype, iterator, "entries");
