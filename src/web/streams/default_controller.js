// ReadableStreamDefaultController. https://streams.spec.whatwg.org/#rs-default-controller-class

import { brand, illegalConstructor, receiver, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { bodies } from "../core/lazy.js";
import { closeReadable, errorReadable } from "./readable.js";
import { checkedSize } from "./strategies.js";

const { ReadableController, kDoneSource } = bodies.get();

const kInternal = {};

/** The controller's state and algorithms. */
export class DefaultController extends ReadableController {
  strategy;

  constructor(stream, source, strategy) {
    super(stream, source);
    this.strategy = strategy;
  }

  makeHandle() {
    return new ReadableStreamDefaultController(kInternal, this);
  }

  get highWaterMark() {
    return this.strategy.highWaterMark;
  }

  enqueue(chunk) {
    const reader = this.stream.reader;
    if (reader !== null && reader.requests.length > 0) {
      reader.requests.shift().chunk(chunk);
    } else {
      let size = 1;
      if (this.strategy.size !== null) {
        try {
          size = checkedSize(this.strategy.size(chunk));
        } catch (error) {
          this.error(error);
          throw error;
        }
      }
      this.queue.push(chunk, size);
    }
    this.pull();
  }

  close() {
    this.closeRequested = true;
    if (this.queue.length === 0) {
      this.clear();
      closeReadable(this.stream);
    }
  }

  error(reason) {
    if (this.stream.state !== "readable") return;
    this.queue.clear();
    this.clear();
    errorReadable(this.stream, reason);
  }

  clear() {
    this.source = kDoneSource;
    this.strategy = { __proto__: null, highWaterMark: this.strategy.highWaterMark, size: null };
  }

  /** [[PullSteps]] */
  read(request) {
    if (this.queue.length > 0) {
      const chunk = this.queue.shift();
      if (this.closeRequested && this.queue.length === 0) {
        this.clear();
        closeReadable(this.stream);
      } else {
        this.pull();
      }
      request.chunk(chunk);
    } else {
      this.stream.reader.requests.push(request);
      this.pull();
    }
  }

  /** [[CancelSteps]] */
  cancel(reason) {
    this.queue.clear();
    const source = this.source;
    this.clear();
    return source.cancel(reason);
  }

  /** [[ReleaseSteps]] */
  release() {}
}

export class ReadableStreamDefaultController {
  #controller;

  constructor(token, controller) {
    if (token !== kInternal) throw illegalConstructor();
    this.#controller = controller;
  }

  get desiredSize() { brand(#controller in receiver(this)); return this.#controller.desiredSize; }

  close() {
    brand(#controller in receiver(this));
    if (!this.#controller.canEnqueue) throw typeError("This ReadableStream is closed.");
    this.#controller.close();
  }

  enqueue(chunk = undefined) {
    brand(#controller in receiver(this));
    if (!this.#controller.canEnqueue) throw typeError("Unable to enqueue: this ReadableStream is closed.");
    this.#controller.enqueue(chunk);
  }

  error(reason = undefined) {
    brand(#controller in receiver(this));
    this.#controller.error(reason);
  }
}
defineInterface(ReadableStreamDefaultController, "ReadableStreamDefaultController");
