// Two branches of one stream. https://streams.spec.whatwg.org/#abstract-opdef-readablestreamtee
//
// Byte streams are split with a default reader; a BYOB read on a branch is filled by copying (docs/web-gaps.md).

import { bodies } from "../core/lazy.js";
import { Deferred, NativeArray, copyBytes, isView, resolved, then } from "../core/primordials.js";
import { DefaultController } from "./default_controller.js";
import { Readable, Reader, cancelReadable, isUntouched, readFrom } from "./readable.js";
import { Strategy } from "./strategies.js";

const { ByteController, wholeReadable } = bodies.get();

class Tee {
  stream;
  reader;
  first = null;
  second = null;
  reading = false;
  readAgain = false;
  bytes;
  cancelled = new Deferred();

  constructor(stream) {
    this.stream = stream;
    this.bytes = stream.controller instanceof ByteController;
    this.reader = new Reader(stream, false);
    this.first = new Branch(this);
    this.second = new Branch(this);
    this.first.start();
    this.second.start();
    then(this.reader.closedPromise(), undefined, (error) => {
      this.first.controller.error(error);
      this.second.controller.error(error);
      if (!this.first.cancelled || !this.second.cancelled) this.cancelled.resolve(undefined);
    });
  }

  pull() {
    if (this.reading) {
      this.readAgain = true;
      return;
    }
    this.reading = true;
    readFrom(this.reader, this);
  }

  chunk(value) {
    // A microtask, so that errors of the source reach the branches after chunks that came before (standard's note).
    then(resolved(undefined), () => {
      this.readAgain = false;
      const copy = this.bytes && !this.first.cancelled && !this.second.cancelled ? copyBytes(value) : value;
      this.first.put(value);
      this.second.put(copy);
      this.reading = false;
      if (this.readAgain) this.pull();
    });
  }

  close() {
    this.reading = false;
    this.first.close();
    this.second.close();
    if (!this.first.cancelled || !this.second.cancelled) this.cancelled.resolve(undefined);
  }

  error() {
    this.reading = false;
  }

  cancel() {
    if (this.first.cancelled && this.second.cancelled) {
      const reasons = NativeArray(2);
      reasons[0] = this.first.reason;
      reasons[1] = this.second.reason;
      this.cancelled.resolve(cancelReadable(this.stream, reasons));
    }
    return this.cancelled.promise;
  }
}

class Branch {
  tee;
  readable = new Readable();
  controller;
  cancelled = false;
  reason = undefined;

  constructor(tee) {
    this.tee = tee;
    this.readable.owner = tee.stream.owner;
    this.controller = tee.bytes
      ? new ByteController(this.readable, this, 0, undefined)
      : new DefaultController(this.readable, this, new Strategy(1, null));
  }

  start() {
    then(resolved(undefined), () => this.controller.startNow());
  }

  put(chunk) {
    if (this.cancelled || !this.controller.canEnqueue) return;
    if (this.tee.bytes) this.controller.enqueueBytes(chunk);
    else this.controller.enqueue(chunk);
  }

  close() {
    if (!this.cancelled && this.controller.canEnqueue) this.controller.close();
  }

  // ---- the branch's underlying source ----
  pull() {
    this.tee.pull();
  }

  cancel(reason) {
    this.cancelled = true;
    this.reason = reason;
    return this.tee.cancel();
  }
}

function isWhole(value) {
  return typeof value === "string" || isView(value);
}

/** [branch, branch] of Readables. The stream must not be locked. */
export function teeReadable(stream) {
  const whole = stream.whole;
  if (isUntouched(stream) && isWhole(whole)) {
    const branches = [wholeReadable(whole), wholeReadable(whole)];
    branches[0].owner = stream.owner;
    branches[1].owner = stream.owner;
    stream.disturbed = true;
    new Reader(stream, false);
    return branches;
  }
  const tee = new Tee(stream);
  return [tee.first.readable, tee.second.readable];
}
