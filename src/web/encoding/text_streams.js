// TextEncoderStream and TextDecoderStream. https://encoding.spec.whatwg.org/#interface-textencoderstream

import { host } from "../core/host.js";
import { brand, receiver, typeError } from "../core/errors.js";
import { defineInterface, toUSVString } from "../core/idl.js";
import { decoders, readables } from "../core/lazy.js";
import {
  NativeUint8Array, byteLength, bytesOf, fromCharCode, stringCharCodeAt, stringSlice,
} from "../core/primordials.js";
import { Transform, TransformStream, kInternalTransform } from "../streams/transform_stream.js";

const { Strategy } = readables.get();

const kEmpty = new NativeUint8Array(0);

/** Strings to bytes; a surrogate pair may be split over two chunks. */
class Encoding {
  #lead = "";

  transform(chunk, transform) {
    let text = this.#lead + `${chunk}`;
    this.#lead = "";
    if (text.length === 0) return;
    const last = stringCharCodeAt(text, text.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#lead = fromCharCode(last);
      text = stringSlice(text, 0, -1);
    }
    if (text.length === 0) return;
    const bytes = host.utf8Encode(toUSVString(text));
    if (byteLength(bytes) > 0) transform.enqueue(bytes);
  }

  flush(transform) {
    if (this.#lead !== "") transform.enqueue(host.utf8Encode("\ufffd"));
  }

  cancel() {}
}

export class TextEncoderStream extends TransformStream {
  #branded = true;

  constructor() {
    const transform = new Transform(new Encoding(), new Strategy(1, null), new Strategy(0, null));
    transform.start(undefined);
    super(kInternalTransform, transform);
  }

  get encoding() { brand(#branded in receiver(this)); return "utf-8"; }
}
defineInterface(TextEncoderStream, "TextEncoderStream");

class DecodingTransformer {
  #decoding;

  constructor(decoding) {
    this.#decoding = decoding;
  }

  transform(chunk, transform) {
    const bytes = bytesOf(chunk);
    if (bytes === undefined) throw typeError("TextDecoderStream: chunks must be an ArrayBuffer or a view of one.");
    const text = this.#decoding.decode(bytes, true);
    if (text !== "") transform.enqueue(text);
  }

  flush(transform) {
    const text = this.#decoding.decode(kEmpty, false);
    if (text !== "") transform.enqueue(text);
  }

  cancel() {}
}

export class TextDecoderStream extends TransformStream {
  #decoding;

  constructor(label = "utf-8", options = undefined) {
    const decoding = new (decoders.get().Decoding)(label, options);
    const transform = new Transform(new DecodingTransformer(decoding), new Strategy(1, null), new Strategy(0, null));
    transform.start(undefined);
    super(kInternalTransform, transform);
    this.#decoding = decoding;
  }

  get encoding() { brand(#decoding in receiver(this)); return this.#decoding.encoding; }
  get fatal() { brand(#decoding in receiver(this)); return this.#decoding.fatal; }
  get ignoreBOM() { brand(#decoding in receiver(this)); return this.#decoding.ignoreBOM; }
}
defineInterface(TextDecoderStream, "TextDecoderStream");
