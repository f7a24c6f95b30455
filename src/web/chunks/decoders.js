// TextDecoder. See core/lazy.js.

export { Decoding, TextDecoder } from "../encoding/text_decoder.js";
