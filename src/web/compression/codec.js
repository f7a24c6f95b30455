// Codec: a compression or decompression in progress, as the streams and bodies use it. What the engine keeps for it
// cannot be part of a heap that is written: a top-level scope that compresses gives the heap up.

import { host } from "../core/host.js";
import { giveUpWrittenHeap } from "../core/late_builtins.js";
import { NativeUint8Array, byteLength, subarray } from "../core/primordials.js";

const kNothing = new NativeUint8Array(0);

export class Codec {
  #format;
  #compress;
  #handle = null;  // opened with the first bytes
  #input = kNothing;
  #offset = 0;
  #last = false;
  finished = false;

  constructor(format, compress) {
    this.#format = format;
    this.#compress = compress;
  }

  /** Bytes to take. What was fed before must have been drained. */
  feed(bytes) {
    this.#input = bytes;
    this.#offset = 0;
  }

  /** Nothing more is fed. */
  end() {
    this.#last = true;
  }

  /**
   * The next piece of output, 64 KB at most, or undefined: feed() more, or the codec has finished. Throws a TypeError for
   * bytes that are not of the format; the codec is closed then.
   */
  next() {
    if (this.finished) return undefined;
    if (this.#handle === null) {
      giveUpWrittenHeap("compression");
      this.#handle = host.codecOpen(this.#format, this.#compress);
    }
    try {
      for (;;) {
        const step = host.codecStep(this.#handle, this.#input, this.#offset, this.#last);
        const consumed = step[0];
        const output = step[2];
        this.#offset += consumed;
        if (step[1]) {
          this.finished = true;
          this.#release();
        }
        if (byteLength(output) > 0) return output;
        if (this.finished || consumed === 0) return undefined;
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** What was fed and lies behind the end of what has finished. */
  rest() {
    return subarray(this.#input, this.#offset, byteLength(this.#input));
  }

  close() {
    this.finished = true;
    this.#input = kNothing;
    this.#offset = 0;
    this.#release();
  }

  #release() {
    if (this.#handle !== null) host.codecClose(this.#handle);
    this.#handle = null;
  }
}
