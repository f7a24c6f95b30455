// Dispatch: the engine's events, turned into calls of the script. See host.d.ts.
//
// One invocation: fetch() makes its record, calls the handler, sends what it gives (responding.js). If everything is
// settled by then it is over, and no table ever knew it. Otherwise the record is kept for the events that follow.

import { host } from "../core/host.js";
import { arrive, standIn, withdraw } from "../core/late_builtins.js";
import { bodies, events, websockets } from "../core/lazy.js";
import { NativeError } from "../core/primordials.js";
import { sourceBytes, sourceOf } from "../core/source.js";
import { logWarning } from "../console/console.js";
import { DOMException } from "../events/dom_exception.js";
import { Body } from "../fetch/body.js";
import { findSubrequest, subrequestError } from "../fetch/fetch.js";
import { newIncomingRequest, setSignalRules } from "../fetch/request.js";
import { fireTimer } from "../timers/timer.js";
import { announceBindings, defineBindings } from "./bindings.js";
import { environment, environmentText, offerNodeGlobals } from "../node/host.js";
import { announceEnv, defineEnv, modules } from "./entrypoints.js";
import { newContext, waitFor } from "./execution_context.js";
import { dispatchGlobal, globalScope, hasListener, reportException, unhandledRejection } from "./global_events.js";
import { callHandler, isModule, startHandlers } from "./handlers.js";
import {
  Invocation, findInvocation, forgetInvocation, keepInvocation, setPromiseRule, setRunning, setTurn, settle,
} from "./invocation.js";
import { rateCounted } from "./rate_limit.js";
import { abandonResponse, fail, respondWith } from "./responding.js";

const kInline = 1;
const kStream = 2;

function incomingBody(record, kind, whole, length) {
  if (kind === kInline) return (record.incoming = new Body(record, sourceOf(whole), null, null));
  if (kind !== kStream) return null;
  const { Inbound } = bodies.get();
  record.inbound = new Inbound(record, 0, length);
  return (record.incoming = new Body(record, null, record.inbound.readable, null));
}

function fetchModule(record, request, entrypoint, props) {
  let result;
  setRunning(record);
  try {
    result = callHandler("fetch", request, newContext(record, props), entrypoint);
  } catch (error) {
    setRunning(undefined);
    fail(record, error);
    return;
  }
  setRunning(undefined);
  respondWith(record, result);
}

function fetchServiceWorker(record, request) {
  if (!hasListener("fetch")) {
    toOrigin(record);
    return;
  }
  const { closeFetchEvent, newFetchEvent } = events.get();
  const event = newFetchEvent(record, request);
  setRunning(record);
  try {
    dispatchGlobal(event, "fetch");
  } catch (error) {
    setRunning(undefined);
    fail(record, error);
    return;
  }
  setRunning(undefined);
  const { called, response } = closeFetchEvent(event);
  if (called) respondWith(record, response);
  else if (event.defaultPrevented) fail(record, preventedOnly());
  else toOrigin(record);
}

function preventedOnly() {
  return new NativeError("preventDefault() called but respondWith() not called");
}

/** A service worker did not respond: the request goes on to the origin. */
function toOrigin(record) {
  if (unusedBody(record) === undefined) {
    fail(record, new NativeError("Script consumed request body but didn't call respondWith(). Can't forward request."));
    return;
  }
  if (record.pending === 1 && host.hasPending(record.seq)) {
    logWarning(
      "FetchEvent handler did not call respondWith() before returning, but initiated some asynchronous task. That task " +
        "will be canceled and default handling will occur -- the request will be sent unmodified to your origin. Remember " +
        "that you must call respondWith() *before* the event handler returns, if you don't want default handling. You " +
        "cannot call it asynchronously later on. If you need to wait for I/O (e.g. a subrequest) before generating a " +
        "Response, then call respondWith() with a Promise (for the eventual Response) as the argument.");
  }
  record.responded = true;
  host.forward(record.seq);
  settle(record);
}

/** host.d.ts, Dispatch.unusedBody */
function unusedBody(record) {
  const body = record.incoming;
  if (body === null) return null;
  if (body.isUnusable()) return undefined;
  if (record.inbound !== null) return 0;
  return sourceBytes(body.source);
}

/** Finds the record of an event and makes it current; undefined when the invocation is over. */
function enter(seq) {
  setRunning(undefined);  // a turn that was terminated could not do it
  const record = findInvocation(seq);
  if (record === undefined || record.ended) return undefined;
  setTurn(record);
  return record;
}

function inboundOf(record, stream) {
  return stream === 0 ? record.inbound : (findSubrequest(record, stream)?.inbound ?? null);
}

function pumpOf(record, stream) {
  return stream === 0 ? record.pump : (findSubrequest(record, stream)?.pump ?? null);
}

