// TextEncoder and TextEncoderStream. https://encoding.spec.whatwg.org/#interface-textencoder

import { host } from "../core/host.js";
import { brand, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface, toUSVString } from "../core/idl.js";
import { byteLength, fromCharCode, stringCharCodeAt, stringSlice, viewType, isView } from "../core/primordials.js";
import { Strategy } from "../streams/strategies.js";
import { Transform, TransformStream, kInternalTransform } from "../streams/transform_stream.js";

export class TextEncoder {
  #branded = true;

  get encoding() { brand(#branded in receiver(this)); return "utf-8"; }

  encode(input = "") {
    brand(#branded in receiver(this));
    return host.utf8Encode(typeof input === "string" ? input : `${input}`);
  }

  encodeInto(source, destination) {
    brand(#branded in receiver(this));
    requireArguments(arguments.length, 2, "encodeInto");
    const text = `${source}`;
    if (!isView(destination) || viewType(destination) !== "Uint8Array") {
      throw typeError("encodeInto(): the destination must be a Uint8Array.");
    }
    const counts = host.utf8EncodeInto(text, destination);
    return { read: counts[0], written: counts[1] };
  }
}
defineInterface(TextEncoder, "TextEncoder");

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
