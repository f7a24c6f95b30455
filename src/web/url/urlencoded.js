// application/x-www-form-urlencoded. https://url.spec.whatwg.org/#application/x-www-form-urlencoded

import { host } from "../core/host.js";
import {
  NativeUint8Array, arrayPush, byteLength, stringCharCodeAt, stringIndexOf, stringSlice, subarray,
} from "../core/primordials.js";
import { toUSVString } from "../core/idl.js";

function hexValue(code) {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}

/** Percent-decodes one name or value, "+" being a space; bytes that are not UTF-8 become U+FFFD. */
function decode(text) {
  let plain = true;
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code === 0x25 || code === 0x2b) {
      plain = false;
      break;
    }
  }
  if (plain) return text;
  const source = host.utf8Encode(text);
  const length = byteLength(source);
  const target = new NativeUint8Array(length);
  let end = 0;
  for (let i = 0; i < length; i++) {
    let byte = source[i];
    if (byte === 0x2b) byte = 0x20;
    else if (byte === 0x25 && i + 2 < length) {
      const high = hexValue(source[i + 1]);
      const low = hexValue(source[i + 2]);
      if (high >= 0 && low >= 0) {
        byte = high * 16 + low;
        i += 2;
      }
    }
    target[end++] = byte;
  }
  return host.utf8Decode(subarray(target, 0, end), false);
}

/** The pairs of `text`, in order: an array of [name, value]. */
export function parseUrlencoded(text) {
  const source = toUSVString(text);
  const pairs = [];
  let from = 0;
  while (from <= source.length) {
    let to = stringIndexOf(source, "&", from);
    if (to < 0) to = source.length;
    if (to > from) {
      const equals = stringIndexOf(source, "=", from);
      const split = equals >= 0 && equals < to ? equals : to;
      const name = decode(stringSlice(source, from, split));
      const value = split === to ? "" : decode(stringSlice(source, split + 1, to));
      arrayPush(pairs, [name, value]);
    }
    from = to + 1;
  }
  return pairs;
}

const kHex = "0123456789ABCDEF";

function isSafe(code) {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) ||
    code === 0x2a || code === 0x2d || code === 0x2e || code === 0x5f;
}

const kEncoded = [];
for (let byte = 0; byte < 256; byte++) {
  kEncoded[byte] = isSafe(byte)
    ? String.fromCharCode(byte) : byte === 0x20 ? "+" : `%${kHex[byte >> 4]}${kHex[byte & 15]}`;
}

function encode(text) {
  let safe = true;
  for (let i = 0; i < text.length; i++) {
    if (!isSafe(stringCharCodeAt(text, i))) {
      safe = false;
      break;
    }
  }
  if (safe) return text;
  const bytes = host.utf8Encode(text);
  const length = byteLength(bytes);
  let result = "";
  for (let i = 0; i < length; i++) result += kEncoded[bytes[i]];
  return result;
}

/** https://url.spec.whatwg.org/#concept-urlencoded-serializer; pairs of strings. */
export function serializeUrlencoded(pairs) {
  let result = "";
  for (let i = 0; i < pairs.length; i++) {
    if (i > 0) result += "&";
    result += `${encode(pairs[i][0])}=${encode(pairs[i][1])}`;
  }
  return result;
}
