// `new WebSocket(url)`: a subrequest that asks for an upgrade. https://websockets.spec.whatwg.org/#dom-websocket-websocket

import { host } from "../core/host.js";
import { typeError } from "../core/errors.js";
import {
  NativeError, NativeMap, arrayPush, isArray, mapDelete, mapSet, resolved, stringCharCodeAt, stringIndexOf, stringSlice,
  stringStartsWith, then,
} from "../core/primordials.js";
import { DOMException } from "../events/dom_exception.js";
import { headersFromHead, listOf } from "../fetch/headers.js";
import { parseHref } from "../url/url.js";
import { accept, attach, failConnection, kReleased, tellOpen } from "./socket.js";

const kNone = 0;
const kManual = 1;  // a redirect is an answer that is not 101
const kSwitchingProtocols = 101;

function refuse(what) {
  return new DOMException(`WebSocket Constructor: ${what}`, "SyntaxError");
}

function isToken(text) {
  if (text === "") return false;
  for (let i = 0; i < text.length; i++) {
    const code = stringCharCodeAt(text, i);
    if (code <= 0x20 || code >= 0x7f || stringIndexOf("()<>@,;:\\/[]?={}\"", text[i]) >= 0) return false;
  }
  return true;
}

/** The http(s) URL that a ws(s) URL stands for. */
function addressOf(text) {
  const href = parseHref(text);
  if (href === undefined) throw refuse("The url is invalid.");
  const secure = stringStartsWith(href, "wss:");
  if (!secure && !stringStartsWith(href, "ws:")) throw refuse("The url scheme must be ws or wss.");
  if (stringIndexOf(href, "#") >= 0) throw refuse("The url fragment must be empty.");
  return (secure ? "https" : "http") + stringSlice(href, stringIndexOf(href, ":"));
}

/** Value of Sec-WebSocket-Protocol. */
function protocolsOf(given) {
  if (!isArray(given)) {
    const protocol = `${given}`;
    if (!isToken(protocol)) throw refuse("The protocol header token is invalid.");
    return protocol;
  }
  if (given.length === 0) throw refuse("The protocols array cannot be empty.");
  const seen = [];
  let all = "";
  for (let i = 0; i < given.length; i++) {
    const protocol = `${given[i]}`;
    if (!isToken(protocol)) throw refuse("One of the protocol header tokens is invalid.");
    for (let k = 0; k < seen.length; k++) {
      if (seen[k] === protocol) throw refuse("The protocols header cannot have repeating values.");
    }
    arrayPush(seen, protocol);
    all += i === 0 ? protocol : `, ${protocol}`;
  }
  return all;
}

/** Stands for the socket among the invocation's subrequests until the answer is there. */
class Connecting {
  socket;
  id;
  inbound = null;
  pump = null;

  constructor(socket, id) {
    this.socket = socket;
    this.id = id;
  }

  release() {
    mapDelete(this.socket.record.subrequests, this.id);
  }

  respond(status, statusText, head) {
    this.release();
    const { socket, id } = this;
    if (status !== kSwitchingProtocols) {
      host.cancelFetch(socket.record.seq, id);
      failConnection(socket, typeError(
        "Failed to establish the WebSocket connection: expected server to reply with HTTP status code 101 (switching " +
          `protocols), but received ${status} instead.`));
      return;
    }
    const headers = listOf(headersFromHead(head, true));
    socket.protocol = headers.get("sec-websocket-protocol") ?? "";
    socket.extensions = headers.get("sec-websocket-extensions") ?? "";
    socket.connecting = null;
    attach(socket, id);
    accept(socket);
    tellOpen(socket);
  }

  fail(error) {
    this.release();
    failConnection(this.socket, error);
  }
}

/** Throws for bad arguments; otherwise the answer comes as an event of the socket. */
export function connect(socket, url, protocols) {
  const address = addressOf(url);
  let head = "upgrade\nwebsocket\n";
  if (protocols !== undefined) head += `sec-websocket-protocol\n${protocolsOf(protocols)}\n`;
  if (host.compatible("web_socket_compression")) head += "sec-websocket-extensions\npermessage-deflate\n";
  const { record } = socket;
  const id = host.fetch(record.seq, "GET", address, head, kNone, undefined, -1, kManual);
  socket.url = url;
  socket.connecting = new Connecting(socket, id);
  record.subrequests ??= new NativeMap();
  mapSet(record.subrequests, id, socket.connecting);
}

/** close() before the connection is there. */
export function disconnect(socket) {
  const { connecting } = socket;
  connecting.release();
  host.cancelFetch(socket.record.seq, connecting.id);
  socket.connecting = null;
  socket.phase = kReleased;
  then(resolved(undefined), () => {
    failConnection(socket, new NativeError("Called close before connection was established."));
  });
}
