// fetch(): a subrequest of the current invocation. https://fetch.spec.whatwg.org/#fetch-method
// The platform follows redirects and talks HTTP; here are the request's making, its body's way out and its answer.

import { host } from "../core/host.js";
import { connectionLost, requireArguments, standardError, typeError } from "../core/errors.js";
import { bodies, events, websockets } from "../core/lazy.js";
import {
  Deferred, NativeError, NativeMap, mapDelete, mapGet, mapSet, rejected, stringIndexOf, stringSlice,
} from "../core/primordials.js";
import { sourceBytes, sourceOf } from "../core/source.js";
import { DOMException, isDomName } from "../events/dom_exception.js";
import { isUntouched } from "../streams/readable.js";
import { requireCurrent } from "../workers/invocation.js";
import { Body, spend } from "./body.js";
import { Coded, codingOf } from "./content_coding.js";
import { headOf } from "./headers.js";
import { fetchState, isHttp, redirectNumber, signalFor } from "./request.js";
import { newFetchedResponse } from "./response.js";

const kNone = 0;
const kInline = 1;
const kStream = 2;
const kPipe = 3;

const kSwitchingProtocols = 101;

/** One outbound request, from fetch() until both bodies have ended. */
class Subrequest {
  record;
  id = 0;
  deferred = new Deferred();
  settled = false;
  signal = null;
  step = null;
  pump = null;
  inbound = null;
  /** Called once when the pump has ended. */
  whenUploaded = null;

  constructor(record) {
    this.record = record;
  }

  /** Forgets the subrequest once nothing can come for it any more. */
  release() {
    if (!this.settled || this.pump !== null || (this.inbound !== null && !this.inbound.finished)) return;
    mapDelete(this.record.subrequests, this.id);
    if (this.step !== null) {
      events.get().removeStep(this.signal, this.step);
      this.step = null;
    }
  }

  abort() {
    const reason = events.get().abortReason(this.signal);
    const { record } = this;
    if (record.ended) return;
    host.cancelFetch(record.seq, this.id);
    if (this.pump !== null) this.pump.cancel(reason);
    if (!this.settled) {
      this.settled = true;
      this.deferred.reject(reason);
    } else if (this.inbound !== null && !this.inbound.finished) {
      this.inbound.finished = true;
      this.inbound.controller.error(reason);
    }
    mapDelete(record.subrequests, this.id);
  }

  /** The request body is out, was not wanted any more, or has failed: then so does the request. */
  uploaded(failed, error) {
    this.pump = null;
    if (failed && !this.settled && !this.record.ended) {
      host.cancelFetch(this.record.seq, this.id);
      this.fail(error);
    } else {
      this.release();
    }
    const { whenUploaded } = this;
    this.whenUploaded = null;
    if (whenUploaded !== null) whenUploaded();
  }

  fail(error) {
    this.settled = true;
    this.deferred.reject(error);
    if (this.pump !== null) this.pump.cancel(error);
    this.release();
  }

  respond(status, statusText, head, kind, whole, length, url, redirected) {
    this.settled = true;
    const { record } = this;
    let body = null;
    const coding = kind === kNone ? null : codingOf(head);
    if (kind === kInline) {
      const source = sourceOf(whole);
      body = coding === null ? new Body(record, source, null, null)
        : new Body(record, null, bodies.get().decodedReadable(coding, sourceBytes(source), record), null);
    } else if (kind === kStream) {
      const { Inbound, decodedReadable } = bodies.get();
      this.inbound = new Inbound(record, this.id, length);
      const readable = coding === null ? this.inbound.readable : decodedReadable(coding, this.inbound, record);
      body = new Body(record, null, readable, null);
    }
    const webSocket = status === kSwitchingProtocols ? websockets.get().newFetchedWebSocket(record, this.id) : null;
    this.deferred.resolve(newFetchedResponse(status, statusText, head, body, url, redirected, webSocket));
    this.release();
  }
}

function start(record, state, service) {
  const { body } = state;
  const signal = signalFor(state);
  if (signal !== null) {
    const { abortReason, checkSignal, isAborted } = events.get();
    if (isAborted(signal)) throw abortReason(signal);
    checkSignal(signal);
  }
  if (!isHttp(state.url)) throw typeError(`Fetch API cannot load: ${state.url}`);
  const hash = stringIndexOf(state.url, "#");
  const url = hash < 0 ? state.url : stringSlice(state.url, 0, hash);
  const head = state.headers === null ? state.head : headOf(state.headers);
  const redirect = redirectNumber(state);

  const subrequest = new Subrequest(record);
  const seq = record.seq;
  if (body === null) {
    subrequest.id = host.fetch(seq, state.method, url, head, kNone, undefined, -1, redirect, service);
  } else {
    body.check();
    const { readable } = body;
    const whole = readable !== null && isUntouched(readable) ? readable.whole : null;
    if (body.source !== null && (readable === null || readable.whole !== null)) {
      const source = body.take();
      subrequest.id = host.fetch(seq, state.method, url, head, kInline, source, -1, redirect, service);
    } else if (bodies.evaluated?.isInbound(whole)) {
      spend(readable);
      whole.piped = true;
      whole.finished = true;
      subrequest.id = host.fetch(seq, state.method, url, head, kPipe, whole.id, readable.length, redirect, service);
    } else if (whole !== null && !(whole instanceof Coded)) {  // a stream that nobody has touched, of bytes that are all here
      spend(readable);
      subrequest.id = host.fetch(seq, state.method, url, head, kInline, whole, -1, redirect, service);
    } else {
      subrequest.id = host.fetch(
        seq, state.method, url, head, kStream, undefined, readable.length, redirect, service);
      const { Pump } = bodies.get();
      subrequest.pump = new Pump(record, subrequest.id, readable, (failed, error) => subrequest.uploaded(failed, error));
    }
  }
  record.subrequests ??= new NativeMap();
  mapSet(record.subrequests, subrequest.id, subrequest);
  if (signal !== null) {
    subrequest.signal = signal;
    subrequest.step = events.get().onAbort(signal, () => subrequest.abort());
  }
  if (subrequest.pump !== null) subrequest.pump.run();
  return subrequest.deferred.promise;
}

export function findSubrequest(record, id) {
  return record.subrequests === null ? undefined : mapGet(record.subrequests, id);
}

const kRefusedRedirect = "Response was redirected, but the request's redirect mode is \"error\".";

/** An exception of another script: its class where that is a standard one, and the mark that it came from there. */
function remoteError(name, message) {
  const known = standardError(name);
  const error = known !== undefined ? new known(message)
    : isDomName(name) ? new DOMException(message, name) : new NativeError(message);
  error.remote = true;
  return error;
}

function overloaded(message) {
  const error = new NativeError(message);
  error.overloaded = true;
  return error;
}

/** host.d.ts, Dispatch.responseError */
export function subrequestError(kind, message, name) {
  switch (kind) {
    case 4: return remoteError(name, message);
    case 5: return overloaded(message);
    case 0: return connectionLost();
    case 2: return typeError(message === "" ? kRefusedRedirect : message);
    case 3: return typeError("Too many redirects.");
    default: return new NativeError(message);
  }
}

/** A subrequest of the current invocation: to the network, or to a service binding by its number. */
export function fetchFrom(service, input, init) {
  const record = requireCurrent();
  try {
    return start(record, fetchState(input, init), service);
  } catch (error) {
    return rejected(error);
  }
}

export const functions = {
  __proto__: null,

  fetch(input, init = undefined) {
    requireArguments(arguments.length, 1, "fetch");
    return fetchFrom(0, input, init);
  },
};
