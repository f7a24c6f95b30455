// What scripts hold and make of readable streams. Bodies are read without it, until a script wants one as a stream. See core/lazy.js.

export { ReadableByteStreamController, ReadableStreamBYOBRequest, invalidate, newByobRequest, newByteHandle } from
  "../streams/byte_handles.js";
export { DefaultController, ReadableStreamDefaultController } from "../streams/default_controller.js";
export { moveReadable } from "../streams/move.js";
export { ReadableStreamBYOBReader, ReadableStreamDefaultReader } from "../streams/readable_reader.js";
export { ReadableStream, fromIterable, handleOf, readableOf } from "../streams/readable_stream.js";
export { ScriptSink, ScriptTransformer } from "../streams/source.js";
export { ByteLengthQueuingStrategy, CountQueuingStrategy, Strategy, checkedSize, readStrategy } from
  "../streams/strategies.js";
export { teeReadable } from "../streams/tee.js";
