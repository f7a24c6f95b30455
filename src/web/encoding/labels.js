// Labels of the encodings we decode. https://encoding.spec.whatwg.org/#names-and-labels
// The other legacy encodings of the standard are not there (docs/web-gaps.md).

import { stringSlice, stringToLowerCase, stringCharCodeAt } from "../core/primordials.js";

const kNames = { __proto__: null };

function add(name, labels) {
  for (let i = 0; i < labels.length; i++) kNames[labels[i]] = name;
}

add("utf-8", ["unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "utf-8", "utf8", "x-unicode20utf8"]);
add("utf-16le", ["csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff", "utf-16", "utf-16le"]);
add("utf-16be", ["unicodefffe", "utf-16be"]);
add("windows-1252", [
  "ansi_x3.4-1968", "ascii", "cp1252", "cp819", "csisolatin1", "ibm819", "iso-8859-1", "iso-ir-100", "iso8859-1",
  "iso88591", "iso_8859-1", "iso_8859-1:1987", "l1", "latin1", "us-ascii", "windows-1252", "x-cp1252",
]);

function isSpace(code) {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0c || code === 0x0d;
}

/** The encoding's name in lower case, or undefined. https://encoding.spec.whatwg.org/#concept-encoding-get */
export function encodingOf(label) {
  let start = 0;
  let end = label.length;
  while (start < end && isSpace(stringCharCodeAt(label, start))) start++;
  while (end > start && isSpace(stringCharCodeAt(label, end - 1))) end--;
  return kNames[stringToLowerCase(stringSlice(label, start, end))];
}
