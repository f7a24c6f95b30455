// TransformStream. https://streams.spec.whatwg.org/#ts-class

import { brand, illegalConstructor, receiver, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { readables } from "../core/lazy.js";
import { Deferred, resolved, then } from "../core/primordials.js";
import { Readable } from "./readable.js";
import { SinkController, Writable } from "./writable.js";
import { writableHandleOf } from "./writable_stream.js";

const { DefaultController, ScriptTransformer, handleOf, readStrategy } = readables.get();

const kInternal = {};

/** For subclasses inside the bundle: `super(kInternalTransform, parts)`, parts having readable and writable. */
export const kInternalTransform = kInternal;

/** Both sides of a transform. transformer: { transform(chunk, handle, enqueue), flush(handle), cancel(reason) }. */
export class Transform {
  readable = new Readable();
  writable = new Writable();
  transformer;
  handle = null;
  backpressure = true;
  backpressureChange = new Deferred();
  finished = null;  // Deferred of close, abort or cancel, whichever came first
  source;
  sink;

  constructor(transformer, writableStrategy, readableStrategy) {
    this.transformer = transformer;
    this.source = new DefaultController(this.readable, new TransformSource(this), readableStrategy);
    this.sink = new SinkController(this.writable, new TransformSink(this), writableStrategy);
  }

  start(result) {
    const started = resolved(result);
    this.sink.start(started);
    then(
      started,
      () => this.source.startNow(),
      (error) => this.source.error(error),
    );
  }

  setBackpressure(backpressure) {
    this.backpressureChange.resolve(undefined);
    this.backpressureChange = new Deferred();
    this.backpressure = backpressure;
  }

  enqueue(chunk) {
    const { source } = this;
    if (!source.canEnqueue) throw typeError("Unable to enqueue: the readable side of this TransformStream is closed.");
    try {
      source.enqueue(chunk);
    } catch (error) {
      this.errorWritable(error);
      throw this.readable.error;
    }
    const backpressure = !source.shouldPull();
    if (backpressure !== this.backpressure) this.setBackpressure(true);
  }

  error(reason) {
    this.source.error(reason);
    this.errorWritable(reason);
  }

  errorWritable(reason) {
    this.clear();
    this.sink.errorIfNeeded(reason);
    this.unblock();
  }

  unblock() {
    if (this.backpressure) this.setBackpressure(false);
  }

  terminate() {
    if (this.source.canEnqueue) this.source.close();
    this.errorWritable(typeError("This TransformStream has been terminated."));
  }

  clear() {
    this.transformer = kDoneTransformer;
  }

  async flush() {
    const { transformer } = this;
    this.clear();
    await transformer.flush(this.handle ?? this);
  }

  async transform(chunk) {
    try {
      await this.transformer.transform(chunk, this.handle ?? this, (value) => this.enqueue(value));
    } catch (error) {
      this.error(error);
      throw error;
    }
  }
}

const kDoneTransformer = { __proto__: null, transform() {}, flush() {}, cancel() {} };

class TransformSink {
  #transform;

  constructor(transform) {
    this.#transform = transform;
  }

  write(chunk) {
    const transform = this.#transform;
    if (!transform.backpressure) return transform.transform(chunk);
    return then(transform.backpressureChange.promise, () => {
      const { writable } = transform;
      if (writable.state === "erroring") throw writable.error;
      return transform.transform(chunk);
    });
  }

  close() {
    const transform = this.#transform;
    if (transform.finished !== null) return transform.finished.promise;
    const finished = (transform.finished = new Deferred());
    const flushed = transform.flush();
    then(
      flushed,
      () => {
        if (transform.readable.state === "errored") finished.reject(transform.readable.error);
        else {
          if (transform.source.canEnqueue) transform.source.close();
          finished.resolve(undefined);
        }
      },
      (error) => {
        transform.source.error(error);
        finished.reject(error);
      },
    );
    return finished.promise;
  }

  abort(reason) {
    const transform = this.#transform;
    if (transform.finished !== null) return transform.finished.promise;
    const finished = (transform.finished = new Deferred());
    const cancelled = transform.transformer.cancel(reason);
    transform.clear();
    then(
      cancelled ?? resolved(undefined),
      () => {
        if (transform.readable.state === "errored") finished.reject(transform.readable.error);
        else {
          transform.source.error(reason);
          finished.resolve(undefined);
        }
      },
      (error) => {
        transform.source.error(error);
        finished.reject(error);
      },
    );
    return finished.promise;
  }
}

class TransformSource {
  #transform;

  constructor(transform) {
    this.#transform = transform;
  }

  pull() {
    this.#transform.setBackpressure(false);
    return this.#transform.backpressureChange.promise;
  }

  cancel(reason) {
    const transform = this.#transform;
    if (transform.finished !== null) return transform.finished.promise;
    const finished = (transform.finished = new Deferred());
    const { writable } = transform;
    const cancelled = transform.transformer.cancel(reason);
    transform.clear();
    then(
      cancelled ?? resolved(undefined),
      () => {
        if (writable.state === "errored") finished.reject(writable.error);
        else {
          transform.sink.errorIfNeeded(reason);
          transform.unblock();
          finished.resolve(undefined);
        }
      },
      (error) => {
        transform.sink.errorIfNeeded(error);
        transform.unblock();
        finished.reject(error);
      },
    );
    return finished.promise;
  }
}

export class TransformStream {
  #transform;

  constructor(transformer = undefined, writableStrategy = undefined, readableStrategy = undefined) {
    if (transformer === kInternal) {
      this.#transform = writableStrategy;
      return;
    }
    const script = new ScriptTransformer(transformer);
    const readable = readStrategy(readableStrategy, 0, "TransformStream");
    const writable = readStrategy(writableStrategy, 1, "TransformStream");
    const transform = new Transform(script, writable, readable);
    this.#transform = transform;
    transform.handle = new TransformStreamDefaultController(kInternal, transform);
    transform.start(script.start(transform.handle));
  }

  get readable() { brand(#transform in receiver(this)); return handleOf(this.#transform.readable); }
  get writable() { brand(#transform in receiver(this)); return writableHandleOf(this.#transform.writable); }
}
defineInterface(TransformStream, "TransformStream");

export class TransformStreamDefaultController {
  #transform;

  constructor(token, transform) {
    if (token !== kInternal) throw illegalConstructor();
    this.#transform = transform;
  }

  get desiredSize() { brand(#transform in receiver(this)); return this.#transform.source.desiredSize; }

  enqueue(chunk = undefined) {
    brand(#transform in receiver(this));
    this.#transform.enqueue(chunk);
  }

  error(reason = undefined) {
    brand(#transform in receiver(this));
    this.#transform.error(reason);
  }

  terminate() {
    brand(#transform in receiver(this));
    this.#transform.terminate();
  }
}
defineInterface(TransformStreamDefaultController, "TransformStreamDefaultController");
