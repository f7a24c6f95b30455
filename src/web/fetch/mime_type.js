// MIME types, as far as bodies need them. https://mimesniff.spec.whatwg.org/#parsing-a-mime-type

import { stringCharCodeAt, stringIndexOf, stringSlice, stringToLowerCase, stringTrim } from "../core/primordials.js";

/** "type/subtype" in lower case, without parameters. */
export function essence(contentType) {
  const end = stringIndexOf(contentType, ";");
  return stringToLowerCase(stringTrim(end < 0 ? contentType : stringSlice(contentType, 0, end)));
}

/** The value of a parameter of a header like `a; name=value; other="quo\"ted"`, or undefined. Names ignore case. */
export function parameter(header, name) {
  let at = stringIndexOf(header, ";");
  while (at >= 0 && at < header.length) {
    at++;
    while (at < header.length && stringCharCodeAt(header, at) <= 0x20) at++;
    let equals = at;
    while (equals < header.length && header[equals] !== "=" && header[equals] !== ";") equals++;
    if (header[equals] !== "=") {
      at = equals;
      continue;
    }
    const key = stringToLowerCase(stringTrim(stringSlice(header, at, equals)));
    let value = "";
    at = equals + 1;
    if (header[at] === "\"") {
      for (at++; at < header.length && header[at] !== "\""; at++) {
        if (header[at] === "\\" && at + 1 < header.length) at++;
        value += header[at];
      }
      while (at < header.length && header[at] !== ";") at++;
    } else {
      let end = stringIndexOf(header, ";", at);
      if (end < 0) end = header.length;
      value = stringTrim(stringSlice(header, at, end));
      at = end;
    }
    if (key === name) return value;
    if (at >= header.length) return undefined;
  }
  return undefined;
}
