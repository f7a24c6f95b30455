// Responding: from what a handler gave to the response on the wire.

import { host } from "../core/host.js";
import { bodyUsed, differentRequest, streamLocked, typeError } from "../core/errors.js";
import { bodies, websockets } from "../core/lazy.js";
import { markHandled, resolved, stringToLowerCase, then } from "../core/primordials.js";
import { findSubrequest } from "../fetch/fetch.js";
import { Coded, codingOf } from "../fetch/content_coding.js";
import { headersFromHead, listOf } from "../fetch/headers.js";
import { responseState } from "../fetch/response.js";
import { spend } from "../fetch/body.js";
import { cancelReadable, isLocked, isUntouched } from "../streams/readable.js";
import { settle } from "./invocation.js";

const kNone = 0;
const kInline = 1;
const kStream = 2;
const kPipe = 3;

/** Takes a handler's result: a Response, a promise of one, or anything else. */
export function respondWith(record, result) {
  const state = responseState(result);
  if (state !== undefined) {
    respond(record, state);
    return;
  }
  switch (host.promiseState(result)) {
    case 1:
      respondSettled(record, host.promiseResult(result));
      return;
    case 2:
      markHandled(result);
      fail(record, host.promiseResult(result));
      return;
    case 0:
      then(result, (value) => respondSettled(record, value), (error) => fail(record, error));
      return;
    default:
      // Not a promise: perhaps a thenable of the script's own.
      if (typeof result === "object" && result !== null) {
        then(resolved(result), (value) => respondSettled(record, value), (error) => fail(record, error));
      } else {
        respondSettled(record, result);
      }
  }
}

function respondSettled(record, value) {
  const state = responseState(value);
  if (state !== undefined) respond(record, state);
  else fail(record, typeError("Incorrect type for Promise: the Promise did not resolve to 'Response'."));
}

/** The handler failed, or gave what cannot be sent. */
export function fail(record, error) {
  if (record.ended || record.responded) return;
  record.responded = true;
  if (!record.cancelled) host.fail(record.seq, error);
  settle(record);
}

function respond(record, state) {
  if (record.ended || record.responded) return;
  const { body } = state;
  if (state.type === "error") {
    fail(record, typeError("Return value from serve handler must not be an error response (like Response.error())"));
    return;
  }
  if (state.webSocket !== null) {
    respondSocket(record, state);
    return;
  }
  const head = state.head();
  if (body === null) {
    if (send(record, state, head, kNone, undefined, -1)) settle(record);
    return;
  }
  if (body.owner !== undefined && body.owner !== record) {
    fail(record, differentRequest(body.ioType));
    return;
  }
  const { readable } = body;
  if (readable === null) {
    if (body.used) {
      fail(record, bodyUsed());
      return;
    }
    body.used = true;
    const coding = codingToApply(state, head);
    const source = coding === null ? body.source : bodies.get().codeWhole(coding, body.source);
    if (send(record, state, head, kInline, source, -1)) settle(record);
    return;
  }
  respondStream(record, state, head, readable);
}

/** The content coding that the platform adds, for the script has declared it. */
function codingToApply(state, head) {
  return state.encodeBody === "automatic" ? codingOf(head) : null;
}

/** Whether the client asked for a WebSocket. */
function asksForSocket(record) {
  const upgrade = listOf(headersFromHead(record.head, true)).get("upgrade");
  return upgrade !== null && stringToLowerCase(upgrade) === "websocket";
}

function respondSocket(record, state) {
  const { checkReturnable, release, socketOf } = websockets.get();
  const socket = socketOf(state.webSocket);
  try {
    if (!asksForSocket(record)) {
      throw typeError(
        "Worker tried to return a WebSocket in a response to a request which did not contain the header " +
          "\"Upgrade: websocket\".");
    }
    if (socket.record !== record) throw differentRequest("Native");
    checkReturnable(socket);
  } catch (error) {
    fail(record, error);
    return;
  }
  if (release(socket, (kind, from) => send(record, state, state.head(), kind, from, -1))) settle(record);
}

function respondStream(record, state, head, readable) {
  const { Pump, codeWhole, codedReadable, isInbound } = bodies.get();
  if (readable.disturbed) {
    fail(record, bodyUsed());
    return;
  }
  if (isLocked(readable)) {
    fail(record, streamLocked());
    return;
  }
  if (readable.owner !== undefined && readable.owner !== record) {
    fail(record, differentRequest("ReadableStreamSource"));
    return;
  }
  let whole = isUntouched(readable) ? readable.whole : null;
  let coding = codingToApply(state, head);
  if (whole instanceof Coded) {
    if (whole.coding === coding) {  // it stays as it came
      whole = whole.raw;
      coding = null;
    } else {
      whole = null;
    }
  }
  if (isInbound(whole) && coding === null) {
    spend(readable);
    whole.piped = true;
    whole.finished = true;
    if (!send(record, state, head, kPipe, whole.id, whole.readable.length)) return;
    // The response may be made of a request body that the script still writes: the invocation lasts as long.
    const subrequest = findSubrequest(record, whole.id);
    if (subrequest !== undefined && subrequest.pump !== null) subrequest.whenUploaded = () => settle(record);
    else settle(record);
    return;
  }
  if (whole !== null && !isInbound(whole)) {
    spend(readable);
    if (send(record, state, head, kInline, coding === null ? whole : codeWhole(coding, whole), -1)) settle(record);
    return;
  }
  if (record.cancelled) {
    record.responded = true;
    markHandled(cancelReadable(readable, undefined));
    settle(record);
    return;
  }
  const out = coding === null ? readable : codedReadable(coding, readable);
  if (!send(record, state, head, kStream, undefined, out.length)) return;
  record.pump = new Pump(record, 0, out, (failed, error) => {
    record.pump = null;
    if (failed) host.exception(record.seq, error);
    settle(record);
  });
  record.pump.run();
}

/** False when the platform refused the head: the invocation has failed then. */
function send(record, state, head, kind, body, length) {
  if (!record.cancelled) {
    try {
      host.respond(record.seq, state.status, state.statusText, head, kind, body, length);
    } catch (error) {
      fail(record, error);
      return false;
    }
  }
  record.responded = true;
  return true;
}

/** The client has gone: nothing is sent from now on, the response counts as done. True when other work is waited for. */
export function abandonResponse(record, reason) {
  record.cancelled = true;
  if (record.pump !== null) {
    record.pump.cancel(reason);
  } else if (!record.responded) {
    record.responded = true;
    settle(record);
  }
  return !record.ended && record.pending > (record.pump !== null ? 1 : 0);
}
