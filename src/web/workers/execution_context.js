// ExecutionContext: the `ctx` of a handler. https://developers.cloudflare.com/workers/runtime-apis/context/

import { host } from "../core/host.js";
import { brand, illegalConstructor, receiver, requireArguments } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { NativeError, jsonParse, resolved, then } from "../core/primordials.js";
import { current, forgetInvocation, settle } from "./invocation.js";

const kInternal = {};

/** Keeps the invocation going until `value` has settled; a rejection is recorded. */
export function waitFor(record, value) {
  if (record.ended) return;
  if (host.promiseState(value) === 1 || typeof value !== "object" || value === null) return;
  record.pending++;
  then(
    resolved(value),
    () => settle(record),
    (error) => {
      if (record.ended) return;
      host.exception(record.seq, error);
      settle(record);
    },
  );
}

/** A context that one invocation kept and another uses does what the other asks for itself. */
export function callerOf(record) {
  return current() ?? record;
}

/** Ends it now: outcome aborted, with the exception `reason`. */
export function abortInvocation(record, reason) {
  if (record.ended) return;
  record.responded = record.ended = true;
  forgetInvocation(record);
  host.abort(record.seq, reason);
}

export class ExecutionContext {
  #record;
  #props;
  #exports = undefined;

  constructor(token, record, props) {
    if (token !== kInternal) throw illegalConstructor();
    this.#record = record;
    this.#props = props;
  }

  waitUntil(promise) {
    brand(#record in receiver(this));
    requireArguments(arguments.length, 1, "waitUntil");
    waitFor(callerOf(this.#record), promise);
  }

  passThroughOnException() {
    brand(#record in receiver(this));
    const record = callerOf(this.#record);
    if (!record.ended) host.passThroughOnException(record.seq);
  }

  abort(reason = undefined) {
    brand(#record in receiver(this));
    abortInvocation(callerOf(this.#record), reason === undefined
      ? new NativeError("Worker execution was aborted due to call to ctx.abort().") : reason);
  }

  get props() { brand(#record in receiver(this)); return (this.#props ??= {}); }
  get exports() { brand(#record in receiver(this)); return (this.#exports ??= {}); }
}
defineInterface(ExecutionContext, "ExecutionContext");

/** props: of the service binding that the event came by, as JSON. */
export function newContext(record, props = undefined) {
  return new ExecutionContext(kInternal, record, props === undefined ? undefined : jsonParse(props));
}
