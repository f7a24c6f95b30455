// Writable streams, transforms and pipes between streams. See core/lazy.js.

export { CompressionStream, DecompressionStream } from "../compression/compression_stream.js";
export { TextDecoderStream, TextEncoderStream } from "../encoding/text_streams.js";
export { FixedLengthStream, IdentityTransformStream } from "../streams/identity_transform.js";
export { pipe } from "../streams/pipe.js";
export { TransformStream, TransformStreamDefaultController } from "../streams/transform_stream.js";
export {
  WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter, writableOf,
} from "../streams/writable_stream.js";
