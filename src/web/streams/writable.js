// Writable: what stands behind a WritableStream, and the algorithms on it.
// https://streams.spec.whatwg.org/#ws-all-abstract-ops

import { typeError } from "../core/errors.js";
import { events, readables } from "../core/lazy.js";
import { Deferred, markHandled, rejected, resolved, then } from "../core/primordials.js";
import { Queue } from "./queue.js";

const { checkedSize } = readables.get();

const kClose = {};  // the close sentinel in a controller's queue

class PendingAbort {
  deferred = new Deferred();
  reason;
  wasErroring;

  constructor(reason, wasErroring) {
    this.reason = reason;
    this.wasErroring = wasErroring;
  }
}

export class Writable {
  /** "writable", "erroring", "errored" or "closed" */
  state = "writable";
  error = undefined;
  writer = null;
  controller = null;
  handle = null;
  requests = new Queue();  // Deferred of each queued write
  inFlightWrite = null;
  closeRequest = null;
  inFlightClose = null;
  pendingAbort = null;
  backpressure = false;
  owner = undefined;
}

/** The writing end. */
export class Writer {
  stream;
  ready = new Deferred();
  closed = new Deferred();
  /** How the two promises stand: the standard asks "if it is pending". */
  readyPending = true;
  closedPending = true;

  constructor(stream) {
    this.stream = stream;
    stream.writer = this;
    const state = stream.state;
    if (state === "writable") {
      if (closeQueuedOrInFlight(stream) || !stream.backpressure) this.resolveReady();
    } else if (state === "erroring") {
      this.rejectReady(stream.error);
    } else if (state === "closed") {
      this.resolveReady();
      this.resolveClosed();
    } else {
      this.rejectReady(stream.error);
      this.rejectClosed(stream.error);
    }
  }

  resolveReady() {
    this.readyPending = false;
    this.ready.resolve(undefined);
  }

  resetReady() {
    this.ready = new Deferred();
    this.readyPending = true;
  }

  rejectReady(error) {
    if (!this.readyPending) this.ready = new Deferred();
    this.readyPending = false;
    this.ready.reject(error);
    markHandled(this.ready.promise);
  }

  resolveClosed() {
    this.closedPending = false;
    this.closed.resolve(undefined);
  }

  rejectClosed(error) {
    if (!this.closedPending) this.closed = new Deferred();
    this.closedPending = false;
    this.closed.reject(error);
    markHandled(this.closed.promise);
  }
}

/** The controller's state and algorithms. sink: { write(chunk, controller), close(), abort(reason) }. */
export class SinkController {
  stream;
  sink;
  strategy;
  queue = new Queue();
  started = false;
  signal = null;  // made when the script asks for it
  aborted = false;
  abortedWith = undefined;
  handle = null;

  constructor(stream, sink, strategy) {
    this.stream = stream;
    this.sink = sink;
    this.strategy = strategy;
    stream.controller = this;
  }

  /** `startResult`: what the sink's start() returned. */
  start(startResult) {
    updateBackpressure(this.stream, this.backpressure());
    then(
      resolved(startResult),
      () => {
        this.started = true;
        this.advance();
      },
      (error) => {
        this.started = true;
        dealWithRejection(this.stream, error);
      },
    );
  }

  startNow() {
    updateBackpressure(this.stream, this.backpressure());
    this.started = true;
  }

  signalHandle() {
    if (this.signal === null) {
      const { newSignal, signalAbort } = events.get();
      this.signal = newSignal(undefined);
      if (this.aborted) signalAbort(this.signal, this.abortedWith);
    }
    return this.signal;
  }

  signalAbort(reason) {
    if (this.aborted) return;
    this.aborted = true;
    this.abortedWith = reason;
    if (this.signal === null) return;
    const { isAborted, signalAbort } = events.get();
    if (!isAborted(this.signal)) signalAbort(this.signal, reason);
  }

