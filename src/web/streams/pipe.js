// pipeTo: moves chunks from a Readable to a Writable. https://streams.spec.whatwg.org/#readable-stream-pipe-to

import { typeError } from "../core/errors.js";
import { events } from "../core/lazy.js";
import { Deferred, markHandled, noop, resolved, then } from "../core/primordials.js";
import { Reader, cancelReadable, readFrom, releaseReader } from "./readable.js";
import { Writer, abortWritable, closeQueuedOrInFlight, closeWritable, releaseWriter, writeTo } from "./writable.js";

class Pipe {
  source;
  destination;
  options;
  reader;
  writer;
  done = new Deferred();
  shuttingDown = false;
  lastWrite = null;
  step = null;

  constructor(source, destination, options) {
    this.source = source;
    this.destination = destination;
    this.options = options;
    this.reader = new Reader(source, false);
    this.writer = new Writer(destination);
    source.disturbed = true;
    source.whole = null;
  }

  start() {
    const { signal } = this.options;
    if (signal !== undefined) {
      const { isAborted, onAbort } = events.get();
      if (isAborted(signal)) {
        this.abort();
        return;
      }
      this.step = onAbort(signal, () => this.abort());
    }
    const { source, destination } = this;
    if (source.state === "errored") this.sourceErrored();
    else if (source.state === "readable") {
      then(this.reader.closedPromise(), () => this.sourceClosed(), () => this.sourceErrored());
    }
    if (destination.state === "errored" || destination.state === "erroring") this.destinationErrored();
    else then(this.writer.closed.promise, noop, () => this.destinationErrored());
    if (source.state === "closed") this.sourceClosed();
    if (closeQueuedOrInFlight(destination) || destination.state === "closed") this.destinationClosed();
    this.next();
  }

  next() {
    if (this.shuttingDown) return;
    if (this.destination.state === "writable" && !this.destination.backpressure) readFrom(this.reader, this);
    else then(this.writer.ready.promise, () => this.next(), noop);
  }

  // ---- a read request ----
  chunk(value) {
    // A microtask between chunks: the sink's work is not done on the source's stack. shutdown() waits for it.
    const write = then(resolved(undefined), () => {
      const written = writeTo(this.writer, value);
      markHandled(written);
      this.lastWrite = written;
      this.next();
    });
    this.lastWrite = write;
  }

  close() {}

  error() {}

  sourceErrored() {
    const error = this.source.error;
    if (this.options.preventAbort) this.shutdown(null, true, error);
    else this.shutdown(() => abortWritable(this.destination, error), true, error);
  }

  destinationErrored() {
    const error = this.destination.error;
    if (this.options.preventCancel) this.shutdown(null, true, error);
    else this.shutdown(() => cancelReadable(this.source, error), true, error);
  }

  sourceClosed() {
    if (this.options.preventClose) this.shutdown(null, false, undefined);
    else this.shutdown(() => this.closeDestination(), false, undefined);
  }

  closeDestination() {
    const destination = this.destination;
    if (closeQueuedOrInFlight(destination) || destination.state === "closed") return resolved(undefined);
    if (destination.state === "errored") throw destination.error;
    return closeWritable(destination);
  }

  destinationClosed() {
    const error = typeError("This WritableStream has been closed.");
    if (this.options.preventCancel) this.shutdown(null, true, error);
    else this.shutdown(() => cancelReadable(this.source, error), true, error);
  }

  abort() {
    const error = events.get().abortReason(this.options.signal);
    const { source, destination, options } = this;
    this.shutdown(async () => {
      let first;
      let second;
      if (!options.preventAbort && destination.state === "writable") first = abortWritable(destination, error);
      if (!options.preventCancel && source.state === "readable") second = cancelReadable(source, error);
      if (second !== undefined) markHandled(second);
      await first;
      await second;
    }, true, error);
  }

  /** Waits for the writes under way, does `action`, then ends the pipe. Only the first call counts. */
  shutdown(action, failed, error) {
    if (this.shuttingDown) return;
    this.shuttingDown = true;
    this.finish(action, failed, error);
  }

  async finish(action, failed, error) {
    try {
      if (this.destination.state === "writable" && !closeQueuedOrInFlight(this.destination)) await this.writesDone();
      if (action !== null) await action();
    } catch (actionError) {
      failed = true;
      error = actionError;
    }
    releaseWriter(this.writer);
    if (this.reader.stream !== null) releaseReader(this.reader);
    if (this.step !== null) events.get().removeStep(this.options.signal, this.step);
    if (failed) this.done.reject(error);
    else this.done.resolve(undefined);
  }

  async writesDone() {
    for (let last = null; last !== this.lastWrite; ) {
      last = this.lastWrite;
      try {
        await last;
      } catch {
        // The destination's error reaches the pipe by its own way.
      }
    }
  }
}

/** Neither end may be locked. The promise settles when the pipe has ended. */
export function pipe(source, destination, options) {
  const work = new Pipe(source, destination, options);
  work.start();
  return work.done.promise;
}
