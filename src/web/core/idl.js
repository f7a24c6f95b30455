// How a class becomes part of the global scope, as WebIDL says: globals are not enumerable, members are.
// https://webidl.spec.whatwg.org/#define-the-global-property-references

import { isObject, typeError } from "./errors.js";
import { defineProperty, getOwnPropertyDescriptor, ownKeys, stringToWellFormed, toStringTag } from "./primordials.js";

function makeEnumerable(target) {
  const keys = ownKeys(target);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key !== "string" || key === "constructor" || key === "prototype" || key === "name" || key === "length") {
      continue;
    }
    if (getOwnPropertyDescriptor(target, key).configurable) defineProperty(target, key, { __proto__: null, enumerable: true });
  }
}

/** Gives a class its members' attributes and its tag. Constants are a null-prototype dictionary of numbers. */
export function defineInterface(Interface, name, constants) {
  makeEnumerable(Interface.prototype);
  makeEnumerable(Interface);
  if (Interface.name !== name) {
    defineProperty(Interface, "name", { __proto__: null, value: name, configurable: true });
  }
  defineProperty(Interface.prototype, toStringTag, { __proto__: null, value: name, configurable: true });
  for (const key in constants) {
    const constant = { __proto__: null, value: constants[key], enumerable: true };
    defineProperty(Interface, key, constant);
    defineProperty(Interface.prototype, key, constant);
  }
}

/** A data property of the global scope. */
export function defineGlobal(global, name, value, enumerable = false) {
  defineProperty(global, name, { __proto__: null, value, writable: true, enumerable, configurable: true });
}

/** `Prototype[alias] = Prototype[name]`, not enumerable, as WebIDL's iterable declarations want. */
export function defineAlias(prototype, alias, name) {
  defineProperty(prototype, alias, {
    __proto__: null,
    value: prototype[name],
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

/** WebIDL's USVString conversion. */
export function toUSVString(value) {
  return stringToWellFormed(typeof value === "string" ? value : `${value}`);
}

/** Reads one member of an options dictionary; undefined and null are the empty dictionary. */
export function member(dictionary, name) {
  if (dictionary === undefined || dictionary === null) return undefined;
  if (!isObject(dictionary)) throw typeError("The options argument must be an object.");
  return dictionary[name];
}