export const dispatch = {
  start(handlers, named, env, stubs) {
    setTurn(undefined);
    setPromiseRule(host.compatible("handle_cross_request_promise_resolution"));
    setSignalRules(host.compatible("enable_request_signal"), host.compatible("request_signal_passthrough"));
    return startHandlers(handlers, named, env, stubs);
  },

  standIn() {
    standIn(globalScope());
  },

  withdraw,
  arrive,

  announceBindings(names, stubs) {
    announceBindings(globalScope(), names, stubs);
  },

  modules,
  announceEnv,
  defineEnv,

  announceProcessEnv(names) {
    announceBindings(environment, names, undefined, environmentText);
  },

  defineProcessEnv(values) {
    defineBindings(environment, values, undefined, environmentText);
  },

  offerNodeGlobals,

  defineBindings(values, stubs) {
    defineBindings(globalScope(), values, stubs);
  },

  fetch(seq, method, url, head, kind, body, length, cf, entrypoint, props) {
    const record = new Invocation(seq);
    record.head = head;
    setRunning(undefined);
    setTurn(record);
    const request = newIncomingRequest(
      record, method, url, head, kind === 0 ? null : incomingBody(record, kind, body, length), cf);
    keepInvocation(record);
    if (entrypoint !== "" || isModule()) fetchModule(record, request, entrypoint, props);
    else fetchServiceWorker(record, request);
  },

  unusedBody(seq) {
    const record = findInvocation(seq);
    return record === undefined ? undefined : unusedBody(record);
  },

  scheduled(seq, cron, scheduledTime) {
    const record = new Invocation(seq);
    setTurn(record);
    keepInvocation(record);
    let result;
    setRunning(record);
    try {
      if (isModule()) {
        result = callHandler("scheduled", events.get().newScheduledController(cron, scheduledTime), newContext(record), "");
      } else {
        if (!hasListener("scheduled")) throw new NativeError("No event listener registered for scheduled events.");
        dispatchGlobal(events.get().newScheduledEvent(record, cron, scheduledTime), "scheduled");
      }
    } catch (error) {
      setRunning(undefined);
      fail(record, error);
      return;
    }
    setRunning(undefined);
    record.responded = true;
    waitFor(record, result);
    settle(record);
  },

  timer(seq, id) {
    const record = enter(seq);
    if (record === undefined) return;
    setRunning(record);
    try {
      fireTimer(record, id);
    } catch (error) {
      setRunning(undefined);
      reportException(error);
      return;
    }
    setRunning(undefined);
  },

  response(seq, id, status, statusText, head, kind, body, length, url, redirected) {
    const record = enter(seq);
    if (record === undefined) return;
    findSubrequest(record, id)?.respond(status, statusText, head, kind, body, length, url, redirected);
  },

  responseError(seq, id, kind, message, name) {
    const record = enter(seq);
    if (record === undefined) return;
    findSubrequest(record, id)?.fail(subrequestError(kind, message, name));
  },

  rateCounted(seq, call, within) {
    const record = enter(seq);
    if (record !== undefined) rateCounted(record, call, within);
  },

  chunk(seq, stream, bytes) {
    const record = enter(seq);
    if (record !== undefined) inboundOf(record, stream)?.chunk(bytes);
  },

  chunkEnd(seq, stream) {
    const record = enter(seq);
    if (record === undefined) return;
    inboundOf(record, stream)?.end();
    if (stream > 0) findSubrequest(record, stream)?.release();
  },

  chunkError(seq, stream, message) {
    const record = enter(seq);
    if (record === undefined) return;
    inboundOf(record, stream)?.error(message);
    if (stream > 0) findSubrequest(record, stream)?.release();
  },

  credit(seq, stream, bytes) {
    const record = enter(seq);
    if (record !== undefined) pumpOf(record, stream)?.credit();
  },

  writeCancelled(seq, stream) {
    const record = enter(seq);
    if (record !== undefined) pumpOf(record, stream)?.cancel(new NativeError("The receiver does not want the rest."));
  },

  socketMessage(seq, id, data) {
    const record = enter(seq);
    if (record === undefined) return;
    setRunning(record);
    websockets.get().socketMessage(record, id, data);
    setRunning(undefined);
  },

  socketClosed(seq, id, end, code, reason) {
    const record = enter(seq);
    if (record === undefined) return;
    setRunning(record);
    websockets.get().socketClosed(record, id, end, code, reason);
    setRunning(undefined);
  },

  cancel(seq) {
    const record = enter(seq);
    if (record === undefined || record.cancelled) return false;
    const reason = new DOMException("The client has disconnected", "AbortError");
    setRunning(record);
    try {
      if (record.signal !== null) events.get().signalAbort(record.signal, reason);
    } catch (error) {
      reportException(error);
    }
    setRunning(undefined);
    return abandonResponse(record, reason);
  },

  ended(seq) {
    const record = findInvocation(seq);
    if (record === undefined) return;
    record.ended = true;
    forgetInvocation(record);
  },

  unhandledRejection(promise, reason) {
    return unhandledRejection(promise, reason);
  },
};
