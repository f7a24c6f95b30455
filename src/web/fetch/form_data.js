// FormData. https://xhr.spec.whatwg.org/#interface-formdata

import { brand, isObject, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineAlias, defineInterface, toUSVString } from "../core/idl.js";
import { iteratorClass } from "../core/iterator.js";
import { apply, arrayPush, arraySplice, iterator } from "../core/primordials.js";
import { File, blobBytes, newFile } from "../blob/blob.js";

/** The entries of a FormData: an array of [name, string or File]; undefined for another value. */
export let formEntries;

const Iterator = iteratorClass("FormData", (form, index) => formEntries(form)[index]);

/** https://xhr.spec.whatwg.org/#create-an-entry */
function entryValue(value, filename, given) {
  const bytes = blobBytes(value);
  if (bytes === undefined) {
    if (given > 2) throw typeError("FormData: a file name is for a Blob or File only.");
    return toUSVString(value);
  }
  if (value instanceof File && filename === undefined) return value;
  return newFile(bytes, filename === undefined ? "blob" : toUSVString(filename), value.type);
}

export class FormData {
  #entries = [];

  constructor(form = undefined) {
    if (form !== undefined) throw typeError("FormData: there are no HTML forms here.");
  }

  static {
    formEntries = (value) => (isObject(value) && #entries in value ? value.#entries : undefined);
  }

  append(name, value, filename = undefined) {
    brand(#entries in receiver(this));
    requireArguments(arguments.length, 2, "append");
    arrayPush(this.#entries, [toUSVString(name), entryValue(value, filename, arguments.length)]);
  }

  delete(name) {
    brand(#entries in receiver(this));
    requireArguments(arguments.length, 1, "delete");
    const key = toUSVString(name);
    const entries = this.#entries;
    for (let i = entries.length - 1; i >= 0; i--) if (entries[i][0] === key) arraySplice(entries, i, 1);
  }

  get(name) {
    brand(#entries in receiver(this));
    requireArguments(arguments.length, 1, "get");
    const key = toUSVString(name);
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) if (entries[i][0] === key) return entries[i][1];
    return null;
  }

  getAll(name) {
    brand(#entries in receiver(this));
    requireArguments(arguments.length, 1, "getAll");
    const key = toUSVString(name);
    const entries = this.#entries;
    const values = [];
    for (let i = 0; i < entries.length; i++) if (entries[i][0] === key) arrayPush(values, entries[i][1]);
    return values;
  }

  has(name) {
    brand(#entries in receiver(this));
    requireArguments(arguments.length, 1, "has");
    const key = toUSVString(name);
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) if (entries[i][0] === key) return true;
    return false;
  }

  set(name, value, filename = undefined) {
    brand(#entries in receiver(this));
    requireArguments(arguments.length, 2, "set");
    const key = toUSVString(name);
    const entry = entryValue(value, filename, arguments.length);
    const entries = this.#entries;
    let found = false;
    for (let i = 0; i < entries.length; i++) {
      if (entries[i][0] !== key) continue;
      if (found) arraySplice(entries, i--, 1);
      else entries[i][1] = entry;
      found = true;
    }
    if (!found) arrayPush(entries, [key, entry]);
  }

  forEach(callback, thisArg = undefined) {
    brand(#entries in receiver(this));
    requireArguments(arguments.length, 1, "forEach");
    if (typeof callback !== "function") throw typeError("forEach(): the callback must be a function.");
    for (let i = 0; i < this.#entries.length; i++) {
      apply(callback, thisArg, [this.#entries[i][1], this.#entries[i][0], this]);
    }
  }

  entries() { brand(#entries in receiver(this)); return new Iterator(this, 2); }
  keys() { brand(#entries in receiver(this)); return new Iterator(this, 0); }
  values() { brand(#entries in receiver(this)); return new Iterator(this, 1); }
}
defineInterface(FormData, "FormData");
defineAlias(FormData.prototype, iterator, "entries");