  get desiredSize() {
    return this.strategy.highWaterMark - this.queue.total;
  }

  backpressure() {
    return this.desiredSize <= 0;
  }

  chunkSize(chunk) {
    if (this.strategy.size === null) return 1;
    try {
      return checkedSize(this.strategy.size(chunk));
    } catch (error) {
      this.errorIfNeeded(error);
      return 1;
    }
  }

  errorIfNeeded(error) {
    if (this.stream.state === "writable") this.error(error);
  }

  error(error) {
    this.clear();
    startErroring(this.stream, error);
  }

  clear() {
    this.strategy = { __proto__: null, highWaterMark: this.strategy.highWaterMark, size: null };
    this.sink = kDoneSink;
  }

  write(chunk, size) {
    this.queue.push(chunk, size);
    if (!closeQueuedOrInFlight(this.stream) && this.stream.state === "writable") {
      updateBackpressure(this.stream, this.backpressure());
    }
    this.advance();
  }

  close() {
    this.queue.push(kClose, 0);
    this.advance();
  }

  /** https://streams.spec.whatwg.org/#writable-stream-default-controller-advance-queue-if-needed */
  advance() {
    const stream = this.stream;
    if (!this.started || stream.inFlightWrite !== null) return;
    if (stream.state === "erroring") {
      finishErroring(stream);
      return;
    }
    if (this.queue.length === 0) return;
    const chunk = this.queue.peek();
    if (chunk === kClose) this.processClose();
    else this.processWrite(chunk);
  }

  processClose() {
    const stream = this.stream;
    stream.inFlightClose = stream.closeRequest;
    stream.closeRequest = null;
    this.queue.shift();
    const sink = this.sink;
    this.clear();
    then(
      sink.close(this) ?? resolved(undefined),
      () => finishInFlightClose(stream),
      (error) => {
        stream.inFlightClose.reject(error);
        stream.inFlightClose = null;
        if (stream.pendingAbort !== null) {
          stream.pendingAbort.deferred.reject(error);
          stream.pendingAbort = null;
        }
        dealWithRejection(stream, error);
      },
    );
  }

  processWrite(chunk) {
    const stream = this.stream;
    stream.inFlightWrite = stream.requests.shift();
    then(
      this.sink.write(chunk, this.handle ?? this) ?? resolved(undefined),
      () => {
        stream.inFlightWrite.resolve(undefined);
        stream.inFlightWrite = null;
        this.queue.shift();
        if (!closeQueuedOrInFlight(stream) && stream.state === "writable") {
          updateBackpressure(stream, this.backpressure());
        }
        this.advance();
      },
      (error) => {
        if (stream.state === "writable") this.clear();
        stream.inFlightWrite.reject(error);
        stream.inFlightWrite = null;
        dealWithRejection(stream, error);
      },
    );
  }

  /** [[AbortSteps]] */
  abort(reason) {
    const sink = this.sink;
    this.clear();
    return sink.abort(reason) ?? resolved(undefined);
  }

  /** [[ErrorSteps]] */
  reset() {
    this.queue.clear();
  }
}

const kDoneSink = { __proto__: null, write() {}, close() {}, abort() {} };

export function closeQueuedOrInFlight(stream) {
  return stream.closeRequest !== null || stream.inFlightClose !== null;
}

function updateBackpressure(stream, backpressure) {
  const writer = stream.writer;
  if (writer !== null && backpressure !== stream.backpressure) {
    if (backpressure) writer.resetReady();
    else writer.resolveReady();
  }
  stream.backpressure = backpressure;
}

function dealWithRejection(stream, error) {
  if (stream.state === "writable") startErroring(stream, error);
  else finishErroring(stream);
}

function startErroring(stream, reason) {
  stream.state = "erroring";
  stream.error = reason;
  if (stream.writer !== null) stream.writer.rejectReady(reason);
  const inFlight = stream.inFlightWrite !== null || stream.inFlightClose !== null;
  if (!inFlight && stream.controller.started) finishErroring(stream);
}

