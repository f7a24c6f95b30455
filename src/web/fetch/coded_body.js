// Bodies coded and decoded: what is done where content_coding.js finds a coding.

import { typeError } from "../core/errors.js";
import {
  NativeUint8Array, arrayPush, byteLength, bytesOf, markHandled, typedArraySet,
} from "../core/primordials.js";
import { Repeating } from "../core/repeating.js";
import { sourceBytes } from "../core/source.js";
import { Codec } from "../compression/codec.js";
import { byteReadable, wholeReadable } from "../streams/make.js";
import { Reader, cancelReadable, readFrom } from "../streams/readable.js";
import { Coded } from "./content_coding.js";
import { Inbound } from "./inbound.js";

const kNothing = new NativeUint8Array(0);

/**
 * The source of a stream whose bytes are another's, coded or decoded; it reads the other only when it is read. A coded
 * stream of nothing is nothing.
 */
class CodingSource extends Repeating {
  #coding;
  #compress;
  #codec;
  #from;
  #reader = null;
  #controller = null;
  #fed = false;
  #ended = false;
  #waiting = false;  // for #from

  constructor(coding, compress, from) {
    super();
    this.#coding = coding;
    this.#compress = compress;
    this.#codec = new Codec(coding, compress);
    this.#from = from;
  }

  pull(controller) {
    this.#controller = controller;
    this.#reader ??= new Reader(this.#from, false);
    this.run();
  }

  cancel(reason) {
    this.#codec.close();
    return cancelReadable(this.#from, reason);
  }

  /** One piece for the reader, or another read of what it is made from. */
  step() {
    if (this.#waiting) return;
    const controller = this.#controller;
    let output;
    try {
      output = this.#codec.next();
      while (output === undefined && this.#another()) output = this.#codec.next();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (output !== undefined) {
      controller.enqueueBytes(output);
    } else if (this.#ended) {
      if (this.#codec.finished || (!this.#compress && !this.#fed)) controller.close();
      else this.#fail(typeError("Decompression failed."));
    } else {
      this.#waiting = true;
      readFrom(this.#reader, this);
    }
  }

  /** Goes on with what lies behind the end of one gzip member, another member: RFC 1952 §2.2. */
  #another() {
    if (this.#compress || this.#coding !== "gzip" || !this.#codec.finished) return false;
    const rest = this.#codec.rest();
    if (byteLength(rest) === 0) return false;
    this.#codec = new Codec(this.#coding, false);
    this.#codec.feed(rest);
    return true;
  }

  #fail(error) {
    this.#codec.close();
    if (!this.#ended) markHandled(cancelReadable(this.#from, error));
    this.#controller.error(error);
  }

  // ---- a read request ----
  chunk(value) {
    this.#waiting = false;
    const bytes = bytesOf(value);
    if (bytes === undefined) {
      this.#fail(typeError("This ReadableStream did not return bytes."));
      return;
    }
    if (byteLength(bytes) > 0) {
      this.#fed = true;
      this.#codec.feed(bytes);  // behind the end of a body of another coding it is left out, as browsers do
    }
    this.run();
  }

  close() {
    this.#waiting = false;
    this.#ended = true;
    if (!this.#codec.finished) {
      this.#codec.feed(kNothing);
      this.#codec.end();
    }
    this.run();
  }

  error(reason) {
    this.#waiting = false;
    this.#ended = true;
    this.#codec.close();
    this.#controller.error(reason);
  }
}

/** A byte stream of what `raw` (an Inbound or a Uint8Array) decodes to; `raw` itself can be had while it is untouched. */
export function decodedReadable(coding, raw, owner) {
  const from = raw instanceof Inbound ? raw.readable : wholeReadable(raw);
  const readable = byteReadable(new CodingSource(coding, false, from));
  readable.whole = new Coded(coding, raw);
  readable.owner = owner;
  return readable;
}

/** A byte stream of `from`, coded. */
export function codedReadable(coding, from) {
  const readable = byteReadable(new CodingSource(coding, true, from));
  readable.owner = from.owner;
  return readable;
}

/** The bytes of a string or Uint8Array, coded. */
export function codeWhole(coding, source) {
  const codec = new Codec(coding, true);
  codec.feed(sourceBytes(source));
  codec.end();
  const pieces = [];
  let total = 0;
  for (let piece = codec.next(); piece !== undefined; piece = codec.next()) {
    arrayPush(pieces, piece);
    total += byteLength(piece);
  }
  const all = new NativeUint8Array(total);
  for (let i = 0, at = 0; i < pieces.length; at += byteLength(pieces[i]), i++) typedArraySet(all, pieces[i], at);
  return all;
}
