// WritableStream, its writer and its controller: the handles scripts hold. https://streams.spec.whatwg.org/#ws-class

import {
  brand, illegalConstructor, isObject, receiver, requireArguments, typeError, writableLocked,
} from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { readables } from "../core/lazy.js";
import { rejected } from "../core/primordials.js";
import { checkOwner } from "../workers/invocation.js";
import {
  SinkController, Writable, Writer, abortWritable, closeQueuedOrInFlight, closeWritable, releaseWriter, writeTo,
  writerReleased,
} from "./writable.js";

const { ScriptSink, readStrategy } = readables.get();

const kInternal = {};

let makeHandle;
let stateOf;

export class WritableStream {
  #writable;

  constructor(sink = undefined, strategy = undefined) {
    if (sink === kInternal) {
      this.#writable = strategy;
      strategy.handle = this;
      return;
    }
    const underlying = new ScriptSink(sink);
    const writable = new Writable();
    this.#writable = writable;
    writable.handle = this;
    const controller = new SinkController(writable, underlying, readStrategy(strategy, 1, "WritableStream"));
    controller.handle = new WritableStreamDefaultController(kInternal, controller);
    controller.start(underlying.start(controller.handle));
  }

  static {
    makeHandle = (writable) => new WritableStream(kInternal, writable);
    stateOf = (stream) => (isObject(stream) && #writable in stream ? stream.#writable : undefined);
  }

  get locked() { brand(#writable in receiver(this)); return this.#writable.writer !== null; }

  abort(reason = undefined) {
    brand(#writable in receiver(this));
    if (this.#writable.writer !== null) return rejected(writableLocked());
    return abortWritable(this.#writable, reason);
  }

  close() {
    brand(#writable in receiver(this));
    if (this.#writable.writer !== null) return rejected(writableLocked());
    if (closeQueuedOrInFlight(this.#writable)) return rejected(typeError("This WritableStream has been closed."));
    return closeWritable(this.#writable);
  }

  getWriter() {
    brand(#writable in receiver(this));
    return new WritableStreamDefaultWriter(this);
  }
}
defineInterface(WritableStream, "WritableStream");

/** The Writable behind a WritableStream, or undefined for any other value. */
export function writableOf(stream) {
  return stateOf(stream);
}

export function writableHandleOf(writable) {
  return writable.handle ?? makeHandle(writable);
}

/** Why a writer's stream takes nothing from the calling code: a rejected promise; undefined: it does. */
function notUsable(stream) {
  if (stream === null) return rejected(writerReleased());
  if (stream.owner === undefined) return undefined;
  try {
    checkOwner(stream.owner, "WritableStreamSink");
  } catch (error) {
    return rejected(error);
  }
  return undefined;
}

export class WritableStreamDefaultWriter {
  #writer;

  constructor(stream) {
    requireArguments(arguments.length, 1, "WritableStreamDefaultWriter");
    const writable = writableOf(stream);
    if (writable === undefined) throw typeError("The argument must be a WritableStream.");
    if (writable.writer !== null) throw writableLocked();
    checkOwner(writable.owner, "WritableStreamSink");
    this.#writer = new Writer(writable);
  }

  get closed() { brand(#writer in receiver(this)); return this.#writer.closed.promise; }
  get ready() { brand(#writer in receiver(this)); return this.#writer.ready.promise; }

  get desiredSize() {
    brand(#writer in receiver(this));
    const stream = this.#writer.stream;
    if (stream === null) throw writerReleased();
    if (stream.state === "errored" || stream.state === "erroring") return null;
    return stream.state === "closed" ? 0 : stream.controller.desiredSize;
  }

  abort(reason = undefined) {
    brand(#writer in receiver(this));
    const stream = this.#writer.stream;
    return notUsable(stream) ?? abortWritable(stream, reason);
  }

  close() {
    brand(#writer in receiver(this));
    const stream = this.#writer.stream;
    const refusal = notUsable(stream);
    if (refusal !== undefined) return refusal;
    if (closeQueuedOrInFlight(stream)) return rejected(typeError("This WritableStream has been closed."));
    return closeWritable(stream);
  }

  releaseLock() {
    brand(#writer in receiver(this));
    if (this.#writer.stream !== null) releaseWriter(this.#writer);
  }

  write(chunk = undefined) {
    brand(#writer in receiver(this));
    return notUsable(this.#writer.stream) ?? writeTo(this.#writer, chunk);
  }
}
defineInterface(WritableStreamDefaultWriter, "WritableStreamDefaultWriter");

export class WritableStreamDefaultController {
  #controller;

  constructor(token, controller) {
    if (token !== kInternal) throw illegalConstructor();
    this.#controller = controller;
  }

  get signal() { brand(#controller in receiver(this)); return this.#controller.signalHandle(); }

  error(reason = undefined) {
    brand(#controller in receiver(this));
    this.#controller.errorIfNeeded(reason);
  }
}
defineInterface(WritableStreamDefaultController, "WritableStreamDefaultController");
