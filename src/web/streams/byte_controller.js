// ByteController: the state and algorithms of a byte stream, the platform's or a script's. What scripts hold of it is in
// byte_handles.js. https://streams.spec.whatwg.org/#rbs-controller-class

import { rangeError, typeError } from "../core/errors.js";
import { readables } from "../core/lazy.js";
import {
  NativeArrayBuffer,
  NativeUint8Array,
  bufferByteLength,
  bufferTransfer,
  byteLength,
  copyBytes,
  min,
  typedArrayConstructors,
  typedArraySet,
  viewBuffer,
  viewByteLength,
  viewByteOffset,
  viewType,
} from "../core/primordials.js";
import { ReadableController, kDoneSource } from "./controller.js";
import { Queue } from "./queue.js";
import { closeReadable, errorReadable } from "./readable.js";

const kElementSizes = {
  __proto__: null,
  Int8Array: 1, Uint8Array: 1, Uint8ClampedArray: 1, Int16Array: 2, Uint16Array: 2, Float16Array: 2, Int32Array: 4,
  Uint32Array: 4, Float32Array: 4, Float64Array: 8, BigInt64Array: 8, BigUint64Array: 8, DataView: 1,
};

export function elementSize(view) {
  return kElementSizes[viewType(view)] ?? 1;
}

/** A region some read wants filled. */
class PullInto {
  buffer;
  byteOffset;
  byteLength;
  filled = 0;
  minimum;
  elementSize;
  type;
  /** "default", "byob" or "none" */
  reader;

  constructor(buffer, byteOffset, length, minimum, size, type, reader) {
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.byteLength = length;
    this.minimum = minimum;
    this.elementSize = size;
    this.type = type;
    this.reader = reader;
  }

  /** The filled part as the reader's kind of view. */
  view() {
    const buffer = bufferTransfer(this.buffer);
    return new typedArrayConstructors[this.type](buffer, this.byteOffset, this.filled / this.elementSize);
  }
}

/** The controller's state and algorithms. Queue entries are Uint8Arrays in buffers of their own. */
export class ByteController extends ReadableController {
  highWaterMark;
  autoAllocate;
  pullIntos = new Queue();
  request = null;  // the live ReadableStreamBYOBRequest

  constructor(stream, source, highWaterMark, autoAllocate) {
    super(stream, source);
    this.highWaterMark = highWaterMark;
    this.autoAllocate = autoAllocate;
  }

  makeHandle() {
    return readables.get().newByteHandle(this);
  }

  clear() {
    this.source = kDoneSource;
  }

  close() {
    if (!this.canEnqueue) return;
    if (this.queue.length > 0) {
      this.closeRequested = true;
      return;
    }
    if (this.pullIntos.length > 0) {
      const first = this.pullIntos.peek();
      if (first.filled % first.elementSize !== 0) {
        const error = typeError("Insufficient bytes to fill elements in the given buffer");
        this.error(error);
        throw error;
      }
    }
    this.closeRequested = true;
    this.clear();
    closeReadable(this.stream);
    // A script's source answers pending BYOB reads with respond(0); an internal source has no request to do it with.
    if (this.handle === null && this.pullIntos.length > 0) this.respond(0);
  }

  error(reason) {
    if (this.stream.state !== "readable") return;
    this.invalidateRequest();
    this.pullIntos.clear();
    this.queue.clear();
    this.clear();
    errorReadable(this.stream, reason);
  }

  invalidateRequest() {
    if (this.request === null) return;
    readables.get().invalidate(this.request);
    this.request = null;
  }

  /**
   * Takes `bytes`, a Uint8Array whose buffer nobody else uses.
   * https://streams.spec.whatwg.org/#readable-byte-stream-controller-enqueue
   */
  enqueueBytes(bytes) {
    if (!this.canEnqueue) return;
    const reader = this.stream.reader;
    if (this.pullIntos.length > 0) {
      const first = this.pullIntos.peek();
      this.invalidateRequest();
      first.buffer = bufferTransfer(first.buffer);
      if (first.reader === "none") this.enqueueDetached(first);
    }
    if (reader !== null && !reader.byob) {
      while (this.queue.length > 0 && reader.requests.length > 0) this.fillRequestFromQueue(reader.requests.shift());
      if (reader.requests.length === 0) {
        this.queue.push(bytes, byteLength(bytes));
      } else {
        if (this.pullIntos.length > 0) this.pullIntos.shift();
        reader.requests.shift().chunk(bytes);
      }
    } else if (reader !== null) {
      this.queue.push(bytes, byteLength(bytes));
      this.commitFilled(this.fillPullIntos());
    } else {
      this.queue.push(bytes, byteLength(bytes));
    }
    this.pull();
  }

