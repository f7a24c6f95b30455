// ReadableStream: the handle scripts hold. https://streams.spec.whatwg.org/#rs-class

import {
  brand, isObject, rangeError, receiver, requireArguments, streamLocked, typeError, writableLocked,
} from "../core/errors.js";
import { defineAlias, defineInterface, member } from "../core/idl.js";
import {
  apply, asyncIterator, asyncIteratorPrototype, defineProperty, iterator, rejected, resolved, setPrototypeOf, then,
} from "../core/primordials.js";
import { bodies, events, transforms } from "../core/lazy.js";
import { checkOwner } from "../workers/invocation.js";
import { DefaultController } from "./default_controller.js";
import {
  PromiseRequest, Readable, Reader, cancelReadable, isLocked, readFrom, releaseReader,
} from "./readable.js";
import { ReadableStreamBYOBReader, ReadableStreamDefaultReader } from "./readable_reader.js";
import { ScriptSource } from "./source.js";
import { Strategy, readStrategy } from "./strategies.js";
import { teeReadable } from "./tee.js";

const { ByteController } = bodies.get();

const kInternal = {};

let makeHandle;
let stateOf;

class PipeOptions {
  preventClose;
  preventAbort;
  preventCancel;
  signal;

  constructor(given) {
    this.preventAbort = !!member(given, "preventAbort");
    this.preventCancel = !!member(given, "preventCancel");
    this.preventClose = !!member(given, "preventClose");
    this.signal = member(given, "signal");
    if (this.signal !== undefined && !events.evaluated?.isSignal(this.signal)) {
      throw typeError("signal must be an AbortSignal.");
    }
  }
}

export class ReadableStream {
  #readable;

  constructor(source = undefined, strategy = undefined) {
    if (source === kInternal) {
      this.#readable = strategy;
      strategy.handle = this;
      return;
    }
    const underlying = new ScriptSource(source);
    const readable = new Readable();
    this.#readable = readable;
    readable.handle = this;
    readable.length = underlying.expectedLength;
    if (underlying.type === "bytes") {
      if (isObject(strategy) && strategy.size !== undefined) {
        throw rangeError("ReadableStream: a byte stream's strategy must not have a size function.");
      }
      const { highWaterMark } = readStrategy(strategy, 0, "ReadableStream");
      new ByteController(readable, underlying, highWaterMark, underlying.autoAllocateChunkSize).start();
    } else {
      new DefaultController(readable, underlying, readStrategy(strategy, 1, "ReadableStream")).start();
    }
  }

