// multipart/form-data. RFC 7578; https://html.spec.whatwg.org/#multipart-form-data

import { host } from "../core/host.js";
import { typeError } from "../core/errors.js";
import {
  NativeUint8Array, arrayPush, byteLength, copyBytes, stringCharCodeAt, stringIndexOf, stringSlice,
  stringToLowerCase, stringTrim, subarray, typedArraySet,
} from "../core/primordials.js";
import { blobBytes, newFile } from "../blob/blob.js";
import { parameter } from "./mime_type.js";

function escapeName(name) {
  let result = "";
  for (let i = 0; i < name.length; i++) {
    const code = stringCharCodeAt(name, i);
    result += code === 0x0a ? "%0A" : code === 0x0d ? "%0D" : code === 0x22 ? "%22" : name[i];
  }
  return result;
}

function withNewlines(text) {
  let result = "";
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code === 0x0d) {
      result += "\r\n";
      if (i + 1 < text.length && stringCharCodeAt(text, i + 1) === 0x0a) i++;
    } else {
      result += code === 0x0a ? "\r\n" : text[i];
    }
  }
  return result;
}

/** { bytes, boundary } of the entries of a FormData. */
export function serializeMultipart(entries) {
  const boundary = `----WeirFormBoundary${host.randomUUID()}`;
  const pieces = [];
  for (let i = 0; i < entries.length; i++) {
    const [name, value] = entries[i];
    let head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(withNewlines(name))}"`;
    if (typeof value === "string") {
      arrayPush(pieces, host.utf8Encode(`${head}\r\n\r\n${withNewlines(value)}\r\n`));
    } else {
      const type = value.type || "application/octet-stream";
      head += `; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`;
      arrayPush(pieces, host.utf8Encode(head), blobBytes(value), host.utf8Encode("\r\n"));
    }
  }
  arrayPush(pieces, host.utf8Encode(`--${boundary}--\r\n`));
  let length = 0;
  for (let i = 0; i < pieces.length; i++) length += byteLength(pieces[i]);
  const bytes = new NativeUint8Array(length);
  for (let i = 0, at = 0; i < pieces.length; at += byteLength(pieces[i]), i++) typedArraySet(bytes, pieces[i], at);
  return { bytes, boundary };
}

function malformed() {
  return typeError("Malformed multipart/form-data body.");
}

function unescapeName(name) {
  let result = "";
  for (let i = 0; i < name.length; i++) {
    const three = stringSlice(name, i, i + 3);
    const plain = three === "%22" ? "\"" : three === "%0A" ? "\n" : three === "%0D" ? "\r" : undefined;
    if (plain === undefined) {
      result += name[i];
    } else {
      result += plain;
      i += 2;
    }
  }
  return result;
}

/** Appends the parts of `bytes` to `form`. The text is searched as Latin-1: one unit is one byte. */
export function parseMultipart(bytes, boundary, append) {
  const text = host.latin1Decode(bytes);
  const delimiter = `--${boundary}`;
  let at = stringIndexOf(text, delimiter);
  if (at !== 0 && (at < 2 || stringSlice(text, at - 2, at) !== "\r\n")) throw malformed();
  at += delimiter.length;
  for (;;) {
    if (stringSlice(text, at, at + 2) === "--") return;
    while (text[at] === " " || text[at] === "\t") at++;
    if (stringSlice(text, at, at + 2) !== "\r\n") throw malformed();
    at += 2;
    const headEnd = text[at] === "\r" ? at - 2 : stringIndexOf(text, "\r\n\r\n", at);
    if (headEnd < 0) throw malformed();
    const head = headEnd < at ? "" : host.utf8Decode(subarray(bytes, at, headEnd), false);
    const bodyStart = headEnd + 4;
    const bodyEnd = stringIndexOf(text, `\r\n${delimiter}`, bodyStart - 2);
    if (bodyEnd < 0) throw malformed();
    readPart(head, subarray(bytes, bodyStart, bodyEnd < bodyStart ? bodyStart : bodyEnd), append);
    at = bodyEnd + 2 + delimiter.length;
  }
}

function readPart(head, body, append) {
  let disposition;
  let type = "text/plain";
  for (let from = 0; from < head.length; ) {
    let end = stringIndexOf(head, "\r\n", from);
    if (end < 0) end = head.length;
    const colon = stringIndexOf(head, ":", from);
    if (colon < 0 || colon > end) throw malformed();
    const name = stringToLowerCase(stringTrim(stringSlice(head, from, colon)));
    const value = stringTrim(stringSlice(head, colon + 1, end));
    if (name === "content-disposition") disposition = value;
    else if (name === "content-type") type = value;
    from = end + 2;
  }
  if (disposition === undefined) throw malformed();
  const name = parameter(disposition, "name");
  if (name === undefined) throw malformed();
  const filename = parameter(disposition, "filename");
  if (filename === undefined) append(unescapeName(name), host.utf8Decode(body, false));
  else append(unescapeName(name), newFile(copyBytes(body), unescapeName(filename), stringToLowerCase(type)));
}
