// Response. https://fetch.spec.whatwg.org/#response-class

import { brand, isObject, rangeError, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { websockets } from "../core/lazy.js";
import { jsonStringify, stringCharCodeAt, trunc } from "../core/primordials.js";
import { parseHref } from "../url/url.js";
import { extractBody, mixinBody } from "./body.js";
import { Headers, copyHeaders, headOf, headersFromHead, isHeaders, listOf } from "./headers.js";

const kInternal = {};
const kTextHead = "content-type\ntext/plain;charset=UTF-8\n";

function isNullBodyStatus(status) {
  return status === 101 || status === 204 || status === 205 || status === 304;
}

function checkStatusText(text) {
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code > 0xff || (code < 0x20 && code !== 0x09) || code === 0x7f) throw typeError("Invalid statusText");
  }
  return text;
}

/** What the dispatcher sends, or undefined when the value is no Response. */
export let responseState;

class State {
  status = 200;
  statusText = "";
  headers = null;    // Headers, once there is something to say beyond the body's type
  immutable = false; // headers came with a fetch() and may not change
  body = null;
  url = "";
  redirected = false;
  type = "default";
  webSocket = null;
  cf = undefined;
  encodeBody = "automatic";

  head() {
    if (this.headers !== null) return headOf(this.headers);
    if (this.body === null || this.body.type === null) return "";
    const { type } = this.body;
    return type === "text/plain;charset=UTF-8" ? kTextHead : `content-type\n${type}\n`;
  }

  openHeaders() {
    this.headers ??= headersFromHead(this.head(), this.immutable);
    return this.headers;
  }
}

export class Response {
  #state;

  constructor(body = null, init = undefined) {
    if (body === kInternal) {
      this.#state = init;
      return;
    }
    const state = new State();
    this.#state = state;
    if (init !== undefined && init !== null) readInit(state, init);
    if (body !== null && body !== undefined) {
      if (isNullBodyStatus(state.status)) {
        throw typeError(`Response with null body status (101, 204, 205, or 304) cannot have a body.`);
      }
      setBody(state, extractBody(body));
    }
  }

  static {
    responseState = (value) => (isObject(value) && #state in value ? value.#state : undefined);
  }

  /** https://fetch.spec.whatwg.org/#dom-response-error */
  static error() {
    const state = new State();
    state.type = "error";
    state.status = 0;
    state.immutable = true;
    return new Response(kInternal, state);
  }

  /** https://fetch.spec.whatwg.org/#dom-response-redirect */
  static redirect(url, status = 302) {
    requireArguments(arguments.length, 1, "Response.redirect");
    const href = parseHref(`${url}`);
    if (href === undefined) throw typeError(`Unable to parse URL: ${url}`);
    const code = +status;
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308) {
      throw rangeError(`${status} is not a redirect status code.`);
    }
    const state = new State();
    state.status = code;
    state.immutable = true;
    state.headers = headersFromHead(`location\n${href}\n`, true);
    return new Response(kInternal, state);
  }

  /** https://fetch.spec.whatwg.org/#dom-response-json */
  static json(data, init = undefined) {
    requireArguments(arguments.length, 1, "Response.json");
    const text = jsonStringify(data);
    if (text === undefined) throw typeError("The data is not JSON serializable");
    const state = new State();
    if (init !== undefined && init !== null) readInit(state, init);
    if (isNullBodyStatus(state.status)) {
      throw typeError(`Response with null body status (101, 204, 205, or 304) cannot have a body.`);
    }
    const body = extractBody(text);
    body.type = "application/json";
    setBody(state, body);
    return new Response(kInternal, state);
  }

