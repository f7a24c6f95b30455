// Pump: writes a stream's chunks to an outbound body of the platform, within its credit.

import { host } from "../core/host.js";
import { typeError } from "../core/errors.js";
import { byteLength, bytesOf, markHandled } from "../core/primordials.js";
import { Repeating } from "../core/repeating.js";
import { Reader, cancelReadable, readFrom } from "../streams/readable.js";

export class Pump extends Repeating {
  record;
  id;
  reader;
  onEnd;
  ended = false;
  #waiting = false;  // for credit

  /** onEnd(failed, error) is called once, after the last byte was handed over or the body failed. */
  constructor(record, id, readable, onEnd) {
    super();
    this.record = record;
    this.id = id;
    this.reader = new Reader(readable, false);
    this.onEnd = onEnd;
  }

  /** Reads while there is credit. */
  step() {
    readFrom(this.reader, this);
  }

  credit() {
    if (!this.#waiting || this.ended) return;
    this.#waiting = false;
    this.run();
  }

  /** The receiver does not want the rest, or the client has gone. */
  cancel(reason) {
    if (this.ended) return;
    this.ended = true;
    markHandled(cancelReadable(this.reader.stream, reason));
    this.onEnd(false, undefined);
  }

  // ---- a read request ----
  chunk(value) {
    if (this.ended || this.record.ended) return;
    const bytes = bytesOf(value);
    if (bytes === undefined) {
      const error = typeError("This ReadableStream did not return bytes.");
      markHandled(cancelReadable(this.reader.stream, error));
      this.error(error);
      return;
    }
    if (byteLength(bytes) === 0 || host.write(this.record.seq, this.id, bytes) > 0) this.run();
    else this.#waiting = true;
  }

  close() {
    if (this.ended || this.record.ended) return;
    this.ended = true;
    host.writeEnd(this.record.seq, this.id);
    this.onEnd(false, undefined);
  }

  error(reason) {
    if (this.ended || this.record.ended) return;
    this.ended = true;
    host.writeAbort(this.record.seq, this.id, reason);
    this.onEnd(true, reason);
  }
}
