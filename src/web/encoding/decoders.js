// Streaming decoders: decode(bytes, last) returns text and keeps an unfinished sequence for the next call.
// https://encoding.spec.whatwg.org/#decoding

import { host } from "../core/host.js";
import { typeError } from "../core/errors.js";
import { NativeUint8Array, byteLength, fromCharCode, stringCharCodeAt, stringSlice, stringToWellFormed, subarray,
  typedArraySet } from "../core/primordials.js";

const kEmpty = new NativeUint8Array(0);

function join(first, second) {
  if (byteLength(first) === 0) return second;
  const joined = new NativeUint8Array(byteLength(first) + byteLength(second));
  typedArraySet(joined, first, 0);
  typedArraySet(joined, second, byteLength(first));
  return joined;
}

/** How many bytes at the end begin a sequence that more bytes could complete (0 to 3). */
function unfinished(bytes) {
  const length = byteLength(bytes);
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back];
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const needed = byte >= 0xf0 ? (byte <= 0xf4 ? 4 : 0) : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 0;
    if (needed <= back) return 0;
    // A second byte that cannot follow ends the sequence here: let the decoder say so now.
    if (back >= 2) {
      const second = bytes[length - back + 1];
      const low = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
      const high = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
      if (second < low || second > high) return 0;
    }
    return back;
  }
  return 0;
}

export class Utf8Decoder {
  #fatal;
  #tail = kEmpty;

  constructor(fatal) {
    this.#fatal = fatal;
  }

  decode(bytes, last) {
    let all = join(this.#tail, bytes);
    this.#tail = kEmpty;
    if (!last) {
      const keep = unfinished(all);
      if (keep > 0) {
        const end = byteLength(all) - keep;
        this.#tail = new NativeUint8Array(subarray(all, end, end + keep));
        all = subarray(all, 0, end);
      }
    }
    return byteLength(all) === 0 ? "" : host.utf8Decode(all, this.#fatal);
  }
}

export class Utf16Decoder {
  #fatal;
  #high;  // index of a unit's high byte
  #byte = -1;
  #lead = "";

  constructor(fatal, bigEndian) {
    this.#fatal = fatal;
    this.#high = bigEndian ? 0 : 1;
  }

  decode(bytes, last) {
    const all = this.#byte < 0 ? bytes : join(single(this.#byte), bytes);
    this.#byte = -1;
    const length = byteLength(all);
    let text = this.#lead;
    this.#lead = "";
    for (let i = 0; i + 1 < length; i += 2) {
      text += fromCharCode((all[i + this.#high] << 8) | all[i + 1 - this.#high]);
    }
    const odd = length % 2 === 1;
    if (!last) {
      if (odd) this.#byte = all[length - 1];
      const end = text.length === 0 ? 0 : stringCharCodeAt(text, text.length - 1);
      if (end >= 0xd800 && end <= 0xdbff) {
        this.#lead = fromCharCode(end);
        text = stringSlice(text, 0, -1);
      }
    } else if (odd) {
      text = text.length > 0 && isLead(stringCharCodeAt(text, text.length - 1))
        ? stringSlice(text, 0, -1) + "\ufffd" : text + "\ufffd";
      if (this.#fatal) throw typeError("The encoded data was not valid for encoding utf-16");
    }
    return wellFormed(text, this.#fatal);
  }
}

function single(byte) {
  const bytes = new NativeUint8Array(1);
  bytes[0] = byte;
  return bytes;
}

function isLead(unit) {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function wellFormed(text, fatal) {
  const whole = stringToWellFormed(text);
  if (fatal && whole !== text) throw typeError("The encoded data was not valid for encoding utf-16");
  return whole;
}

// windows-1252, bytes 0x80 to 0x9F. https://encoding.spec.whatwg.org/index-windows-1252.txt
const kUpper =
  "\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f" +
  "\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178";

export class Windows1252Decoder {
  decode(bytes) {
    const text = host.latin1Decode(bytes);
    let result = "";
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const code = stringCharCodeAt(text, i);
      if (code < 0x80 || code > 0x9f) continue;
      result += stringSlice(text, from, i) + kUpper[code - 0x80];
      from = i + 1;
    }
    return from === 0 ? text : result + stringSlice(text, from);
  }
}
