// Bodies as streams: those that do not come or go whole, and the content codings of all. See core/lazy.js.

export { Codec } from "../compression/codec.js";
export { codeWhole, codedReadable, decodedReadable } from "../fetch/coded_body.js";
export { Inbound, isInbound } from "../fetch/inbound.js";
export { Pump } from "../fetch/pump.js";
export { ByteController, elementSize } from "../streams/byte_controller.js";
export { ReadableController, kDoneSource } from "../streams/controller.js";
export { byteReadable, wholeReadable } from "../streams/make.js";