  enqueueDetached(pullInto) {
    if (pullInto.filled > 0) {
      const copy = copyBytes(new NativeUint8Array(pullInto.buffer, pullInto.byteOffset, pullInto.filled));
      this.queue.push(copy, byteLength(copy));
    }
    this.pullIntos.shift();
  }

  handleQueueDrain() {
    if (this.queue.total === 0 && this.closeRequested) {
      this.clear();
      closeReadable(this.stream);
    } else {
      this.pull();
    }
  }

  fillRequestFromQueue(request) {
    const bytes = this.queue.shift();
    this.handleQueueDrain();
    request.chunk(bytes);
  }

  /** Moves queued bytes into `pullInto`; true when it has what it needs. */
  fillFromQueue(pullInto) {
    const most = min(this.queue.total, pullInto.byteLength - pullInto.filled);
    const filledMost = pullInto.filled + most;
    const aligned = filledMost - (filledMost % pullInto.elementSize);
    let left = most;
    let ready = false;
    if (filledMost >= pullInto.minimum && aligned >= pullInto.minimum) {
      left = aligned - pullInto.filled;
      ready = true;
    }
    while (left > 0) {
      const head = this.queue.shift();
      const length = byteLength(head);
      const count = min(left, length);
      const buffer = viewBuffer(head);
      const offset = viewByteOffset(head);
      const target = new NativeUint8Array(pullInto.buffer, pullInto.byteOffset + pullInto.filled, count);
      typedArraySet(target, new NativeUint8Array(buffer, offset, count));
      const rest = length - count;
      if (rest > 0) this.queue.unshift(new NativeUint8Array(buffer, offset + count, rest), rest);
      pullInto.filled += count;
      left -= count;
    }
    return ready;
  }

  /** Fills what the queue can fill; returns a Queue of the filled. */
  fillPullIntos() {
    const filled = new Queue();
    while (this.pullIntos.length > 0 && this.queue.total > 0) {
      const first = this.pullIntos.peek();
      if (!this.fillFromQueue(first)) break;
      this.pullIntos.shift();
      filled.push(first);
    }
    return filled;
  }

  commitFilled(filled) {
    while (filled.length > 0) this.commit(filled.shift());
  }

  commit(pullInto) {
    const closed = this.stream.state === "closed";
    const view = pullInto.view();
    const request = this.stream.reader.requests.shift();
    if (closed) request.close(view);
    else request.chunk(view);
  }

  /** [[PullSteps]] of a default reader */
  read(request) {
    const reader = this.stream.reader;
    if (this.queue.total > 0) {
      this.fillRequestFromQueue(request);
      return;
    }
    if (this.autoAllocate !== undefined) {
      let buffer;
      try {
        buffer = new NativeArrayBuffer(this.autoAllocate);
      } catch (error) {
        request.error(error);
        return;
      }
      this.pullIntos.push(new PullInto(buffer, 0, this.autoAllocate, 1, 1, "Uint8Array", "default"));
    }
    reader.requests.push(request);
    this.pull();
  }

