// IdentityTransformStream and FixedLengthStream: the platform's byte pipes without a queue; a write is done when its
// bytes have been taken. https://developers.cloudflare.com/workers/runtime-apis/streams/transformstream/

import { requireArguments, typeError } from "../core/errors.js";
import { defineInterface, member } from "../core/idl.js";
import { bodies, readables } from "../core/lazy.js";
import { Deferred, NativeUint8Array, byteLength, bytesOf, copyBytes } from "../core/primordials.js";
import { current } from "../workers/invocation.js";
import { TransformStream, kInternalTransform } from "./transform_stream.js";
import { SinkController, Writable } from "./writable.js";

const { byteReadable } = bodies.get();
const { Strategy } = readables.get();

class BytePipe {
  readable;
  writable = new Writable();
  expected;
  written = 0;
  waiting = null;     // Deferred of the write that waits to be taken
  bytes = null;
  source;
  sink;
  wanted = false;     // the readable side asked for bytes

  constructor(expected, highWaterMark) {
    this.expected = expected;
    this.readable = byteReadable(this);
    this.readable.length = expected;
    this.readable.owner = this.writable.owner = current();
    this.source = this.readable.controller;
    const size = (chunk) => (typeof chunk === "string" ? chunk.length : byteLength(bytesOf(chunk) ?? kEmpty));
    this.sink = new SinkController(
      this.writable, new PipeSink(this), new Strategy(highWaterMark ?? 1, highWaterMark === undefined ? null : size));
    this.sink.startNow();
  }

  // ---- source of the readable side ----
  pull() {
    this.wanted = true;
    this.deliver();
  }

  cancel(reason) {
    this.bytes = null;
    const waiting = this.waiting;
    this.waiting = null;
    const error = reason === undefined ? typeError("The readable side of this stream was cancelled.") : reason;
    this.sink.errorIfNeeded(error);
    if (waiting !== null) waiting.reject(error);
  }

  deliver() {
    if (!this.wanted || this.bytes === null) return;
    const { bytes, waiting } = this;
    this.bytes = null;
    this.waiting = null;
    this.wanted = false;
    this.source.enqueueBytes(bytes);
    waiting.resolve(undefined);
  }
}

const kEmpty = new NativeUint8Array(0);

class PipeSink {
  #pipe;

  constructor(pipe) {
    this.#pipe = pipe;
  }

  write(chunk) {
    const pipe = this.#pipe;
    const bytes = bytesOf(chunk);
    if (bytes === undefined) {
      const what = typeof chunk === "string"
        ? "a string" : "an object of non-ArrayBuffer/ArrayBufferView type";
      return this.#fail(typeError(
        `This TransformStream is being used as a byte stream, but received ${what} on its writable side. If you wish ` +
          "to write a string, you'll probably want to explicitly UTF-8-encode it with TextEncoder."));
    }
    const length = byteLength(bytes);
    if (length === 0) return undefined;
    pipe.written += length;
    if (pipe.expected >= 0 && pipe.written > pipe.expected) {
      return this.#fail(typeError("Attempt to write too many bytes through a FixedLengthStream."));
    }
    pipe.bytes = copyBytes(bytes);
    pipe.waiting = new Deferred();
    const { promise } = pipe.waiting;
    pipe.deliver();
    return promise;
  }

  close() {
    const pipe = this.#pipe;
    if (pipe.expected >= 0 && pipe.written < pipe.expected) {
      return this.#fail(typeError("FixedLengthStream did not see all expected bytes before close()."));
    }
    pipe.source.close();
    return undefined;
  }

  abort(reason) {
    const pipe = this.#pipe;
    pipe.source.error(reason);
    if (pipe.waiting !== null) pipe.waiting.reject(reason);
    return undefined;
  }

  #fail(error) {
    this.#pipe.source.error(error);
    const failed = new Deferred();
    failed.reject(error);
    return failed.promise;
  }
}

function highWaterMarkOf(strategy) {
  const mark = member(strategy, "highWaterMark");
  return mark === undefined ? undefined : +mark;
}

export class IdentityTransformStream extends TransformStream {
  constructor(strategy = undefined) {
    super(kInternalTransform, new BytePipe(-1, highWaterMarkOf(strategy)));
  }
}
defineInterface(IdentityTransformStream, "IdentityTransformStream");

export class FixedLengthStream extends TransformStream {
  constructor(expectedLength, strategy = undefined) {
    requireArguments(arguments.length, 1, "FixedLengthStream");
    const length = +expectedLength;
    if (!(length >= 0) || length > 2 ** 53 - 1 || length % 1 !== 0) {
      throw typeError("FixedLengthStream requires a non-negative integer length.");
    }
    super(kInternalTransform, new BytePipe(length, highWaterMarkOf(strategy)));
  }
}
defineInterface(FixedLengthStream, "FixedLengthStream");
