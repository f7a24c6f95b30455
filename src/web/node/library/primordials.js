// What Node's library calls its primordials: the builtins as they were when it was loaded, methods as functions that take
// their receiver first. Node makes them all when it starts; here each is made when a module of the library asks for it.

const { apply, bind, call } = Function.prototype;

/** Of a method: a function of (receiver, ...arguments). */
const uncurryThis = bind.bind(call);
/** Of a method: a function of (receiver, array of arguments). */
const applyBind = bind.bind(apply);

const TypedArray = Object.getPrototypeOf(Uint8Array);
const ArrayIteratorPrototype = Object.getPrototypeOf([][Symbol.iterator]());
const StringIteratorPrototype = Object.getPrototypeOf(""[Symbol.iterator]());
const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype);

const holders = [
  "AggregateError", "Array", "ArrayBuffer", "AsyncIterator", "Atomics", "BigInt", "BigInt64Array", "BigUint64Array", "Boolean",
  "DataView", "Date", "Error", "EvalError", "FinalizationRegistry", "Float32Array", "Float64Array", "Function", "Int16Array",
  "Int32Array", "Int8Array", "JSON", "Map", "Math", "Number", "Object", "Promise", "Proxy", "RangeError", "ReferenceError",
  "Reflect", "RegExp", "Set", "String", "Symbol", "SyntaxError", "TypeError", "URIError", "Uint16Array", "Uint32Array",
  "Uint8Array", "Uint8ClampedArray", "WeakMap", "WeakRef", "WeakSet",
].sort((a, b) => b.length - a.length);  // the longest that fits is meant

const own = (holder, key) => Object.getOwnPropertyDescriptor(holder, key);

/** The key of `holder` that the end of a primordial's name stands for; undefined: it has none. */
function keyOf(holder, end) {
  if (end.startsWith("Symbol") && end.length > 6) return Symbol[end[6].toLowerCase() + end.slice(7)];
  return [end[0].toLowerCase() + end.slice(1), end].find((key) => own(holder, key) !== undefined);
}

function method(prototype, end) {
  for (const [prefix, which] of [["Get", "get"], ["Set", "set"]]) {
    const key = end.startsWith(prefix) && end.length > 3 ? keyOf(prototype, end.slice(3)) : undefined;
    const accessor = key === undefined ? undefined : own(prototype, key)?.[which];
    if (accessor !== undefined) return uncurryThis(accessor);
  }
  const key = keyOf(prototype, end);
  if (key !== undefined) return typeof prototype[key] === "function" ? uncurryThis(prototype[key]) : prototype[key];
  if (end.endsWith("Apply")) return applyBind(prototype[keyOf(prototype, end.slice(0, -5))]);
  return undefined;
}

function find(name) {
  if (name in globalThis) return globalThis[name];
  const holder = name.startsWith("TypedArray") ? "TypedArray" : holders.find((one) => name.startsWith(one));
  if (holder === undefined) return undefined;
  const of = holder === "TypedArray" ? TypedArray : globalThis[holder];
  const end = name.slice(holder.length);
  if (end === "Prototype") return of.prototype;
  if (end.startsWith("Prototype")) return method(of.prototype, end.slice(9));
  const key = keyOf(of, end);
  if (key !== undefined) return typeof of[key] === "function" ? of[key].bind(of) : of[key];
  return end.endsWith("Apply") ? applyBind(of[keyOf(of, end.slice(0, -5))], of) : undefined;
}

// Those of Node's own making: classes whose instances do not look at prototypes that scripts may have changed.

function iteratorOf(make, next) {
  return class {
    #iterator;
    constructor(value) { this.#iterator = make(value); }
    next() { return next(this.#iterator); }
    [Symbol.iterator]() { return this; }
  };
}

/** `Safe` with the methods of `Unsafe` as its own. */
function makeSafe(Unsafe, Safe) {
  for (const key of Reflect.ownKeys(Unsafe.prototype)) {
    if (own(Safe.prototype, key) === undefined) Object.defineProperty(Safe.prototype, key, own(Unsafe.prototype, key));
  }
  for (const key of Reflect.ownKeys(Unsafe)) {
    if (own(Safe, key) === undefined) Object.defineProperty(Safe, key, own(Unsafe, key));
  }
  Object.setPrototypeOf(Safe.prototype, null);
  Object.freeze(Safe.prototype);
  Object.freeze(Safe);
  return Safe;
}

const special = {
  __proto__: null,
  uncurryThis,
  applyBind,
  makeSafe,
  TypedArray,
  TypedArrayPrototype: TypedArray.prototype,
  ArrayIteratorPrototype,
  StringIteratorPrototype,
  AsyncIteratorPrototype,
  PromiseReject: (reason) => Promise.reject(reason),
  SafeArrayIterator: iteratorOf(uncurryThis(Array.prototype[Symbol.iterator]), uncurryThis(ArrayIteratorPrototype.next)),
  SafeStringIterator: iteratorOf(uncurryThis(String.prototype[Symbol.iterator]), uncurryThis(StringIteratorPrototype.next)),
  SafeMap: makeSafe(Map, class SafeMap extends Map {}),
  SafeSet: makeSafe(Set, class SafeSet extends Set {}),
  SafeWeakMap: makeSafe(WeakMap, class SafeWeakMap extends WeakMap {}),
  SafeWeakSet: makeSafe(WeakSet, class SafeWeakSet extends WeakSet {}),
  SafeWeakRef: makeSafe(WeakRef, class SafeWeakRef extends WeakRef {}),
  SafeFinalizationRegistry: makeSafe(FinalizationRegistry, class SafeFinalizationRegistry extends FinalizationRegistry {}),
  hardenRegExp: (pattern) => pattern,
  SafeStringPrototypeSearch: (text, pattern) => {
    pattern.lastIndex = 0;
    return pattern.exec(text)?.index ?? -1;
  },
};

export const primordials = new Proxy(special, {
  get(made, name) {
    if (!(name in made)) {
      const value = find(name);
      if (value === undefined) throw new Error(`no primordial ${name}`);
      made[name] = value;
    }
    return made[name];
  },
});
