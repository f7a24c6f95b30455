// Inbound: a body that arrives from the platform, chunk by chunk, as we ask. It is the source of a byte stream.

import { host } from "../core/host.js";
import { connectionLost, contextEnded, typeError } from "../core/errors.js";
import { NativeError, NativeUint8Array, byteLength, stringStartsWith } from "../core/primordials.js";
import { byteReadable } from "../streams/make.js";

export class Inbound {
  record;
  id;
  /** The stream as it was made; its contents may have moved on. */
  readable;
  controller;
  /** A read is outstanding at the host. */
  reading = false;
  finished = false;
  /** The body went elsewhere whole (kind pipe); nothing can be read here. */
  piped = false;

  constructor(record, id, length) {
    this.record = record;
    this.id = id;
    const readable = byteReadable(this);
    readable.whole = this;
    readable.length = length;
    readable.owner = record;
    this.readable = readable;
    this.controller = readable.controller;
  }

  // ---- source of the readable ----
  pull(controller) {
    if (this.reading || this.finished) return;
    if (this.record.ended) {
      controller.error(contextEnded());
      return;
    }
    this.reading = true;
    host.read(this.record.seq, this.id);
  }

  cancel() {
    if (this.finished) return;
    this.finished = true;
    if (!this.record.ended && !this.piped) host.cancelRead(this.record.seq, this.id);
  }

  // ---- events ----
  chunk(buffer) {
    this.reading = false;
    if (this.finished) return;
    const bytes = new NativeUint8Array(buffer);
    if (byteLength(bytes) > 0) this.controller.enqueueBytes(bytes);
    else this.controller.pull();
  }

  end() {
    this.reading = false;
    if (this.finished) return;
    this.finished = true;
    this.controller.close();
  }

  error(message) {
    this.reading = false;
    if (this.finished) return;
    this.finished = true;
    this.controller.error(message === "" ? connectionLost() : inboundError(message));
  }
}

function inboundError(message) {
  if (message === "Network connection lost.") return connectionLost();
  return stringStartsWith(message, "Can't read from request stream") ? typeError(message) : new NativeError(message);
}

/** Of what a Readable yields whole (Readable.whole). */
export function isInbound(whole) {
  return whole instanceof Inbound;
}
