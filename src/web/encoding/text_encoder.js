// TextEncoder. https://encoding.spec.whatwg.org/#interface-textencoder

import { host } from "../core/host.js";
import { brand, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { isView, viewType } from "../core/primordials.js";

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