function finishErroring(stream) {
  if (stream.inFlightWrite !== null || stream.inFlightClose !== null) return;
  stream.state = "errored";
  stream.controller.reset();
  const error = stream.error;
  const requests = stream.requests;
  stream.requests = new Queue();
  while (requests.length > 0) requests.shift().reject(error);
  const abort = stream.pendingAbort;
  if (abort === null) {
    rejectCloseAndClosed(stream);
    return;
  }
  stream.pendingAbort = null;
  if (abort.wasErroring) {
    abort.deferred.reject(error);
    rejectCloseAndClosed(stream);
    return;
  }
  then(
    stream.controller.abort(abort.reason),
    () => {
      abort.deferred.resolve(undefined);
      rejectCloseAndClosed(stream);
    },
    (reason) => {
      abort.deferred.reject(reason);
      rejectCloseAndClosed(stream);
    },
  );
}

function rejectCloseAndClosed(stream) {
  if (stream.closeRequest !== null) {
    stream.closeRequest.reject(stream.error);
    stream.closeRequest = null;
  }
  if (stream.writer !== null) stream.writer.rejectClosed(stream.error);
}

function finishInFlightClose(stream) {
  stream.inFlightClose.resolve(undefined);
  stream.inFlightClose = null;
  if (stream.state === "erroring") {
    stream.error = undefined;
    if (stream.pendingAbort !== null) {
      stream.pendingAbort.deferred.resolve(undefined);
      stream.pendingAbort = null;
    }
  }
  stream.state = "closed";
  if (stream.writer !== null) stream.writer.resolveClosed();
}

/** https://streams.spec.whatwg.org/#writable-stream-abort */
export function abortWritable(stream, reason) {
  if (stream.state === "closed" || stream.state === "errored") return resolved(undefined);
  stream.controller.signalAbort(reason);
  const state = stream.state;
  if (state === "closed" || state === "errored") return resolved(undefined);
  if (stream.pendingAbort !== null) return stream.pendingAbort.deferred.promise;
  const wasErroring = state === "erroring";
  const pending = new PendingAbort(wasErroring ? undefined : reason, wasErroring);
  stream.pendingAbort = pending;
  if (!wasErroring) startErroring(stream, reason);
  return pending.deferred.promise;
}

/** https://streams.spec.whatwg.org/#writable-stream-close */
export function closeWritable(stream) {
  const state = stream.state;
  if (state === "closed" || state === "errored") return rejected(typeError("This WritableStream has been closed."));
  const request = new Deferred();
  stream.closeRequest = request;
  if (stream.writer !== null && stream.backpressure && state === "writable") stream.writer.resolveReady();
  stream.controller.close();
  return request.promise;
}

/** https://streams.spec.whatwg.org/#writable-stream-default-writer-write */
export function writeTo(writer, chunk) {
  const stream = writer.stream;
  const controller = stream.controller;
  const size = controller.chunkSize(chunk);
  if (writer.stream !== stream) return rejected(writerReleased());
  const state = stream.state;
  if (state === "errored") return rejected(stream.error);
  if (closeQueuedOrInFlight(stream) || state === "closed") {
    return rejected(typeError("This WritableStream has been closed."));
  }
  if (state === "erroring") return rejected(stream.error);
  const request = new Deferred();
  stream.requests.push(request);
  controller.write(chunk, size);
  return request.promise;
}

export function writerReleased() {
  return typeError("This WritableStream writer has been released.");
}

/** https://streams.spec.whatwg.org/#writable-stream-default-writer-release */
export function releaseWriter(writer) {
  const error = writerReleased();
  const stream = writer.stream;
  writer.rejectReady(error);
  writer.rejectClosed(error);
  stream.writer = null;
  writer.stream = null;
}
