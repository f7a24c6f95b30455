// The two readers. https://streams.spec.whatwg.org/#default-reader-class and #byob-reader-class

import { brand, rangeError, receiver, requireArguments, streamLocked, typeError } from "../core/errors.js";
import { defineInterface, member } from "../core/idl.js";
import { bodies } from "../core/lazy.js";
import {
  bufferByteLength, bufferDetached, isView, rejected, viewBuffer, viewByteLength, viewType,
} from "../core/primordials.js";
import { checkOwner } from "../workers/invocation.js";
import { PromiseRequest, Reader, cancelReadable, isLocked, readFrom, releaseReader } from "./readable.js";
import { readableOf } from "./readable_stream.js";

const { ByteController, elementSize } = bodies.get();

function open(stream, byob) {
  const readable = readableOf(stream);
  if (readable === undefined) throw typeError("The argument must be a ReadableStream.");
  if (isLocked(readable)) throw streamLocked();
  checkOwner(readable.owner, "ReadableStreamSource");
  if (byob && !(readable.controller instanceof ByteController)) {
    throw typeError("This ReadableStream does not support BYOB reads.");
  }
  return new Reader(readable, byob);
}

function cancel(reader, reason) {
  if (reader.stream === null) return rejected(reader.releasedError);
  try {
    checkOwner(reader.stream.owner, "ReadableStreamSource");
  } catch (error) {
    return rejected(error);
  }
  return cancelReadable(reader.stream, reason);
}

export class ReadableStreamDefaultReader {
  #reader;

  constructor(stream) {
    requireArguments(arguments.length, 1, "ReadableStreamDefaultReader");
    this.#reader = open(stream, false);
  }

  get closed() { brand(#reader in receiver(this)); return this.#reader.closedPromise(); }

  cancel(reason = undefined) {
    brand(#reader in receiver(this));
    return cancel(this.#reader, reason);
  }

  read() {
    brand(#reader in receiver(this));
    const reader = this.#reader;
    if (reader.stream === null) return rejected(reader.releasedError);
    if (reader.stream.owner !== undefined) {
      try {
        checkOwner(reader.stream.owner, "ReadableStreamSource");
      } catch (error) {
        return rejected(error);
      }
    }
    const request = new PromiseRequest();
    readFrom(reader, request);
    return request.deferred.promise;
  }

  releaseLock() {
    brand(#reader in receiver(this));
    if (this.#reader.stream !== null) releaseReader(this.#reader);
  }
}
defineInterface(ReadableStreamDefaultReader, "ReadableStreamDefaultReader");

export class ReadableStreamBYOBReader {
  #reader;

  constructor(stream) {
    requireArguments(arguments.length, 1, "ReadableStreamBYOBReader");
    this.#reader = open(stream, true);
  }

  get closed() { brand(#reader in receiver(this)); return this.#reader.closedPromise(); }

  cancel(reason = undefined) {
    brand(#reader in receiver(this));
    return cancel(this.#reader, reason);
  }

  /** https://streams.spec.whatwg.org/#byob-reader-read */
  read(view, options = undefined) {
    brand(#reader in receiver(this));
    const minimum = member(options, "min");
    return this.#read(view, minimum === undefined ? 1 : +minimum);
  }

  /** The platform's older spelling of read(view, { min }): `minimum` counts elements. */
  readAtLeast(minimum, view) {
    brand(#reader in receiver(this));
    return this.#read(view, +minimum);
  }

  #read(view, minimum) {
    const reader = this.#reader;
    try {
      if (!isView(view)) throw typeError("read(): the argument must be an ArrayBufferView.");
      const length = viewByteLength(view);
      if (length === 0) {
        throw typeError("You must call read() on a \"byob\" reader with a positive-sized TypedArray object.");
      }
      if (bufferByteLength(viewBuffer(view)) === 0) throw typeError("read(): the view's buffer is empty.");
      if (bufferDetached(viewBuffer(view))) throw typeError("read(): the view's buffer has been detached.");
      if (!(minimum >= 1)) throw typeError("read(): min must be greater than 0.");
      const capacity = viewType(view) === "DataView" ? length : length / elementSize(view);
      if (minimum > capacity) throw rangeError("read(): min is greater than the view.");
      if (reader.stream === null) return rejected(reader.releasedError);
      checkOwner(reader.stream.owner, "ReadableStreamSource");
    } catch (error) {
      return rejected(error);
    }
    const request = new PromiseRequest();
    const stream = reader.stream;
    stream.disturbed = true;
    stream.whole = null;
    if (stream.state === "errored") return rejected(stream.error);
    stream.controller.readInto(view, minimum, request);
    return request.deferred.promise;
  }

  releaseLock() {
    brand(#reader in receiver(this));
    if (this.#reader.stream !== null) releaseReader(this.#reader);
  }
}
defineInterface(ReadableStreamBYOBReader, "ReadableStreamBYOBReader");
