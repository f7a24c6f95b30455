// crypto: random values and digests. https://w3c.github.io/webcrypto/

import { host } from "../core/host.js";
import {
  brand, disallowedInGlobalScope, illegalConstructor, isObject, receiver, requireArguments, typeError,
} from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { bytesOf, copyBytes, isView, stringToUpperCase, viewByteLength, viewType } from "../core/primordials.js";
import { DOMException } from "../events/dom_exception.js";
import { current } from "../workers/invocation.js";

const kRandomBytesMax = 65536;  // §10.1.1, step 3

const kInternal = {};

const kIntegerViews = {
  __proto__: null,
  Int8Array: true, Uint8Array: true, Uint8ClampedArray: true, Int16Array: true, Uint16Array: true, Int32Array: true,
  Uint32Array: true, BigInt64Array: true, BigUint64Array: true,
};

export class SubtleCrypto {
  #branded = true;

  constructor(token) {
    if (token !== kInternal) throw illegalConstructor();
  }

  /** https://w3c.github.io/webcrypto/#SubtleCrypto-method-digest */
  digest(algorithm, data) {
    brand(#branded in receiver(this));
    return digest(arguments.length, algorithm, data);
  }
}
defineInterface(SubtleCrypto, "SubtleCrypto");

async function digest(given, algorithm, data) {
  requireArguments(given, 2, "digest");
  const name = isObject(algorithm) ? algorithm.name : algorithm;
  if (name === undefined) throw typeError("digest(): the algorithm needs a name.");
  const bytes = bytesOf(data);
  if (bytes === undefined) throw typeError("digest(): the data must be an ArrayBuffer or a view of one.");
  const result = host.digest(stringToUpperCase(`${name}`), copyBytes(bytes));
  if (result === undefined) {
    throw new DOMException("Unrecognized or unimplemented digest algorithm requested.", "NotSupportedError");
  }
  return result;
}

export class Crypto {
  #subtle = new SubtleCrypto(kInternal);

  constructor(token) {
    if (token !== kInternal) throw illegalConstructor();
  }

  get subtle() { brand(#subtle in receiver(this)); return this.#subtle; }

  /** https://w3c.github.io/webcrypto/#Crypto-method-getRandomValues */
  getRandomValues(array) {
    brand(#subtle in receiver(this));
    requireArguments(arguments.length, 1, "getRandomValues");
    if (!isView(array)) throw typeError("getRandomValues(): the argument must be an integer-typed view.");
    if (kIntegerViews[viewType(array)] !== true) {
      throw new DOMException(
        "The data argument to getRandomValues() must be an integer-typed TypedArray.", "TypeMismatchError");
    }
    if (viewByteLength(array) > kRandomBytesMax) {
      throw new DOMException(
        `getRandomValues() only accepts buffers of size <= 64K but provided ${viewByteLength(array)} bytes.`,
        "QuotaExceededError");
    }
    if (current() === undefined) throw disallowedInGlobalScope();
    host.randomFill(array);
    return array;
  }

  randomUUID() {
    brand(#subtle in receiver(this));
    if (current() === undefined) throw disallowedInGlobalScope();
    return host.randomUUID();
  }
}
defineInterface(Crypto, "Crypto");

export const crypto = new Crypto(kInternal);
