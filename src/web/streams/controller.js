// ReadableController: what the two controllers of readable streams share: when they pull.
// https://streams.spec.whatwg.org/#readable-stream-default-controller-should-call-pull and
// https://streams.spec.whatwg.org/#readable-byte-stream-controller-should-call-pull

import { resolved, then } from "../core/primordials.js";
import { Queue } from "./queue.js";

/** A subclass has makeHandle(), highWaterMark, error() and what a stream asks of its controller (readable.js). */
export class ReadableController {
  stream;
  source;
  queue = new Queue();
  started = false;
  closeRequested = false;
  pulling = false;
  pullAgain = false;
  handle = null;  // what a script's source gets

  constructor(stream, source) {
    this.stream = stream;
    this.source = source;
    stream.controller = this;
  }

  /** For a script's source: start() runs now, pulls begin when its promise is fulfilled. */
  start() {
    this.handle = this.makeHandle();
    const result = this.source.start(this.handle);
    then(
      resolved(result),
      () => this.startNow(),
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
    return state === "closed" ? 0 : this.highWaterMark - this.queue.total;
  }

  get canEnqueue() {
    return !this.closeRequested && this.stream.state === "readable";
  }

  shouldPull() {
    if (!this.canEnqueue || !this.started) return false;
    const reader = this.stream.reader;
    if (reader !== null && reader.requests.length > 0) return true;
    return this.highWaterMark - this.queue.total > 0;
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
}

/** In the place of a source that is not asked any more. */
export const kDoneSource = { __proto__: null, pull() {}, cancel() {} };
