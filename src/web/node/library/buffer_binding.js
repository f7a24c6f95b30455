// What Node's Buffer asks of C++: text to bytes and back, search, comparison. Bytes are a Uint8Array, often a Buffer.

import { atob, btoa, latin1Decode, utf8Decode, utf8EncodeInto, utf8Length } from "node:internal/host";

const { min } = Math;
const kUtf16Encoding = 3;  // binding.js, encodings
const kLatin1Encoding = 4;

function bytesOf(value) {
  if (value instanceof Uint8Array) return value;
  return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
}

/** The bytes from `start` until `end`, as a plain Uint8Array. */
function part(buffer, start = 0, end = buffer.length) {
  const from = min(start, buffer.length);
  const to = min(end, buffer.length);
  return new Uint8Array(buffer.buffer, buffer.byteOffset + from, to > from ? to - from : 0);
}

/** Where a write of at most `length` bytes goes. */
function room(buffer, offset = 0, length = buffer.length - offset) {
  return part(buffer, offset, offset + length);
}

const kHex = "0123456789abcdef";
const hexOfByte = Array.from({ length: 256 }, (_, byte) => kHex[byte >> 4] + kHex[byte & 15]);

function hexSlice(buffer, start, end) {
  let text = "";
  for (const byte of part(buffer, start, end)) text += hexOfByte[byte];
  return text;
}

function hexDigit(code) {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** As far as there are two digits. */
function hexWrite(buffer, text, offset, length) {
  const into = room(buffer, offset, length);
  let at = 0;
  for (; at < into.length && at * 2 + 1 < text.length; at++) {
    const byte = hexDigit(text.charCodeAt(at * 2)) << 4 | hexDigit(text.charCodeAt(at * 2 + 1));
    if (byte < 0) break;
    into[at] = byte;
  }
  return at;
}

function ucs2Slice(buffer, start, end) {
  const bytes = part(buffer, start, end);
  const units = new Uint16Array(bytes.slice(0, bytes.length & ~1).buffer);
  let text = "";
  for (let i = 0; i < units.length; i += 4096) text += String.fromCharCode(...units.subarray(i, i + 4096));
  return text;
}

function ucs2Write(buffer, text, offset, length) {
  const into = room(buffer, offset, length);
  const units = min(text.length, into.length >> 1);
  for (let i = 0; i < units; i++) {
    const unit = text.charCodeAt(i);
    into[i * 2] = unit;
    into[i * 2 + 1] = unit >> 8;
  }
  return units * 2;
}

function latin1WriteStatic(buffer, text, offset, length) {
  const into = room(buffer, offset, length);
  const count = min(text.length, into.length);
  for (let i = 0; i < count; i++) into[i] = text.charCodeAt(i);
  return count;
}

function utf8WriteStatic(buffer, text, offset, length) {
  return utf8EncodeInto(text, room(buffer, offset, length))[1];
}

const kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base64Digits = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) base64Digits[kAlphabet.charCodeAt(i)] = i;
base64Digits[45] = 62;  // "-" and "_" of base64url, in either
base64Digits[95] = 63;

/** What is no digit is passed over; "=" is the end. */
function base64Write(buffer, text, offset, length) {
  const into = room(buffer, offset, length);
  let at = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length && at < into.length; i++) {
    const code = text.charCodeAt(i) & 255;
    if (code === 61) break;
    const digit = code < 128 ? base64Digits[code] : -1;
    if (digit < 0) continue;
    bits = (bits << 6 | digit) & 0xffffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    into[at++] = bits >> held;
  }
  return at;
}

function base64Slice(buffer, start, end) {
  return btoa(latin1Decode(part(buffer, start, end)));
}

