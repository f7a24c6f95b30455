// atob() and btoa(). https://html.spec.whatwg.org/#atob

import { host } from "../core/host.js";
import { requireArguments } from "../core/errors.js";
import { DOMException } from "../events/dom_exception.js";

export const functions = {
  __proto__: null,

  atob(data) {
    requireArguments(arguments.length, 1, "atob");
    const decoded = host.atob(`${data}`);
    if (decoded === null) {
      throw new DOMException(
        "atob() called with invalid base64-encoded data. (Only whitespace, '+', '/', alphanumeric ASCII, and up to " +
          "two terminal '=' signs when the input data length is divisible by 4 are allowed.)",
        "InvalidCharacterError");
    }
    return decoded;
  },

  btoa(data) {
    requireArguments(arguments.length, 1, "btoa");
    const encoded = host.btoa(`${data}`);
    if (encoded === null) {
      throw new DOMException(
        "btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.", "InvalidCharacterError");
    }
    return encoded;
  },
};
