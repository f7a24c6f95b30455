// Blob and File. https://w3c.github.io/FileAPI/

import { host } from "../core/host.js";
import { brand, isObject, rangeError, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface, member, toUSVString } from "../core/idl.js";
import { bodies, readables } from "../core/lazy.js";
import {
  NativeUint8Array, arrayPush, byteLength, bytesOf, copyBytes, iterator, max, min, resolved, stringCharCodeAt,
  stringToLowerCase, subarray, toArrayBuffer, trunc, typedArraySet,
} from "../core/primordials.js";

const kSizeMax = 128 * 1024 * 1024;  // bytes

const kInternal = {};

/** Lower case, or empty when a character is outside printable ASCII. */
function readType(value) {
  const type = `${value}`;
  for (let i = 0; i < type.length; i++) {
    const code = stringCharCodeAt(type, i);
    if (code < 0x20 || code > 0x7e) return "";
  }
  return stringToLowerCase(type);
}

/** https://w3c.github.io/FileAPI/#process-blob-parts (endings are left as they are) */
function joinParts(parts) {
  if (!isObject(parts) || typeof parts[iterator] !== "function") throw typeError("Blob: the parts must be a sequence.");
  const pieces = [];
  let size = 0;
  for (const part of parts) {
    const bytes = blobBytes(part) ?? bytesOf(part) ?? host.utf8Encode(toUSVString(part));
    arrayPush(pieces, bytes);
    size += byteLength(bytes);
    if (size > kSizeMax) throw rangeError(`Blob size ${size} exceeds limit ${kSizeMax}`);
  }
  const joined = new NativeUint8Array(size);
  for (let i = 0, at = 0; i < pieces.length; at += byteLength(pieces[i]), i++) typedArraySet(joined, pieces[i], at);
  return joined;
}

/** The bytes of a Blob, which never change; undefined for another value. */
export let blobBytes;

export class Blob {
  #bytes;
  #type;

  constructor(parts = undefined, options = undefined) {
    if (parts === kInternal) {
      this.#bytes = options.bytes;
      this.#type = options.type;
      return;
    }
    const type = member(options, "type");
    this.#bytes = parts === undefined ? new NativeUint8Array(0) : joinParts(parts);
    this.#type = type === undefined ? "" : readType(type);
  }

  static {
    blobBytes = (value) => (isObject(value) && #bytes in value ? value.#bytes : undefined);
  }

  get size() { brand(#bytes in receiver(this)); return byteLength(this.#bytes); }
  get type() { brand(#bytes in receiver(this)); return this.#type; }

  slice(start = 0, end = undefined, contentType = "") {
    brand(#bytes in receiver(this));
    const size = byteLength(this.#bytes);
    const clamp = (value) => {
      const at = trunc(+value) || 0;
      return at < 0 ? max(size + at, 0) : min(at, size);
    };
    const from = clamp(start);
    const to = end === undefined ? size : clamp(end);
    return newBlob(subarray(this.#bytes, from, max(from, to)), readType(contentType));
  }

  arrayBuffer() { brand(#bytes in receiver(this)); return resolved(toArrayBuffer(copyBytes(this.#bytes))); }
  bytes() { brand(#bytes in receiver(this)); return resolved(copyBytes(this.#bytes)); }
  text() { brand(#bytes in receiver(this)); return resolved(host.utf8Decode(this.#bytes, false)); }
  stream() { brand(#bytes in receiver(this)); return readables.get().handleOf(bodies.get().wholeReadable(this.#bytes)); }
}
defineInterface(Blob, "Blob");

/** A Blob of bytes that nobody else will change. */
export function newBlob(bytes, type) {
  return new Blob(kInternal, { bytes, type });
}

export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, options = undefined) {
    if (parts === kInternal) {
      super(kInternal, options);
      this.#name = name;
      this.#lastModified = host.now();
      return;
    }
    requireArguments(arguments.length, 2, "File");
    super(parts, options);
    this.#name = toUSVString(name);
    const modified = member(options, "lastModified");
    this.#lastModified = modified === undefined ? host.now() : trunc(+modified) || 0;
  }

  get name() { brand(#name in receiver(this)); return this.#name; }
  get lastModified() { brand(#name in receiver(this)); return this.#lastModified; }
}
defineInterface(File, "File");

export function newFile(bytes, name, type) {
  return new File(kInternal, name, { bytes, type });
}