  get status() { brand(#state in receiver(this)); return this.#state.status; }
  get statusText() { brand(#state in receiver(this)); return this.#state.statusText; }
  get ok() { brand(#state in receiver(this)); return this.#state.status >= 200 && this.#state.status <= 299; }
  get headers() { brand(#state in receiver(this)); return this.#state.openHeaders(); }
  get url() { brand(#state in receiver(this)); return this.#state.url; }
  get redirected() { brand(#state in receiver(this)); return this.#state.redirected; }
  get type() { brand(#state in receiver(this)); return this.#state.type; }
  get webSocket() { brand(#state in receiver(this)); return this.#state.webSocket; }
  get cf() { brand(#state in receiver(this)); return this.#state.cf; }

  clone() {
    brand(#state in receiver(this));
    const from = this.#state;
    if (from.webSocket !== null) throw typeError("Cannot clone a response to a WebSocket handshake.");
    const to = new State();
    copyMeta(to, from);
    to.url = from.url;
    to.redirected = from.redirected;
    to.type = from.type;
    to.immutable = from.immutable;
    if (from.headers !== null) to.headers = copyHeaders(from.headers, from.immutable);
    to.body = from.body === null ? null : from.body.clone();
    return new Response(kInternal, to);
  }
}

mixinBody(
  Response.prototype,
  (self) => {
    const state = responseState(self);
    brand(state !== undefined);
    return state.body;
  },
  (self) => listOf(responseState(self).openHeaders()).get("content-type"),
);
defineInterface(Response, "Response");

function copyMeta(to, from) {
  to.status = from.status;
  to.statusText = from.statusText;
  to.webSocket = from.webSocket;
  to.cf = from.cf;
  to.encodeBody = from.encodeBody;
}

/** https://fetch.spec.whatwg.org/#initialize-a-response; init may be another Response. */
function readInit(state, init) {
  if (!isObject(init)) throw typeError("Response: the init argument must be an object.");
  const other = responseState(init);
  if (other !== undefined) {
    copyMeta(state, other);
    if (other.status === 0) state.status = 200;
    if (other.headers !== null || other.body !== null) state.headers = copyHeaders(other.openHeaders(), false);
    return;
  }
  const { status, statusText, headers, webSocket, cf, encodeBody } = init;
  if (webSocket !== undefined && webSocket !== null) {
    if (websockets.evaluated?.socketOf(webSocket) === undefined) {
      throw typeError(
        "Incorrect type for the 'webSocket' field on 'ResponseInit': the provided value is not of type 'WebSocket'.");
    }
    state.webSocket = webSocket;
  }
  if (status !== undefined) {
    const code = trunc(+status);
    if (!(code >= 200 && code <= 599) && !(code === 101 && state.webSocket !== null)) {
      throw rangeError("Responses may only be constructed with status codes in the range 200 to 599, inclusive.");
    }
    state.status = code;
  }
  if (state.webSocket !== null && state.status !== 101) {
    throw rangeError("Responses with a WebSocket must have status code 101.");
  }
  if (statusText !== undefined) state.statusText = checkStatusText(`${statusText}`);
  if (headers !== undefined) {
    state.headers = isHeaders(headers) ? copyHeaders(headers, false) : new Headers(headers);
  }
  if (cf !== undefined) state.cf = cf;
  if (encodeBody !== undefined) {
    if (encodeBody !== "automatic" && encodeBody !== "manual") {
      throw typeError(`encodeBody: unexpected value: ${encodeBody}`);
    }
    state.encodeBody = encodeBody;
  }
}

function setBody(state, body) {
  state.body = body;
  if (state.headers === null || body.type === null) return;
  const list = listOf(state.headers);
  if (!list.has("content-type")) list.append("content-type", body.type);
}

/** The Response of a subrequest. body: a Body or null; webSocket: of one that was answered with 101, else null. */
export function newFetchedResponse(status, statusText, head, body, url, redirected, webSocket) {
  const state = new State();
  state.status = status;
  state.statusText = statusText;
  state.headers = headersFromHead(head, true);
  state.immutable = true;
  state.body = body;
  state.webSocket = webSocket;
  state.url = url;
  state.redirected = redirected;
  return new Response(kInternal, state);
}
