// TextDecoder and TextDecoderStream. https://encoding.spec.whatwg.org/#interface-textdecoder

import { brand, rangeError, receiver, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { bytesOf, stringCharCodeAt, stringSlice } from "../core/primordials.js";
import { member } from "../events/event.js";
import { Strategy } from "../streams/strategies.js";
import { Transform, TransformStream, kInternalTransform } from "../streams/transform_stream.js";
import { Utf16Decoder, Utf8Decoder, Windows1252Decoder } from "./decoders.js";
import { encodingOf } from "./labels.js";

const kEmpty = new Uint8Array(0);

/** What TextDecoder and TextDecoderStream share: the decoder, and the byte order mark at the start. */
class Decoding {
  encoding;
  fatal;
  ignoreBOM;
  #decoder = null;
  #bomSeen = false;

  constructor(label, options) {
    const encoding = encodingOf(`${label}`);
    if (encoding === undefined) throw rangeError(`"${label}" is not a valid encoding label.`);
    this.encoding = encoding;
    this.fatal = !!member(options, "fatal");
    this.ignoreBOM = !!member(options, "ignoreBOM");
  }

  decode(bytes, stream) {
    if (this.#decoder === null) {
      this.#decoder = this.#make();
      this.#bomSeen = false;
    }
    let text;
    try {
      text = this.#decoder.decode(bytes, !stream);
    } catch (error) {
      this.#decoder = null;
      throw error;
    }
    if (!stream) this.#decoder = null;
    if (!this.#bomSeen && text.length > 0) {
      this.#bomSeen = true;
      if (!this.ignoreBOM && this.encoding !== "windows-1252" && stringCharCodeAt(text, 0) === 0xfeff) {
        text = stringSlice(text, 1);
      }
    }
    return text;
  }

  #make() {
    if (this.encoding === "utf-8") return new Utf8Decoder(this.fatal);
    if (this.encoding === "windows-1252") return new Windows1252Decoder();
    return new Utf16Decoder(this.fatal, this.encoding === "utf-16be");
  }
}

export class TextDecoder {
  #decoding;

  constructor(label = "utf-8", options = undefined) {
    this.#decoding = new Decoding(label, options);
  }

  get encoding() { brand(#decoding in receiver(this)); return this.#decoding.encoding; }
  get fatal() { brand(#decoding in receiver(this)); return this.#decoding.fatal; }
  get ignoreBOM() { brand(#decoding in receiver(this)); return this.#decoding.ignoreBOM; }

  decode(input = undefined, options = undefined) {
    brand(#decoding in receiver(this));
    const bytes = input === undefined ? kEmpty : bytesOf(input);
    if (bytes === undefined) throw typeError("decode(): the input must be an ArrayBuffer or a view of one.");
    return this.#decoding.decode(bytes, !!member(options, "stream"));
  }
}
defineInterface(TextDecoder, "TextDecoder");

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
    const decoding = new Decoding(label, options);
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
