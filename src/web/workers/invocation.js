// Invocation: the record of one event being handled. Everything that does I/O remembers the record that made it.

import { host } from "../core/host.js";
import { contextEnded, differentRequest, disallowedInGlobalScope } from "../core/errors.js";
import { NativeMap, mapDelete, mapGet, mapSet } from "../core/primordials.js";

export class Invocation {
  seq;
  /** What host.done() still waits for: the response (body included) and each unsettled waitUntil promise. */
  pending = 1;
  /** The response is out, or never will be. */
  responded = false;
  /** The engine ended it; nothing may be asked of the host any more. */
  ended = false;
  /** The client went away. */
  cancelled = false;
  /** id -> Timer, made with the first timer. */
  timers = null;
  timersActive = 0;
  timersFinished = 0;
  /** id -> Subrequest, made with the first fetch(). */
  subrequests = null;
  /** number -> the Deferred of a rate limit call, made with the first. */
  rates = null;
  /** id -> Socket, made with the first connection. */
  sockets = null;
  /** The head of the incoming request (host.d.ts). */
  head = "";
  /** The Body of the incoming request, or null. */
  incoming = null;
  /** Inbound stream 0, when the request has a streamed body. */
  inbound = null;
  /** The pump of outbound stream 0, while the response body is written by the script. */
  pump = null;
  /** The signal of the incoming request, once somebody asked for it. */
  signal = null;

  constructor(seq) {
    this.seq = seq;
  }
}

// Records by number. A map that runs empty gives its table back and makes another for the next request: an entry that no
// invocation has keeps it.
const records = new NativeMap();
mapSet(records, 0, undefined);

export function findInvocation(seq) {
  return mapGet(records, seq);
}

export function keepInvocation(record) {
  mapSet(records, record.seq, record);
}

export function forgetInvocation(record) {
  mapDelete(records, record.seq);
}

// While a handler's synchronous part runs the record is known without asking the engine.
let running;

export function setRunning(record) {
  running = record;
}

/** The invocation on whose behalf the calling code runs; undefined in global scope. */
export function current() {
  return running !== undefined ? running : host.current();
}

/** The current invocation, for an operation that global scope may not do. */
export function requireCurrent() {
  const record = current();
  if (record === undefined) throw disallowedInGlobalScope();
  if (record.ended) throw contextEnded();
  return record;
}

/** Throws when `owner` is another invocation than the current one, or has ended. */
export function checkOwner(owner, type) {
  if (owner === undefined) return;
  if (current() !== owner) throw differentRequest(type);
  if (owner.ended) throw contextEnded();
}

/** One of the things host.done() waits for has finished. */
export function settle(record) {
  if (--record.pending !== 0 || record.ended) return;
  record.ended = true;
  forgetInvocation(record);
  host.done(record.seq);
}