function base64urlSlice(buffer, start, end) {
  return base64Slice(buffer, start, end).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function asciiSlice(buffer, start, end) {
  return latin1Decode(part(buffer, start, end).map((byte) => byte & 0x7f));
}

function compareBytes(one, other) {
  const length = min(one.length, other.length);
  for (let i = 0; i < length; i++) if (one[i] !== other[i]) return one[i] < other[i] ? -1 : 1;
  return one.length === other.length ? 0 : one.length < other.length ? -1 : 1;
}

/** Where a search begins, -1: nowhere. */
function startOf(length, offset, needle, forward) {
  if (offset < 0) {
    if (length + offset >= 0) return length + offset;
    return forward || needle === 0 ? 0 : -1;
  }
  if (offset + needle <= length) return offset;
  if (needle === 0) return length;
  return forward ? -1 : length - 1;
}

/** Whether `needle` stands at `at` of `bytes`. */
function standsAt(bytes, at, needle) {
  for (let i = 0; i < needle.length; i++) if (bytes[at + i] !== needle[i]) return false;
  return true;
}

function indexOf(buffer, needle, offset, step, forward, end = buffer.length) {
  const bytes = part(buffer, 0, end);
  const start = startOf(bytes.length, offset, needle.length, forward);
  if (needle.length === 0) return start;
  if (start < 0 || bytes.length < step || needle.length < step || needle.length > bytes.length) return -1;
  const last = bytes.length - needle.length;
  let at = start - start % step;
  if (forward) {
    for (; at <= last; at += step) {
      if (step === 1 && (at = bytes.indexOf(needle[0], at)) < 0) return -1;
      if (at <= last && standsAt(bytes, at, needle)) return at;
    }
    return -1;
  }
  for (at = min(at, last - last % step); at >= 0; at -= step) if (standsAt(bytes, at, needle)) return at;
  return -1;
}

function needleOf(text, encoding) {
  const bytes = new Uint8Array(encoding === kUtf16Encoding ? text.length * 2 : encoding === kLatin1Encoding ? text.length : utf8Length(text));
  if (encoding === kUtf16Encoding) ucs2Write(bytes, text);
  else if (encoding === kLatin1Encoding) latin1WriteStatic(bytes, text);
  else utf8WriteStatic(bytes, text);
  return bytes;
}

function swap(buffer, width) {
  for (let i = 0; i + width <= buffer.length; i += width) part(buffer, i, i + width).reverse();
  return buffer;
}

const writers = {
  __proto__: null,
  utf8: utf8WriteStatic, latin1: latin1WriteStatic, ascii: latin1WriteStatic, hex: hexWrite, base64: base64Write,
  base64url: base64Write, utf16le: ucs2Write,
};

const aliases = { __proto__: null, ucs2: "utf16le", "ucs-2": "utf16le", "utf-16le": "utf16le", binary: "latin1" };

/** -1: a value without bytes; -2: out of bounds. */
function fill(buffer, value, start, end, encoding) {
  if (start < 0 || end > buffer.length) return -2;
  if (start >= end) return undefined;
  const into = part(buffer, start, end);
  let pattern;
  if (typeof value === "string") {
    const name = `${encoding}`.toLowerCase();
    const bytes = new Uint8Array(value.length * 3);
    pattern = bytes.subarray(0, (writers[aliases[name] ?? name] ?? utf8WriteStatic)(bytes, value));
  } else if (ArrayBuffer.isView(value)) {
    pattern = bytesOf(value);
  } else {
    into.fill(value & 255);
    return undefined;
  }
  if (pattern.length === 0) return -1;
  for (let i = 0; i < into.length; i++) into[i] = pattern[i % pattern.length];
  return undefined;
}

function isUtf8(value) {
  try {
    utf8Decode(bytesOf(value), true);
    return true;
  } catch {
    return false;
  }
}

export const buffer = {
  kMaxLength: Number.MAX_SAFE_INTEGER,
  kStringMaxLength: 2 ** 29 - 24,
  byteLengthUtf8: utf8Length,
  compare: compareBytes,
  compareOffset: (one, other, otherStart, oneStart, otherEnd, oneEnd) => compareBytes(part(one, oneStart, oneEnd), part(other, otherStart, otherEnd)),
  copy(source, target, targetStart, sourceStart, count) {
    target.set(part(source, sourceStart, sourceStart + count), targetStart);
    return count;
  },
  fill,
  isAscii: (value) => bytesOf(value).every((byte) => byte < 128),
  isUtf8,
  indexOfBuffer: (bytes, needle, offset, encoding, forward, end) => indexOf(bytes, needle, offset, encoding === kUtf16Encoding ? 2 : 1, forward, end),
  indexOfNumber: (bytes, number, offset, forward, end) => indexOf(bytes, [number & 255], offset, 1, forward, end),
  indexOfString: (bytes, text, offset, encoding, forward, end) => indexOf(bytes, needleOf(text, encoding), offset, encoding === kUtf16Encoding ? 2 : 1, forward, end),
  swap16: (bytes) => swap(bytes, 2),
  swap32: (bytes) => swap(bytes, 4),
  swap64: (bytes) => swap(bytes, 8),
  atob: (text) => atob(text) ?? -2,
  btoa: (text) => btoa(text) ?? -1,
  asciiSlice, base64Slice, base64urlSlice, hexSlice, ucs2Slice,
  latin1Slice: (bytes, start, end) => latin1Decode(part(bytes, start, end)),
  utf8Slice: (bytes, start, end) => utf8Decode(part(bytes, start, end), false),
  asciiWriteStatic: latin1WriteStatic,
  base64Write, base64urlWrite: base64Write, latin1WriteStatic, hexWrite, ucs2Write, utf8WriteStatic,
  arrayBufferAlignedOffset: () => 0,
  createUnsafeArrayBuffer: (size) => new ArrayBuffer(size),
  setDetachKey() {},
};
