// WebSocket and WebSocketPair. https://websockets.spec.whatwg.org/, with the platform's additions: accept(), pairs, and
// sockets in Responses. https://developers.cloudflare.com/workers/runtime-apis/websockets/

import { host } from "../core/host.js";
import { brand, isObject, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface, toUSVString } from "../core/idl.js";
import { iteratorClass } from "../core/iterator.js";
import { events, forms } from "../core/lazy.js";
import { bytesOf, defineProperty, iterator, trunc } from "../core/primordials.js";
import { DOMException } from "../events/dom_exception.js";
import { checkOwner, requireCurrent } from "../workers/invocation.js";
import { connect, disconnect } from "./connect.js";
import {
  Socket, accept, attach, kAccepted, kConnecting, kReleased, kWaiting, sendClose, sendMessage,
} from "./socket.js";

const { EventTarget, listenersOf } = events.get();

const kInternal = {};
const kReasonBytesMax = 123;  // RFC 6455 §5.5

/** The Socket of a WebSocket, or undefined when the value is none. */
export let socketOf;

function own(socket) {
  checkOwner(socket.record, "Native");
  return socket;
}

function notAccepted() {
  return typeError(
    "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.");
}

const kReadyStates = {
  __proto__: null,
  READY_STATE_CONNECTING: 0, CONNECTING: 0, READY_STATE_OPEN: 1, OPEN: 1,
  READY_STATE_CLOSING: 2, CLOSING: 2, READY_STATE_CLOSED: 3, CLOSED: 3,
};

export class WebSocket extends EventTarget {
  #socket;
  #handlers = { __proto__: null, open: null, message: null, error: null, close: null };

  constructor(url, protocols = undefined) {
    super();
    if (url === kInternal) {
      this.#socket = protocols;
      protocols.handle = this;
      return;
    }
    requireArguments(arguments.length, 1, "WebSocket");
    const socket = new Socket(requireCurrent(), kConnecting);
    connect(socket, `${url}`, protocols);
    socket.handle = this;
    this.#socket = socket;
  }

  static {
    socketOf = (value) => (isObject(value) && #socket in value ? value.#socket : undefined);
  }

  get readyState() { brand(#socket in receiver(this)); return own(this.#socket).readyState; }
  get url() { brand(#socket in receiver(this)); return this.#socket.url; }
  get protocol() { brand(#socket in receiver(this)); return this.#socket.protocol; }
  get extensions() { brand(#socket in receiver(this)); return this.#socket.extensions; }

  get binaryType() { brand(#socket in receiver(this)); return this.#socket.binaryType; }
  set binaryType(value) {
    brand(#socket in receiver(this));
    const type = `${value}`;
    if (type === "blob" || type === "arraybuffer") this.#socket.binaryType = type;
  }

  get onopen() { brand(#socket in receiver(this)); return this.#handlers.open; }
  set onopen(handler) { brand(#socket in receiver(this)); this.#handle("open", handler); }
  get onmessage() { brand(#socket in receiver(this)); return this.#handlers.message; }
  set onmessage(handler) { brand(#socket in receiver(this)); this.#handle("message", handler); }
  get onerror() { brand(#socket in receiver(this)); return this.#handlers.error; }
  set onerror(handler) { brand(#socket in receiver(this)); this.#handle("error", handler); }
  get onclose() { brand(#socket in receiver(this)); return this.#handlers.close; }
  set onclose(handler) { brand(#socket in receiver(this)); this.#handle("close", handler); }

  /** Begins the delivery of events. */
  accept(options = undefined) {
    brand(#socket in receiver(this));
    const socket = own(this.#socket);
    if (socket.phase === kConnecting || socket.url !== null) {
      if (socket.phase === kAccepted) return;
      throw typeError("Websockets obtained from the 'new WebSocket()' constructor cannot call accept");
    }
    if (socket.phase === kReleased) throw typeError("Can't accept() WebSocket that was already used in a response.");
    if (socket.phase === kAccepted) return;
    if (isObject(options) && options.allowHalfOpen) socket.autoReply = false;
    accept(socket);
  }

  send(message) {
    brand(#socket in receiver(this));
    requireArguments(arguments.length, 1, "send");
    const data = bytesOf(message) ?? forms.evaluated?.blobBytes(message) ?? toUSVString(message);
    const socket = own(this.#socket);
    if (socket.closedOutgoing) throw typeError("Can't call WebSocket send() after close().");
    if (socket.aborted || socket.phase === kReleased) return;
    if (socket.phase !== kAccepted) throw notAccepted();
    sendMessage(socket, data);
  }

  close(code = undefined, reason = undefined) {
    brand(#socket in receiver(this));
    const status = code === undefined ? undefined : trunc(+code);
    const text = reason === undefined ? undefined : toUSVString(reason);
    const socket = own(this.#socket);
    if (socket.phase === kConnecting) {
      disconnect(socket);
      return;
    }
    if (socket.closedOutgoing || socket.aborted || socket.phase === kReleased) return;
    if (socket.phase !== kAccepted) throw notAccepted();
    if (status !== undefined && !mayClose(status)) {
      throw new DOMException(`Invalid WebSocket close code: ${status}.`, "InvalidAccessError");
    }
    if (text !== undefined) {
      if (status === undefined) {
        throw new DOMException(
          "If you specify a WebSocket close reason, you must also specify a code.", "InvalidAccessError");
      }
      // Without the flag the reason is cut to what a close frame holds.
      if (host.compatible("websocket_close_reason_byte_limit") && host.utf8Length(text) > kReasonBytesMax) {
        throw new DOMException(
          "WebSocket close reason must not be longer than 123 bytes when UTF-8 encoded.", "SyntaxError");
      }
    }
    sendClose(socket, status, text);
  }

  #handle(type, handler) {
    const listeners = listenersOf(this);
    const before = this.#handlers[type];
    if (before !== null) listeners.remove(type, before);
    this.#handlers[type] = isObject(handler) ? handler : null;
    if (isObject(handler)) listeners.add(type, handler, false);
  }
}
defineInterface(WebSocket, "WebSocket", kReadyStates);

/** The platform allows more than the standard, which has 1000 and 3000 to 4999. */
function mayClose(code) {
  return code >= 1000 && code < 5000 && code !== 1004 && code !== 1005 && code !== 1006 && code !== 1015;
}

function newWebSocket(socket) {
  return new WebSocket(kInternal, socket);
}

/** The WebSocket of a subrequest that was answered with 101. */
export function newFetchedWebSocket(record, id) {
  const socket = new Socket(record, kWaiting);
  attach(socket, id);
  return newWebSocket(socket);
}

const PairIterator = iteratorClass("WebSocketPair", (pair, index) => (index < 2 ? [index, pair[index]] : undefined));

export class WebSocketPair {
  constructor() {
    const record = requireCurrent();
    const first = new Socket(record, kWaiting);
    const second = new Socket(record, kWaiting);
    first.peer = second;
    second.peer = first;
    defineProperty(this, 0, { __proto__: null, value: newWebSocket(first), enumerable: true });
    defineProperty(this, 1, { __proto__: null, value: newWebSocket(second), enumerable: true });
  }

  [iterator]() { return new PairIterator(this, 1); }
}
defineInterface(WebSocketPair, "WebSocketPair");
