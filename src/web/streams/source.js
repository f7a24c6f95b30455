// A script's underlying source, sink and transformer objects behind one internal interface each. An internal method may
// return undefined for "done, no need to wait"; a script's method always takes at least a microtask, as the standard
// has it. https://streams.spec.whatwg.org/#underlying-source-api

import { isObject, rangeError, typeError } from "../core/errors.js";
import { apply, resolved, rejected } from "../core/primordials.js";

function method(object, name, where) {
  const value = object[name];
  if (value === undefined) return undefined;
  if (typeof value !== "function") throw typeError(`${where}: ${name} must be a function.`);
  return value;
}

function invoke(fn, self, args) {
  try {
    return resolved(apply(fn, self, args));
  } catch (error) {
    return rejected(error);
  }
}

function optionsObject(given, where) {
  if (given === undefined || given === null) return undefined;
  if (!isObject(given)) throw typeError(`${where}: the first argument must be an object.`);
  return given;
}

export class ScriptSource {
  type;
  autoAllocateChunkSize;
  expectedLength = -1;
  #object;
  #start;
  #pull;
  #cancel;

  constructor(given) {
    const object = optionsObject(given, "ReadableStream");
    this.#object = object;
    if (object === undefined) return;
    const size = object.autoAllocateChunkSize;
    this.#cancel = method(object, "cancel", "ReadableStream");
    const expected = object.expectedLength;
    this.#pull = method(object, "pull", "ReadableStream");
    this.#start = method(object, "start", "ReadableStream");
    const type = object.type;
    if (type !== undefined && `${type}` !== "bytes") {
      throw typeError(`ReadableStream: "${type}" is not a type of underlying source.`);
    }
    this.type = type === undefined ? undefined : "bytes";
    if (size !== undefined) {
      this.autoAllocateChunkSize = +size;
      if (!(this.autoAllocateChunkSize >= 1)) throw typeError("autoAllocateChunkSize must be greater than 0.");
    }
    if (expected !== undefined) this.expectedLength = +expected;
  }

  /** Runs at once; what it throws leaves the constructor. Returns the script's value. */
  start(controller) {
    return this.#start === undefined ? undefined : apply(this.#start, this.#object, [controller]);
  }

  pull(controller) {
    return this.#pull === undefined ? resolved(undefined) : invoke(this.#pull, this.#object, [controller]);
  }

  cancel(reason) {
    return this.#cancel === undefined ? resolved(undefined) : invoke(this.#cancel, this.#object, [reason]);
  }
}

export class ScriptSink {
  #object;
  #start;
  #write;
  #close;
  #abort;

  constructor(given) {
    const object = optionsObject(given, "WritableStream");
    this.#object = object;
    if (object === undefined) return;
    this.#abort = method(object, "abort", "WritableStream");
    this.#close = method(object, "close", "WritableStream");
    this.#start = method(object, "start", "WritableStream");
    if (object.type !== undefined) throw rangeError("The type member is reserved.");
    this.#write = method(object, "write", "WritableStream");
  }

  start(controller) {
    return this.#start === undefined ? undefined : apply(this.#start, this.#object, [controller]);
  }

  write(chunk, controller) {
    return this.#write === undefined ? resolved(undefined) : invoke(this.#write, this.#object, [chunk, controller]);
  }

  close() {
    return this.#close === undefined ? resolved(undefined) : invoke(this.#close, this.#object, []);
  }

  abort(reason) {
    return this.#abort === undefined ? resolved(undefined) : invoke(this.#abort, this.#object, [reason]);
  }
}

export class ScriptTransformer {
  #object;
  #start;
  #transform;
  #flush;
  #cancel;

  constructor(given) {
    const object = optionsObject(given, "TransformStream");
    this.#object = object;
    if (object === undefined) return;
    this.#cancel = method(object, "cancel", "TransformStream");
    this.#flush = method(object, "flush", "TransformStream");
    if (object.readableType !== undefined) throw rangeError("The type member is reserved.");
    this.#start = method(object, "start", "TransformStream");
    this.#transform = method(object, "transform", "TransformStream");
    if (object.writableType !== undefined) throw rangeError("The type member is reserved.");
  }

  start(controller) {
    return this.#start === undefined ? undefined : apply(this.#start, this.#object, [controller]);
  }

  /** controller: the public one; enqueue: what an identity transform does with the chunk. */
  transform(chunk, controller, enqueue) {
    if (this.#transform !== undefined) return invoke(this.#transform, this.#object, [chunk, controller]);
    try {
      enqueue(chunk);
      return resolved(undefined);
    } catch (error) {
      return rejected(error);
    }
  }

  flush(controller) {
    return this.#flush === undefined ? resolved(undefined) : invoke(this.#flush, this.#object, [controller]);
  }

  cancel(reason) {
    return this.#cancel === undefined ? resolved(undefined) : invoke(this.#cancel, this.#object, [reason]);
  }
}
