// Body: what Request and Response share. https://fetch.spec.whatwg.org/#body-mixin
//
// A body in hand is a string or bytes (`source`) and becomes a stream only when a script asks for one; a body from the
// platform is a Readable over an Inbound. Every body belongs to the invocation that made it.

import { host } from "../core/host.js";
import {
  bodyUsed, isObject, memoryExceeded, memoryWouldBeExceeded, streamLocked, typeError,
} from "../core/errors.js";
import { bodies, forms, readables } from "../core/lazy.js";
import {
  Deferred, NativeUint8Array, arrayPush, asyncIterator, byteLength, bytesOf, copyBytes, defineProperty,
  getOwnPropertyDescriptor, hasOwnBuffer, jsonParse, ownKeys, rejected, resolved, subarray, then, toArrayBuffer,
  typedArraySet,
} from "../core/primordials.js";
import { Repeating } from "../core/repeating.js";
import { copyOfSource } from "../core/source.js";
import { toUSVString } from "../core/idl.js";
import { Reader, cancelReadable, isLocked, readFrom } from "../streams/readable.js";
import { isParams } from "../url/search_params.js";
import { checkOwner, current } from "../workers/invocation.js";

export class Body {
  owner;
  /** A string, a Uint8Array that nobody changes, or null: the stream has it. */
  source;
  readable;
  /** The Content-Type it brings, or null. */
  type;
  used = false;

  constructor(owner, source, readable, type) {
    this.owner = owner;
    this.source = source;
    this.readable = readable;
    this.type = type;
  }

  get ioType() {
    return this.source === null ? "ReadableStreamSource" : "BodyBufferInputStream";
  }

  isUsed() {
    return this.readable === null ? this.used : this.readable.disturbed;
  }

  isUnusable() {
    return this.readable === null ? this.used : this.readable.disturbed || isLocked(this.readable);
  }

  check() {
    if (this.owner !== undefined) checkOwner(this.owner, this.ioType);
    if (this.readable === null ? this.used : this.readable.disturbed) throw bodyUsed();
    if (this.readable !== null && isLocked(this.readable)) throw streamLocked();
  }

  /** The stream of this body; always the same one. */
  stream() {
    if (this.readable === null) {
      this.readable = bodies.get().wholeReadable(this.source);
      this.readable.owner = this.owner;
      if (this.used) {
        this.readable.disturbed = true;
        this.readable.state = "closed";
      }
    }
    return this.readable;
  }

  /** Marks the body as used and gives what is to be read: the source, or the Readable. */
  take() {
    this.check();
    if (this.source !== null && (this.readable === null || this.readable.whole !== null)) {
      this.used = true;
      if (this.readable !== null) spend(this.readable);
      return this.source;
    }
    return this.readable;
  }

  /** This body under a new Body; this one counts as used. A body nobody touched stays so, and can still be piped. */
  move() {
    const moved = new Body(this.owner, this.source, null, this.type);
    const { readable } = this;
    if (readable === null) {
      this.used = true;
      return moved;
    }
    if (readable.handle === null) {
      moved.readable = readable;
    } else {
      // A script holds the stream: the new body gets a stream of its own over the same state.
      moved.readable = readables.get().moveReadable(readable);
    }
    this.readable = null;
    this.used = true;
    return moved;
  }

  /** https://fetch.spec.whatwg.org/#concept-body-clone */
  clone() {
    this.check();
    if (this.readable === null) return new Body(this.owner, this.source, null, this.type);
    const branches = readables.get().teeReadable(this.readable);
    this.readable = branches[0];
    const clone = new Body(this.owner, this.source, branches[1], this.type);
    return clone;
  }
}

/** A stream whose contents were taken another way: closed, disturbed and locked for ever. */
export function spend(readable) {
  readable.disturbed = true;
  readable.whole = null;
  readable.state = "closed";
}

/** https://fetch.spec.whatwg.org/#concept-bodyinit-extract */
export function extractBody(init) {
  const owner = current();
  if (typeof init === "string") return new Body(owner, init, null, "text/plain;charset=UTF-8");
  if (isObject(init)) {
    const readable = readables.evaluated?.readableOf(init);
    if (readable !== undefined) {
      if (readable.owner !== undefined) checkOwner(readable.owner, "ReadableStreamSource");
      if (readable.disturbed) {
        throw typeError("This ReadableStream is disturbed (has already been read from), and cannot be used as a body.");
      }
      if (isLocked(readable)) throw streamLocked();
      return new Body(owner, null, readable, null);
    }
    const bytes = bytesOf(init);
    if (bytes !== undefined) return new Body(owner, copyBytes(bytes), null, null);
    const blob = forms.evaluated?.blobBytes(init);
    if (blob !== undefined) return new Body(owner, blob, null, init.type === "" ? null : init.type);
    if (isParams(init)) {
      return new Body(owner, `${init}`, null, "application/x-www-form-urlencoded;charset=UTF-8");
    }
    const entries = forms.evaluated?.formEntries(init);
    if (entries !== undefined) {
      const { bytes, boundary } = forms.get().serializeMultipart(entries);
      return new Body(owner, bytes, null, `multipart/form-data; boundary=${boundary}`);
    }
    if (typeof init[asyncIterator] === "function") {
      return new Body(owner, null, readables.get().fromIterable(init), null);
    }
  }
  return new Body(owner, toUSVString(init), null, "text/plain;charset=UTF-8");
}

