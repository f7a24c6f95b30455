// A source: what is here whole, as a string, which stands for its UTF-8, or as a Uint8Array that nobody changes.

import { host } from "./host.js";
import { NativeUint8Array, copyBytes } from "./primordials.js";

/** Of a whole body as the engine gives it: a string or an ArrayBuffer. */
export function sourceOf(whole) {
  return typeof whole === "string" ? whole : new NativeUint8Array(whole);
}

/** Its bytes, for who does not change them. */
export function sourceBytes(source) {
  return typeof source === "string" ? host.utf8Encode(source) : source;
}

/** Its bytes, for who may. */
export function copyOfSource(source) {
  return typeof source === "string" ? host.utf8Encode(source) : copyBytes(source);
}
