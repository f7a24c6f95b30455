// ReadableByteStreamController and ReadableStreamBYOBRequest: what scripts hold of a ByteController.
// https://streams.spec.whatwg.org/#rbs-controller-class

import { brand, illegalConstructor, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import {
  NativeUint8Array, bufferDetached, bufferTransfer, isView, viewBuffer, viewByteLength, viewByteOffset,
} from "../core/primordials.js";

const kInternal = {};

export let invalidate;

export class ReadableStreamBYOBRequest {
  #controller;
  #view;

  constructor(token, controller, view) {
    if (token !== kInternal) throw illegalConstructor();
    this.#controller = controller;
    this.#view = view;
  }

  static {
    invalidate = (request) => {
      request.#controller = null;
      request.#view = null;
    };
  }

  get view() { brand(#view in receiver(this)); return this.#view; }

  respond(bytesWritten) {
    brand(#view in receiver(this));
    requireArguments(arguments.length, 1, "respond");
    const count = +bytesWritten;
    if (!(count >= 0) || count === Infinity) throw typeError("bytesWritten must be a non-negative integer.");
    if (this.#controller === null) throw typeError("This BYOB request has been invalidated.");
    if (bufferDetached(viewBuffer(this.#view))) throw typeError("The view's buffer has been detached.");
    this.#controller.respond(count - (count % 1));
  }

  respondWithNewView(view) {
    brand(#view in receiver(this));
    requireArguments(arguments.length, 1, "respondWithNewView");
    if (!isView(view)) throw typeError("respondWithNewView(): the argument must be an ArrayBufferView.");
    if (this.#controller === null) throw typeError("This BYOB request has been invalidated.");
    if (bufferDetached(viewBuffer(view))) throw typeError("The view's buffer has been detached.");
    this.#controller.respondWithNewView(view);
  }
}

export class ReadableByteStreamController {
  #controller;

  constructor(token, controller) {
    if (token !== kInternal) throw illegalConstructor();
    this.#controller = controller;
  }

  get byobRequest() { brand(#controller in receiver(this)); return this.#controller.byobRequest(); }
  get desiredSize() { brand(#controller in receiver(this)); return this.#controller.desiredSize; }

  close() {
    brand(#controller in receiver(this));
    if (!this.#controller.canEnqueue) throw typeError("This ReadableStream is closed.");
    this.#controller.close();
  }

  enqueue(chunk) {
    brand(#controller in receiver(this));
    requireArguments(arguments.length, 1, "enqueue");
    if (!isView(chunk)) throw typeError("enqueue(): the chunk must be an ArrayBufferView.");
    const length = viewByteLength(chunk);
    if (length === 0) throw typeError("enqueue(): the chunk must not be empty.");
    if (!this.#controller.canEnqueue) throw typeError("Unable to enqueue: this ReadableStream is closed.");
    const offset = viewByteOffset(chunk);
    this.#controller.enqueueBytes(new NativeUint8Array(bufferTransfer(viewBuffer(chunk)), offset, length));
  }

  error(reason = undefined) {
    brand(#controller in receiver(this));
    this.#controller.error(reason);
  }
}
defineInterface(ReadableStreamBYOBRequest, "ReadableStreamBYOBRequest");
defineInterface(ReadableByteStreamController, "ReadableByteStreamController");

export function newByteHandle(controller) {
  return new ReadableByteStreamController(kInternal, controller);
}

export function newByobRequest(controller, view) {
  return new ReadableStreamBYOBRequest(kInternal, controller, view);
}