  /** https://streams.spec.whatwg.org/#readable-byte-stream-controller-pull-into */
  readInto(view, minimum, request) {
    const size = elementSize(view);
    let buffer;
    const offset = viewByteOffset(view);
    const length = viewByteLength(view);
    const type = viewType(view);
    try {
      buffer = bufferTransfer(viewBuffer(view));
    } catch (error) {
      request.error(error);
      return;
    }
    const pullInto = new PullInto(buffer, offset, length, minimum * size, size, type, "byob");
    const reader = this.stream.reader;
    if (this.pullIntos.length > 0) {
      this.pullIntos.push(pullInto);
      reader.requests.push(request);
      return;
    }
    if (this.stream.state === "closed") {
      request.close(new typedArrayConstructors[type](buffer, offset, 0));
      return;
    }
    if (this.queue.total > 0) {
      if (this.fillFromQueue(pullInto)) {
        const filled = pullInto.view();
        this.handleQueueDrain();
        request.chunk(filled);
        return;
      }
      if (this.closeRequested) {
        const error = typeError("Insufficient bytes to fill elements in the given buffer");
        this.error(error);
        request.error(error);
        return;
      }
    }
    this.pullIntos.push(pullInto);
    reader.requests.push(request);
    this.pull();
  }

  /** [[CancelSteps]] */
  cancel(reason) {
    this.invalidateRequest();
    this.pullIntos.clear();
    this.queue.clear();
    const source = this.source;
    this.clear();
    return source.cancel(reason);
  }

  /** [[ReleaseSteps]] */
  release() {
    if (this.pullIntos.length === 0) return;
    const first = this.pullIntos.peek();
    first.reader = "none";
    this.pullIntos.clear();
    this.pullIntos.push(first);
  }

  byobRequest() {
    if (this.request === null && this.pullIntos.length > 0) {
      const first = this.pullIntos.peek();
      const view = new NativeUint8Array(
        first.buffer, first.byteOffset + first.filled, first.byteLength - first.filled);
      this.request = readables.get().newByobRequest(this, view);
    }
    return this.request;
  }

  /** https://streams.spec.whatwg.org/#readable-byte-stream-controller-respond */
  respond(count) {
    const first = this.pullIntos.peek();
    if (this.stream.state === "closed") {
      if (count !== 0) throw typeError("bytesWritten must be 0 when the stream is closed.");
    } else {
      if (count === 0) throw typeError("bytesWritten must be greater than 0 while the stream is readable.");
      if (first.filled + count > first.byteLength) throw rangeError("bytesWritten is out of range.");
    }
    first.buffer = bufferTransfer(first.buffer);
    this.respondInternal(count);
  }

  respondWithNewView(view) {
    const first = this.pullIntos.peek();
    const length = viewByteLength(view);
    if (this.stream.state === "closed") {
      if (length !== 0) throw typeError("The view must be empty when the stream is closed.");
    } else if (length === 0) {
      throw typeError("The view must not be empty while the stream is readable.");
    }
    if (first.byteOffset + first.filled !== viewByteOffset(view)) throw rangeError("The view has another offset.");
    if (bufferByteLength(first.buffer) !== bufferByteLength(viewBuffer(view))) {
      throw rangeError("The view's buffer has another length.");
    }
    if (first.filled + length > first.byteLength) throw rangeError("The view is too long.");
    first.buffer = bufferTransfer(viewBuffer(view));
    this.respondInternal(length);
  }

  respondInternal(count) {
    const first = this.pullIntos.peek();
    this.invalidateRequest();
    if (this.stream.state === "closed") {
      if (first.reader === "none") this.pullIntos.shift();
      const reader = this.stream.reader;
      if (reader !== null && reader.byob) {
        const filled = new Queue();
        while (filled.length < reader.requests.length) filled.push(this.pullIntos.shift());
        this.commitFilled(filled);
      }
    } else {
      this.respondReadable(first, count);
    }
    this.pull();
  }

  respondReadable(pullInto, count) {
    pullInto.filled += count;
    if (pullInto.reader === "none") {
      this.enqueueDetached(pullInto);
      this.commitFilled(this.fillPullIntos());
      return;
    }
    if (pullInto.filled < pullInto.minimum) return;
    this.pullIntos.shift();
    const rest = pullInto.filled % pullInto.elementSize;
    if (rest > 0) {
      const end = pullInto.byteOffset + pullInto.filled;
      const copy = copyBytes(new NativeUint8Array(pullInto.buffer, end - rest, rest));
      this.queue.push(copy, rest);
    }
    pullInto.filled -= rest;
    const filled = this.fillPullIntos();
    this.commit(pullInto);
    this.commitFilled(filled);
  }
}
