// TextDecoder. https://encoding.spec.whatwg.org/#interface-textdecoder

import { brand, rangeError, receiver, typeError } from "../core/errors.js";
import { defineInterface, member } from "../core/idl.js";
import { NativeUint8Array, bytesOf, stringCharCodeAt, stringSlice } from "../core/primordials.js";
import { Utf16Decoder, Utf8Decoder, Windows1252Decoder } from "./decoders.js";
import { encodingOf } from "./labels.js";

const kEmpty = new NativeUint8Array(0);

/** What TextDecoder and TextDecoderStream share: the decoder, and the byte order mark at the start. */
export class Decoding {
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
