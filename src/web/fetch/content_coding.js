// Content codings of response bodies. RFC 9110 §8.4; what is coded when: docs/decisions/0029
//
// The body of a subrequest's response is decoded when a script reads it, and passed on as it is when nobody does. The body
// of a script's own response is coded as its Content-Encoding says, unless encodeBody is "manual".

import { stringIndexOf, stringToLowerCase } from "../core/primordials.js";
import { headersFromHead, listOf } from "./headers.js";

/** "gzip" or "br", where the Content-Encoding of a head (host.d.ts) is that alone; else null. */
export function codingOf(head) {
  if (stringIndexOf(head, "content-encoding\n") < 0) return null;
  const value = listOf(headersFromHead(head, true)).get("content-encoding");
  if (value === null) return null;
  const coding = stringToLowerCase(value);
  return coding === "gzip" || coding === "br" ? coding : null;
}

/** What an untouched stream of decoded bytes stands for (Readable.whole). */
export class Coded {
  coding;
  /** An Inbound, or a Uint8Array. */
  raw;

  constructor(coding, raw) {
    this.coding = coding;
    this.raw = raw;
  }
}
