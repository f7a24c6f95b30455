// Makes Readables out of what the platform has: bytes in hand, or a source of its own.

import { byteLength } from "../core/primordials.js";
import { copyOfSource } from "../core/source.js";
import { ByteController } from "./byte_controller.js";
import { Readable } from "./readable.js";

/** A byte stream pulled from an internal source ({ pull(controller), cancel(reason) }); nothing is pulled ahead. */
export function byteReadable(source, highWaterMark = 0) {
  const readable = new Readable();
  new ByteController(readable, source, highWaterMark, undefined).startNow();
  return readable;
}

class WholeSource {
  #whole;

  constructor(whole) {
    this.#whole = whole;
  }

  pull(controller) {
    const whole = this.#whole;
    if (whole === null) return;
    this.#whole = null;
    const bytes = copyOfSource(whole);
    if (byteLength(bytes) > 0) controller.enqueueBytes(bytes);
    controller.close();
  }

  cancel() {
    this.#whole = null;
  }
}

/** A byte stream of a string (as UTF-8) or a Uint8Array, which must not change afterwards. */
export function wholeReadable(whole) {
  const readable = byteReadable(new WholeSource(whole));
  readable.whole = whole;
  return readable;
}