/**
 * Reads a Readable to its end; the promise gives convert(bytes). Converted before the promise is resolved: a patched
 * Object.prototype.then sees what the script asked for, not the bytes.
 */
class Collector extends Repeating {
  reader;
  limit;
  convert;
  chunks = [];
  total = 0;
  done = new Deferred();

  constructor(readable, limit, convert) {
    super();
    this.limit = limit;
    this.convert = convert;
    this.reader = new Reader(readable, false);
  }

  step() {
    readFrom(this.reader, this);
  }

  // ---- a read request ----
  chunk(value) {
    const bytes = bytesOf(value);
    if (bytes === undefined) {
      this.#fail(typeError("This ReadableStream did not return bytes."));
      return;
    }
    this.total += byteLength(bytes);
    if (this.total > this.limit) {
      this.#fail(memoryExceeded());
      return;
    }
    arrayPush(this.chunks, bytes);
    this.run();
  }

  #fail(error) {
    then(cancelReadable(this.reader.stream, error), undefined, () => {});
    this.done.reject(error);
  }

  close() {
    try {
      this.done.resolve(this.convert(this.#joined()));
    } catch (error) {
      this.done.reject(error);
    }
  }

  #joined() {
    const { chunks } = this;
    if (chunks.length === 1 && hasOwnBuffer(chunks[0])) return chunks[0];
    const all = new NativeUint8Array(this.total);
    for (let i = 0, at = 0; i < chunks.length; at += byteLength(chunks[i]), i++) typedArraySet(all, chunks[i], at);
    return all;
  }

  error(reason) {
    this.done.reject(reason);
  }
}

const kEmpty = new Uint8Array(0);

// What is collected lies in memory twice when its pieces are joined: more than this part of the limit, and the isolate would
// be over it with no error that the script could catch.
const kCollected = 0.46;

/** A promise of convert(everything the body has: a string or a Uint8Array). null is the empty body. */
function readAll(body, convert) {
  try {
    if (body === null) return resolved(convert(kEmpty));
    body.check();
    const limit = host.memoryLimit();
    const { source, readable } = body;
    const known = source !== null ? (typeof source === "string" ? source.length : byteLength(source)) : readable.length;
    if (known >= limit) throw memoryWouldBeExceeded();
    const taken = body.take();
    if (taken !== readable) return resolved(convert(taken));
    const collector = new Collector(taken, limit * kCollected, convert);
    collector.run();
    return collector.done.promise;
  } catch (error) {
    return rejected(error);
  }
}

export function asText(all) {
  if (typeof all === "string") return toUSVString(all);
  const bom = byteLength(all) >= 3 && all[0] === 0xef && all[1] === 0xbb && all[2] === 0xbf;
  return host.utf8Decode(bom ? subarray(all, 3, byteLength(all)) : all, false);
}

/**
 * Defines the members of the body mixin on a prototype. bodyOf(this) checks the receiver and gives the Body or null;
 * contentType(this) gives the Content-Type header or null.
 */
export function mixinBody(prototype, bodyOf, contentType) {
  const members = {
    get body() {
      const body = bodyOf(this);
      return body === null ? null : readables.get().handleOf(body.stream());
    },
    get bodyUsed() {
      const body = bodyOf(this);
      return body !== null && body.isUsed();
    },
    arrayBuffer() { return readAll(bodyOf(this), (all) => toArrayBuffer(copyOfSource(all))); },
    bytes() { return readAll(bodyOf(this), copyOfSource); },
    text() { return readAll(bodyOf(this), asText); },
    json() { return readAll(bodyOf(this), (all) => jsonParse(asText(all))); },
    blob() {
      const body = bodyOf(this);
      return readAll(body, (all) => forms.get().newBlob(copyOfSource(all), contentType(this) ?? ""));
    },
    formData() {
      const body = bodyOf(this);
      return readAll(body, (all) => forms.get().parseForm(all, contentType(this)));
    },
  };
  const keys = ownKeys(members);
  for (let i = 0; i < keys.length; i++) defineProperty(prototype, keys[i], getOwnPropertyDescriptor(members, keys[i]));
}
