// Readable: what stands behind a ReadableStream, and the algorithms on it. Scripts never see it; the platform reads
// bodies through it without promises. https://streams.spec.whatwg.org/#rs-abstract-ops

import { typeError } from "../core/errors.js";
import { Deferred, markHandled, rejected, resolved, then } from "../core/primordials.js";
import { Queue } from "./queue.js";

export class Readable {
  /** "readable", "closed" or "errored". */
  state = "readable";
  error = undefined;
  disturbed = false;
  reader = null;
  controller = null;
  /** The ReadableStream a script holds, once there is one. */
  handle = null;
  /** What this stream would yield, while nobody has read from it: an Inbound, a Coded, a string or a Uint8Array; else null. */
  whole = null;
  /** The invocation whose I/O feeds it; undefined for a stream made of script only. */
  owner = undefined;
  /** The number of bytes the stream promises, or -1. */
  length = -1;
}

// A read request has chunk(value), close() and error(reason); exactly one of them is called, perhaps at once.

/** A read request that settles a promise with { value, done }. */
export class PromiseRequest {
  deferred = new Deferred();

  chunk(value) { this.deferred.resolve({ value, done: false }); }
  close(value) { this.deferred.resolve({ value, done: true }); }
  error(reason) { this.deferred.reject(reason); }
}

/** The reading end. `byob`: requests carry a view (ReadableStreamBYOBReader). */
export class Reader {
  stream;
  byob;
  requests = new Queue();
  closed = null;  // Deferred, once the script asked for it
  releasedError = undefined;

  constructor(stream, byob) {
    this.stream = stream;
    this.byob = byob;
    stream.reader = this;
  }

  /** The promise of the reader's `closed`. */
  closedPromise() {
    if (this.closed === null) {
      this.closed = new Deferred();
      if (this.stream === null) this.closed.reject(this.releasedError);
      else if (this.stream.state === "closed") this.closed.resolve(undefined);
      else if (this.stream.state === "errored") this.closed.reject(this.stream.error);
      markHandled(this.closed.promise);
    }
    return this.closed.promise;
  }

  settleClosed() {
    if (this.closed === null) return;
    if (this.stream.state === "closed") this.closed.resolve(undefined);
    else this.closed.reject(this.stream.error);
  }
}

export function isLocked(stream) {
  return stream.reader !== null;
}

/** True while nobody has read from, locked or ended the stream. */
export function isUntouched(stream) {
  return !stream.disturbed && stream.reader === null && stream.state === "readable";
}

/** https://streams.spec.whatwg.org/#readable-stream-default-reader-read */
export function readFrom(reader, request) {
  const stream = reader.stream;
  stream.disturbed = true;
  stream.whole = null;
  if (stream.state === "closed") request.close();
  else if (stream.state === "errored") request.error(stream.error);
  else stream.controller.read(request);
}

/** https://streams.spec.whatwg.org/#readable-stream-cancel */
export function cancelReadable(stream, reason) {
  stream.disturbed = true;
  stream.whole = null;
  if (stream.state === "closed") return resolved(undefined);
  if (stream.state === "errored") return rejected(stream.error);
  closeReadable(stream);
  const reader = stream.reader;
  if (reader !== null && reader.byob) {
    const requests = reader.requests;
    reader.requests = new Queue();
    while (requests.length > 0) requests.shift().close(undefined);
  }
  const done = stream.controller.cancel(reason);
  return done === undefined ? resolved(undefined) : then(done, () => undefined);
}

/** https://streams.spec.whatwg.org/#readable-stream-close */
export function closeReadable(stream) {
  stream.state = "closed";
  const reader = stream.reader;
  if (reader === null) return;
  reader.settleClosed();
  if (reader.byob) return;
  const requests = reader.requests;
  reader.requests = new Queue();
  while (requests.length > 0) requests.shift().close();
}

/** https://streams.spec.whatwg.org/#readable-stream-error */
export function errorReadable(stream, error) {
  stream.state = "errored";
  stream.error = error;
  const reader = stream.reader;
  if (reader === null) return;
  reader.settleClosed();
  failRequests(reader, error);
}

function failRequests(reader, error) {
  const requests = reader.requests;
  reader.requests = new Queue();
  while (requests.length > 0) requests.shift().error(error);
}

/** https://streams.spec.whatwg.org/#abstract-opdef-readablestreamdefaultreaderrelease */
export function releaseReader(reader) {
  const stream = reader.stream;
  const error = typeError("This ReadableStream reader has been released.");
  reader.releasedError = error;
  if (reader.closed !== null) {
    if (stream.state === "readable") reader.closed.reject(error);
    else {
      reader.closed = new Deferred();
      reader.closed.reject(error);
      markHandled(reader.closed.promise);
    }
  }
  stream.controller.release();
  stream.reader = null;
  reader.stream = null;
  failRequests(reader, error);
}