  static {
    makeHandle = (readable) => new ReadableStream(kInternal, readable);
    stateOf = (stream) => (isObject(stream) && #readable in stream ? stream.#readable : undefined);
  }

  /** https://streams.spec.whatwg.org/#rs-from */
  static from(asyncIterable) {
    requireArguments(arguments.length, 1, "ReadableStream.from");
    return handleOf(fromIterable(asyncIterable));
  }

  get locked() {
    brand(#readable in receiver(this));
    return isLocked(this.#readable);
  }

  cancel(reason = undefined) {
    brand(#readable in receiver(this));
    const readable = this.#readable;
    if (isLocked(readable)) return rejected(streamLocked());
    try {
      checkOwner(readable.owner, "ReadableStreamSource");
    } catch (error) {
      return rejected(error);
    }
    return cancelReadable(readable, reason);
  }

  getReader(options = undefined) {
    brand(#readable in receiver(this));
    const mode = member(options, "mode");
    if (mode === undefined) return new ReadableStreamDefaultReader(this);
    if (`${mode}` !== "byob") throw typeError(`getReader(): "${mode}" is not a mode.`);
    return new ReadableStreamBYOBReader(this);
  }

  pipeThrough(transform, options = undefined) {
    brand(#readable in receiver(this));
    requireArguments(arguments.length, 1, "pipeThrough");
    if (!isObject(transform)) throw typeError("pipeThrough(): the transform must be an object.");
    const readable = transform.readable;
    if (stateOf(readable) === undefined) throw typeError("pipeThrough(): readable must be a ReadableStream.");
    const writable = writableOf(transform.writable);
    if (writable === undefined) throw typeError("pipeThrough(): writable must be a WritableStream.");
    const chosen = new PipeOptions(options);
    if (isLocked(this.#readable)) throw streamLocked();
    if (writable.writer !== null) throw writableLocked();
    checkOwner(this.#readable.owner, "ReadableStreamSource");
    then(transforms.get().pipe(this.#readable, writable, chosen), undefined, () => {});
    return readable;
  }

  pipeTo(destination, options = undefined) {
    brand(#readable in receiver(this));
    try {
      const writable = writableOf(destination);
      if (writable === undefined) throw typeError("pipeTo(): the destination must be a WritableStream.");
      const chosen = new PipeOptions(options);
      if (isLocked(this.#readable)) throw streamLocked();
      if (writable.writer !== null) throw writableLocked();
      checkOwner(this.#readable.owner, "ReadableStreamSource");
      return transforms.get().pipe(this.#readable, writable, chosen);
    } catch (error) {
      return rejected(error);
    }
  }

  tee() {
    brand(#readable in receiver(this));
    if (isLocked(this.#readable)) throw streamLocked();
    checkOwner(this.#readable.owner, "ReadableStreamSource");
    const branches = teeReadable(this.#readable);
    return [handleOf(branches[0]), handleOf(branches[1])];
  }

  values(options = undefined) {
    brand(#readable in receiver(this));
    const preventCancel = !!member(options, "preventCancel");
    if (isLocked(this.#readable)) throw streamLocked();
    checkOwner(this.#readable.owner, "ReadableStreamSource");
    return new StreamIterator(new Reader(this.#readable, false), preventCancel);
  }
}
defineInterface(ReadableStream, "ReadableStream");
defineAlias(ReadableStream.prototype, asyncIterator, "values");

/** The Writable behind a WritableStream, or undefined for any other value. */
function writableOf(stream) {
  return transforms.evaluated?.writableOf(stream);
}

/** The Readable behind a ReadableStream, or undefined for any other value. */
export function readableOf(stream) {
  return stateOf(stream);
}

/** The ReadableStream in front of a Readable: always the same one. */
export function handleOf(readable) {
  return readable.handle ?? makeHandle(readable);
}

/** https://streams.spec.whatwg.org/#rs-asynciterator */
class StreamIterator {
  #reader;
  #preventCancel;
  #ongoing = null;
  #finished = false;

  constructor(reader, preventCancel) {
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  next() {
    brand(#reader in receiver(this));
    const step = () => this.#next();
    this.#ongoing = this.#ongoing === null ? step() : then(this.#ongoing, step, step);
    return this.#ongoing;
  }

  return(value = undefined) {
    brand(#reader in receiver(this));
    const step = () => this.#return(value);
    this.#ongoing = this.#ongoing === null ? step() : then(this.#ongoing, step, step);
    return this.#ongoing;
  }

  #next() {
    if (this.#finished) return resolved({ value: undefined, done: true });
    const request = new PromiseRequest();
    readFrom(this.#reader, new IteratorRequest(request, () => {
      this.#finished = true;
      if (this.#reader.stream !== null) releaseReader(this.#reader);
    }));
    return request.deferred.promise;
  }

  #return(value) {
    if (this.#finished) return resolved({ value, done: true });
    this.#finished = true;
    const reader = this.#reader;
    let done;
    if (!this.#preventCancel) {
      done = cancelReadable(reader.stream, value);
      releaseReader(reader);
    } else {
      releaseReader(reader);
      done = resolved(undefined);
    }
    return then(done, () => ({ value, done: true }));
  }
}
delete StreamIterator.prototype.constructor;
setPrototypeOf(StreamIterator.prototype, asyncIteratorPrototype);
defineProperty(StreamIterator.prototype, "next", { __proto__: null, enumerable: true });
defineProperty(StreamIterator.prototype, "return", { __proto__: null, enumerable: true });

class IteratorRequest {
  request;
  finish;

  constructor(request, finish) {
    this.request = request;
    this.finish = finish;
  }

  chunk(value) { this.request.chunk(value); }
  close() { this.finish(); this.request.close(undefined); }
  error(reason) { this.finish(); this.request.error(reason); }
}

/** https://streams.spec.whatwg.org/#readable-stream-from-iterable */
export function fromIterable(iterable) {
  const given = iterable;
  if (given === null || given === undefined) throw typeError("ReadableStream.from(): the argument is not iterable.");
  let method = given[asyncIterator];
  if (method === undefined || method === null) method = given[iterator];
  if (typeof method !== "function") throw typeError("ReadableStream.from(): the argument is not iterable.");
  const iteration = apply(method, given, []);
  if (!isObject(iteration)) throw typeError("ReadableStream.from(): the iterator is not an object.");
  const next = iteration.next;
  const readable = new Readable();
  const controller = new DefaultController(readable, {
    __proto__: null,
    async pull(controller) {
      const result = await apply(next, iteration, []);
      if (!isObject(result)) throw typeError("The iterator result is not an object.");
      if (result.done) {
        if (controller.canEnqueue) controller.close();
      } else {
        const value = await result.value;
        if (controller.canEnqueue) controller.enqueue(value);
      }
    },
    async cancel(reason) {
      const method = iteration.return;
      if (method === undefined || method === null) return;
      const result = await apply(method, iteration, [reason]);
      if (!isObject(result)) throw typeError("The iterator result is not an object.");
    },
  }, new Strategy(0, null));
  controller.started = true;
  return readable;
}
