// CompressionStream and DecompressionStream. https://compression.spec.whatwg.org/

import { brand, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { bodies, readables } from "../core/lazy.js";
import { NativeUint8Array, byteLength, bytesOf } from "../core/primordials.js";
import { Transform, TransformStream, kInternalTransform } from "../streams/transform_stream.js";

const { Strategy } = readables.get();

function formatOf(value, where) {
  const format = `${value}`;
  if (format !== "gzip" && format !== "deflate" && format !== "deflate-raw") {
    throw typeError(`${where}: the format must be "gzip", "deflate" or "deflate-raw".`);
  }
  return format;
}

class Coding {
  codec;
  #where;
  #decompress;

  constructor(format, decompress, where) {
    this.codec = new (bodies.get().Codec)(format, !decompress);
    this.#where = where;
    this.#decompress = decompress;
  }

  transform(chunk, transform) {
    const bytes = bytesOf(chunk);
    if (bytes === undefined) throw typeError(`${this.#where}: chunks must be an ArrayBuffer or a view of one.`);
    if (byteLength(bytes) === 0) return;
    const { codec } = this;
    if (codec.finished) throw trailing();
    codec.feed(bytes);
    this.#drain(transform);
    if (codec.finished && byteLength(codec.rest()) > 0) throw trailing();
  }

  flush(transform) {
    const { codec } = this;
    codec.feed(kNothing);
    codec.end();
    this.#drain(transform);
    if (!this.#decompress || codec.finished) return;
    codec.close();
    throw typeError("Called close() on a decompression stream with incomplete data");
  }

  cancel() {
    this.codec.close();
  }

  #drain(transform) {
    for (let output = this.codec.next(); output !== undefined; output = this.codec.next()) transform.enqueue(output);
  }
}

const kNothing = new NativeUint8Array(0);

function trailing() {
  return typeError("Trailing bytes after end of compressed data");
}

function makeTransform(coding) {
  const transform = new Transform(coding, new Strategy(1, null), new Strategy(0, null));
  transform.start(undefined);
  return transform;
}

export class CompressionStream extends TransformStream {
  #branded = true;

  constructor(format) {
    requireArguments(arguments.length, 1, "CompressionStream");
    super(kInternalTransform, makeTransform(new Coding(formatOf(format, "CompressionStream"), false, "CompressionStream")));
  }

  get readable() { brand(#branded in receiver(this)); return super.readable; }
  get writable() { brand(#branded in receiver(this)); return super.writable; }
}
defineInterface(CompressionStream, "CompressionStream");

export class DecompressionStream extends TransformStream {
  #branded = true;

  constructor(format) {
    requireArguments(arguments.length, 1, "DecompressionStream");
    super(
      kInternalTransform, makeTransform(new Coding(formatOf(format, "DecompressionStream"), true, "DecompressionStream")));
  }

  get readable() { brand(#branded in receiver(this)); return super.readable; }
  get writable() { brand(#branded in receiver(this)); return super.writable; }
}
defineInterface(DecompressionStream, "DecompressionStream");
