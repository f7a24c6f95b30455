// Request. https://fetch.spec.whatwg.org/#request-class

import { brand, isObject, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { events } from "../core/lazy.js";
import { jsonParse, stringStartsWith, stringToUpperCase } from "../core/primordials.js";
import { parseHref } from "../url/url.js";
import { current } from "../workers/invocation.js";
import { extractBody, mixinBody } from "./body.js";
import { Headers, copyHeaders, headersFromHead, isHeaders, listOf, normalizeName } from "./headers.js";

const kInternal = {};

/** What fetch() sends, or undefined when the value is no Request. */
export let requestState;

// enable_request_signal: the signal of an incoming request aborts when its client goes; request_signal_passthrough: so do
// the subrequests made of it.
let clientAborts = false;
let passesOn = false;

export function setSignalRules(aborts, passes) {
  clientAborts = aborts;
  passesOn = aborts && passes;
}

/** The signal that ends a subrequest made of `state`, or null. */
export function signalFor(state) {
  if (state.incoming === null) return state.clients && !passesOn ? null : state.signal;
  return passesOn ? state.openSignal() : null;
}

class State {
  method = "GET";
  url = "";
  headers = null;     // Headers, made from `head` at first use
  head = "";
  immutable = false;
  body = null;
  redirect = "follow";
  signal = null;
  /** `signal` came with an incoming request, and was not asked for. */
  clients = false;
  cache = undefined;
  integrity = "";
  keepalive = false;
  cf = undefined;
  cfJson = undefined; // unparsed
  /** The invocation whose incoming request this is, for `signal`; null for a request a script made. */
  incoming = null;

  openHeaders() {
    this.headers ??= headersFromHead(this.head, this.immutable);
    return this.headers;
  }

  openCf() {
    if (this.cfJson !== undefined) {
      this.cf = jsonParse(this.cfJson);
      this.cfJson = undefined;
    }
    return this.cf;
  }

  openSignal() {
    if (this.signal !== null) return this.signal;
    const { newSignal } = events.get();
    if (this.incoming === null || !clientAborts) {
      this.signal = newSignal(undefined);  // nobody can abort it
      return this.signal;
    }
    this.signal = newSignal(this.incoming);
    if (!this.incoming.ended && this.incoming.signal === null) this.incoming.signal = this.signal;
    return this.signal;
  }
}

const kUpperMethods = { __proto__: null, DELETE: true, GET: true, HEAD: true, OPTIONS: true, POST: true, PUT: true };

/** https://fetch.spec.whatwg.org/#concept-method-normalize */
function readMethod(given) {
  const method = `${given}`;
  if (kUpperMethods[method]) return method;
  try {
    normalizeName(method);
  } catch {
    throw typeError(`Invalid HTTP method string: ${method}`);
  }
  const upper = stringToUpperCase(method);
  if (upper === "CONNECT" || upper === "TRACE" || upper === "TRACK") {
    throw typeError(`Invalid HTTP method string: ${method}`);
  }
  return kUpperMethods[upper] || upper === "PATCH" ? upper : method;
}

const kRedirects = { __proto__: null, follow: 0, manual: 1, error: 2 };
const kCacheModes = { __proto__: null, "no-store": true, "no-cache": true, reload: true };

export function redirectNumber(state) {
  return kRedirects[state.redirect];
}

export class Request {
  #state;

  constructor(input, init = undefined) {
    if (input === kInternal) {
      this.#state = init;
      return;
    }
    requireArguments(arguments.length, 1, "Request");
    const state = new State();
    this.#state = state;
    const other = requestState(input);
    if (other !== undefined) copyRequest(state, other, init);
    else state.url = readUrl(`${input}`);
    if (init !== undefined && init !== null) readInit(state, init, other);
    if (state.headers === null && state.head === "" && state.body !== null && state.body.type !== null) {
      state.head = `content-type\n${state.body.type}\n`;
    }
  }

  static {
    requestState = (value) => (isObject(value) && #state in value ? value.#state : undefined);
  }

  get method() { brand(#state in receiver(this)); return this.#state.method; }
  get url() { brand(#state in receiver(this)); return this.#state.url; }
  get headers() { brand(#state in receiver(this)); return this.#state.openHeaders(); }
  get redirect() { brand(#state in receiver(this)); return this.#state.redirect; }
  get signal() { brand(#state in receiver(this)); return this.#state.openSignal(); }
  get cf() { brand(#state in receiver(this)); return this.#state.openCf(); }
  get cache() { brand(#state in receiver(this)); return this.#state.cache; }
  get integrity() { brand(#state in receiver(this)); return this.#state.integrity; }
  get keepalive() { brand(#state in receiver(this)); return this.#state.keepalive; }
  get fetcher() { brand(#state in receiver(this)); return null; }

  clone() {
    brand(#state in receiver(this));
    const from = this.#state;
    const to = new State();
    copyMeta(to, from);
    to.immutable = false;
    if (from.headers !== null) to.headers = copyHeaders(from.headers, false);
    to.body = from.body === null ? null : from.body.clone();
    to.incoming = from.incoming;
    follow(to, from);
    return new Request(kInternal, to);
  }
}

mixinBody(
  Request.prototype,
  (self) => {
    const state = requestState(self);
    brand(state !== undefined);
    return state.body;
  },
  (self) => listOf(requestState(self).openHeaders()).get("content-type"),
);
defineInterface(Request, "Request");

function readUrl(text) {
  const href = parseHref(text);
  if (href === undefined) throw typeError(`Invalid URL: ${text}`);
  return href;
}

function copyMeta(to, from) {
  to.method = from.method;
  to.url = from.url;
  to.head = from.head;
  to.redirect = from.redirect;
  to.cache = from.cache;
  to.integrity = from.integrity;
  to.keepalive = from.keepalive;
  to.cf = from.cf;
  to.cfJson = from.cfJson;
}

/** `to` aborts with `from`'s signal. */
function follow(to, from) {
  const source = from.incoming !== null && clientAborts ? from.openSignal() : from.signal;
  if (source === null) return;
  to.clients = from.clients || from.incoming !== null;
  const { abortReason, isAborted, newSignal, onAbort, signalAbort } = events.get();
  const signal = newSignal(current());
  to.signal = signal;
  if (isAborted(source)) {
    signalAbort(signal, abortReason(source));
    return;
  }
  onAbort(source, () => signalAbort(signal, abortReason(source)));
}

function copyRequest(state, other, init) {
  copyMeta(state, other);
  if (other.headers !== null) state.headers = copyHeaders(other.headers, false);
  follow(state, other);
  if (other.body === null) return;
  const replaced = isObject(init) && init.body !== undefined && init.body !== null;
  if (replaced) return;
  // The body moves: the other request's is used from now on, this one can still be read and piped.
  other.body.check();
  state.body = other.body.move();
}

function isBodyless(method) {
  return method === "GET" || method === "HEAD";
}

function bodyWithGet() {
  return typeError("Request with a GET or HEAD method cannot have a body.");
}

/** https://fetch.spec.whatwg.org/#dom-request, from step 12: the dictionary. */
function readInit(state, init, other) {
  if (!isObject(init)) throw typeError("Request: the init argument must be an object.");
  const { method, headers, body, redirect, signal, cache, integrity, keepalive, cf } = init;
  if (method !== undefined) state.method = readMethod(method);
  if (redirect !== undefined) {
    const mode = `${redirect}`;
    if (kRedirects[mode] === undefined) {
      throw typeError("Invalid redirect value, must be one of \"follow\", \"manual\", or \"error\".");
    }
    state.redirect = mode;
  }
  if (headers !== undefined) {
    state.head = "";
    state.headers = isHeaders(headers) ? copyHeaders(headers, false) : new Headers(headers);
  }
  if (signal !== undefined && signal !== null) {
    if (!events.evaluated?.isSignal(signal)) throw typeError("Request: signal must be an AbortSignal.");
    state.signal = signal;
    const source = requestState(init);  // a Request as the dictionary has not asked for the signal it came with
    state.clients = source !== undefined && (source.incoming !== null || source.clients);
  } else if (signal === null) {
    state.signal = null;
  }
  if (cache !== undefined) {
    const mode = `${cache}`;
    if (kCacheModes[mode] === undefined && mode !== "default") throw typeError(`Unsupported cache mode: ${mode}`);
    state.cache = mode;
  }
  if (integrity !== undefined) state.integrity = `${integrity}`;
  if (keepalive !== undefined) state.keepalive = !!keepalive;
  if (cf !== undefined && cf !== null) {
    state.cf = cf;
    state.cfJson = undefined;
  }
  if (body !== undefined && body !== null) {
    if (isBodyless(state.method)) throw bodyWithGet();
    state.body = extractBody(body);
    if (state.body.type !== null) {
      const list = listOf(state.openHeaders());
      if (!list.has("content-type")) list.append("content-type", state.body.type);
    }
  } else if (state.body !== null && other !== undefined && method !== undefined && isBodyless(state.method)) {
    throw bodyWithGet();
  }
}

/** The state of a request for fetch(input, init): made from the arguments without a Request object. */
export function fetchState(input, init) {
  const state = requestState(input);
  if (state !== undefined && (init === undefined || init === null)) return state;
  if (state === undefined && (init === undefined || init === null)) {
    const made = new State();
    made.url = readUrl(`${input}`);
    return made;
  }
  return requestState(new Request(input, init));
}

/** The Request of an incoming event. body: a Body or null; cfJson: JSON text or undefined. */
export function newIncomingRequest(record, method, url, head, body, cfJson) {
  const state = new State();
  state.method = method;
  state.url = url;
  state.head = head;
  state.immutable = true;
  state.body = body;
  state.redirect = "manual";
  state.cfJson = cfJson;
  state.incoming = record;
  return new Request(kInternal, state);
}

export function isHttp(url) {
  return stringStartsWith(url, "http:") || stringStartsWith(url, "https:");
}
