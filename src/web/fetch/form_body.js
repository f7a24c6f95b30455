// Bodies as FormData. https://fetch.spec.whatwg.org/#dom-body-formdata

import { typeError } from "../core/errors.js";
import { arrayPush } from "../core/primordials.js";
import { sourceBytes } from "../core/source.js";
import { parseUrlencoded } from "../url/urlencoded.js";
import { asText } from "./body.js";
import { FormData, formEntries } from "./form_data.js";
import { essence, parameter } from "./mime_type.js";
import { parseMultipart } from "./multipart.js";

/** The FormData that a body of that Content-Type stands for; `all` is a string or a Uint8Array. */
export function parseForm(all, contentType) {
  const form = new FormData();
  const kind = contentType === null ? "" : essence(contentType);
  if (contentType === null) throw typeError("Parsing a Body as FormData requires a Content-Type header.");
  if (kind === "application/x-www-form-urlencoded") {
    const pairs = parseUrlencoded(asText(all));
    for (let i = 0; i < pairs.length; i++) arrayPush(formEntries(form), pairs[i]);
    return form;
  }
  if (kind === "multipart/form-data") {
    const boundary = parameter(contentType, "boundary");
    if (boundary === undefined) {
      throw typeError(
        "No boundary string in Content-Type header. The multipart/form-data MIME type requires a boundary parameter.");
    }
    parseMultipart(sourceBytes(all), boundary, (name, value) => {
      arrayPush(formEntries(form), [name, value]);
    });
    return form;
  }
  throw typeError(
    "Unrecognized Content-Type header value. FormData can only parse the following MIME types: multipart/form-data, " +
      "application/x-www-form-urlencoded.");
}
