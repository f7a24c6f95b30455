// Invocation: the record of one event being handled. Everything that does I/O remembers the record that made it.

import { host } from "../core/host.js";
import { contextEnded, differentRequest, disallowedInGlobalScope } from "../core/errors.js";
import { NativeError, NativeMap, captureStackTrace, jsonStringify, mapDelete, mapGet, mapSet } from "../core/primordials.js";

const kWarn = 3;  // host.d.ts, log

export class Invocation {
  /** A Frame without stores (async/frame.js). */
  record = this;
  stores = null;
  seq;
  /** What host.done() still waits for: the response (body included) and each unsettled waitUntil promise. */
  pending = 1;
  /** The response is out, or never will be. */
  responded = false;
  /** The engine ended it; nothing may be asked of the host any more. */
  ended = false;
  /** Another invocation was told that code of this one went on after its end. */
  toldTooLate = false;
  /** The client went away. */
  cancelled = false;
  /** One of its active timers, or null. */
  timer = null;
  /** id -> Timer, the active ones but that, made with the first. */
  otherTimers = null;
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

// The invocation whose event the turn delivers. What it settles may go on for another one.
let turn;
// handle_cross_request_promise_resolution: code that waited for a promise goes on as the invocation that waited, whoever
// settled it; without it, as the invocation of the turn.
let followsPromises = true;

export function setPromiseRule(follows) {
  followsPromises = follows;
}

/** A turn for `record` begins. */
export function setTurn(record) {
  turn = record;
  host.setCurrent(record);
}

/** The invocation on whose behalf the calling code runs; undefined in global scope. */
export function current() {
  if (running !== undefined) return running;
  if (!followsPromises) return turn;
  const record = host.current()?.record;
  if (record !== undefined && record.ended && record !== turn) tellTooLate(record);
  return record;
}

// Code of an invocation that is over goes on in the turn of another. That one is told, once; what the code asks of the
// platform fails with contextEnded().
function tellTooLate(record) {
  if (turn === undefined || record.toldTooLate) return;
  record.toldTooLate = true;
  const warning = new NativeError(
    "A promise was resolved or rejected from a different request context than the one it was created in. However, the " +
      "creating request has already been completed or canceled. Continuations for that request are unlikely to run " +
      "safely and have been canceled. If this behavior breaks your worker, consider setting the " +
      "`no_handle_cross_request_promise_resolution` compatibility flag for your worker.");
  warning.name = "Warning";
  captureStackTrace(warning, current);
  const text = typeof warning.stack === "string" ? warning.stack : `${warning.name}: ${warning.message}`;
  host.log(turn.seq, kWarn, `[${jsonStringify(text)}]`);
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
