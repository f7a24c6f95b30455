// ReadableStreamDefaultController. https://streams.spec.whatwg.org/#rs-default-controller-class

import { brand, illegalConstructor, receiver, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { resolved, then } from "../core/primordials.js";
import { Queue } from "./queue.js";
import { closeReadable, errorReadable } from "./readable.js";
import { checkedSize } from "./strategies.js";

const kInternal = {};

/** The controller's state and algorithms; `handle` is what a script's source gets. */
export class DefaultController {
  stream;
  source;
  strategy;
  queue = new Queue();
  started = false;
  closeRequested = false;
  pulling = false;
  pullAgain = false;
  handle = null;

  constructor(stream, source, strategy) {
    this.stream = stream;
    this.source = source;
    this.strategy = strategy;
    stream.controller = this;
  }

  /** For a script's source: start() runs now, pulls begin when its promise is fulfilled. */
  start() {
    this.handle = new ReadableStreamDefaultController(kInternal, this);
    const result = this.source.start(this.handle);
    then(
      resolved(result),
      () => {
        this.started = true;
        this.pull();
      },
      (error) => this.error(error),
    );
  }

  /** For an internal source, which needs no start. */
  startNow() {
    this.started = true;
    this.pull();
  }

  get desiredSize() {
    const state = this.stream.state;
    if (state === "errored") return null;
    return state === "closed" ? 0 : this.strategy.highWaterMark - this.queue.total;
  }

  get canEnqueue() {
    return !this.closeRequested && this.stream.state === "readable";
  }

  shouldPull() {
    if (!this.canEnqueue || !this.started) return false;
    const reader = this.stream.reader;
    if (reader !== null && reader.requests.length > 0) return true;
    return this.strategy.highWaterMark - this.queue.total > 0;
  }

  pull() {
    if (!this.shouldPull()) return;
    if (this.pulling) {
      this.pullAgain = true;
      return;
    }
    this.pulling = true;
    const done = this.source.pull(this.handle ?? this);
    if (done === undefined) this.pulled();
    else then(done, () => this.pulled(), (error) => this.error(error));
  }

  pulled() {
    this.pulling = false;
    if (this.pullAgain) {
      this.pullAgain = false;
      this.pull();
    }
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

const kDoneSource = { __proto__: null, pull() {}, cancel() {} };

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
