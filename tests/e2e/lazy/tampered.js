// A script that makes every builtin it can reach throw, and then looks at the web API's classes.
import { shapeOf } from "./shape.js";

const { defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect;

// Not these: they are evaluated when shapeOf() looks at them. And Response is the way out.
const isClass = (name) =>
  /^([A-Z]\w*)?(Event|EventTarget|Stream|Reader|Controller|Signal|Strategy|BYOBRequest|Writer|Decoder|Socket|Pair|Blob|File|FormData)$/.test(name);

const words = ["get", "set", "value", "writable", "enumerable", "configurable", "length", "prototype", "name", "then", "0", "1"];

/** What has no name, but can be had. */
function hidden() {
  async function* generate() {}
  function* count() {}
  return [
    getPrototypeOf(Uint8Array), getPrototypeOf(Uint8Array.prototype), getPrototypeOf(async () => {}), getPrototypeOf(count),
    getPrototypeOf(generate), getPrototypeOf(count).prototype, getPrototypeOf(generate).prototype,
    getPrototypeOf([].values()), getPrototypeOf(getPrototypeOf([].values())), getPrototypeOf(new Map().entries()),
    getPrototypeOf(getPrototypeOf(generate).prototype),
  ];
}

function spoilt() {
  throw "spoilt";
}

function spoil(object, key) {
  const descriptor = getOwnPropertyDescriptor(object, key);
  if (descriptor === undefined || descriptor.configurable) {
    defineProperty(object, key, { __proto__: null, get: spoilt, set: spoilt, configurable: true });
  }
}

function spoilAll() {
  const objects = hidden();
  const names = [];
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (isClass(name) || name === "Response" || name === "globalThis" || name === "self") continue;
    const value = globalThis[name];
    if (value === null || (typeof value !== "object" && typeof value !== "function")) continue;
    names.push(name);
    objects.push(value);
    if (value.prototype !== undefined) objects.push(value.prototype);
  }
  const pairs = [];
  for (const object of objects) for (const key of ownKeys(object)) pairs.push([object, key]);
  const { prototype } = Object;
  for (let i = 0; i < names.length; i++) spoil(globalThis, names[i]);
  for (let i = 0; i < pairs.length; i++) spoil(pairs[i][0], pairs[i][1]);
  for (let i = 0; i < words.length; i++) spoil(prototype, words[i]);
  return pairs.length;
}

export default {
  fetch(request) {
    const classes = Object.getOwnPropertyNames(globalThis).filter(isClass);
    const count = request.url.endsWith("/tampered") ? spoilAll() : 0;
    return new Response(count + " are spoilt\n" + shapeOf(classes));
  },
};
