// Socket: one end of a WebSocket, behind the object that a script holds.
//
// The two ends of a WebSocketPair begin as each other's `peer`, and what one sends waits in the other's queue. An end that
// goes out in a Response is released: from then on the platform's connection is on the other side of the end that stays,
// under a number (host.d.ts). A socket of fetch() or of `new WebSocket()` has its number from the start.
//
// The invocation goes on until the client's socket is over in both directions, and until what comes in on any other
// accepted connection has ended. A pair within the isolate keeps nothing alive.

import { host } from "../core/host.js";
import {
  NativeError, NativeMap, NativeUint8Array, copyBytes, mapGet, mapSet, resolved, then, toArrayBuffer,
} from "../core/primordials.js";
import { typeError } from "../core/errors.js";
import { events, forms } from "../core/lazy.js";
import { Queue } from "../streams/queue.js";
import { startTimer } from "../timers/timer.js";
import { reportException } from "../workers/global_events.js";
import { settle } from "../workers/invocation.js";

const { CloseEvent, ErrorEvent, Event, MessageEvent, eventState, listenersOf } = events.get();

export const kConnecting = 0;  // new WebSocket(), no answer yet
export const kWaiting = 1;     // neither accepted nor returned
export const kAccepted = 2;
export const kReleased = 3;    // returned in a Response, or never connected

const kStream = 2;
const kPipe = 3;

const kNoStatus = 1005;
const kLostCode = 1006;
const kInternalError = 1011;

// host.d.ts, Dispatch.socketClosed
const kEndClosed = 0;
const kEndBroken = 2;

const kLostReason = "WebSocket disconnected without sending Close frame.";

/** What waits in a queue: a message (a string or a Uint8Array), or the peer's closing. */
class Message {
  data;

  constructor(data) {
    this.data = data;
  }
}

class Closing {
  code;
  reason;
  clean;

  constructor(code, reason, clean) {
    this.code = code;
    this.reason = reason;
    this.clean = clean;
  }
}

export class Socket {
  /** The WebSocket. */
  handle = null;
  /** The invocation that made it. */
  record;
  phase;
  /** The other end of a pair, while that is in this isolate. */
  peer = null;
  /** The number of the platform's connection on the other side; -1: none. */
  id = -1;
  closedIncoming = false;
  closedOutgoing = false;
  /** Nothing can be sent any more, though close() was not called. */
  aborted = false;
  failed = false;
  /** The invocation waits for its end. */
  counted = false;
  autoReply;
  binaryType;
  url = null;
  protocol = "";
  extensions = "";
  /** Came from the peer, and is not delivered. */
  queue = new Queue();
  scheduled = false;
  /** The subrequest that will bring it about (connect.js). */
  connecting = null;

  constructor(record, phase) {
    this.record = record;
    this.phase = phase;
    this.autoReply = host.compatible("web_socket_auto_reply_to_close");
    this.binaryType = host.compatible("websocket_standard_binary_type") ? "blob" : "arraybuffer";
  }

  get readyState() {
    if (this.failed || (this.closedIncoming && (this.closedOutgoing || this.aborted))) return 3;
    if (this.closedIncoming || this.closedOutgoing) return 2;
    return this.phase === kConnecting ? 0 : 1;
  }
}

/** The connection `id` of the platform, on the other side of `socket` from now on. */
export function attach(socket, id) {
  const { record } = socket;
  socket.id = id;
  record.sockets ??= new NativeMap();
  mapSet(record.sockets, id, socket);
}

// ---- events -----------------------------------------------------------------------------------------------------

function fire(socket, event, type) {
  const state = eventState(event);
  state.trusted = true;
  listenersOf(socket.handle).dispatch(socket.handle, event, state, type);
}

/** Fires an event; an exception of a listener ends the socket. */
function tell(socket, event, type) {
  try {
    fire(socket, event, type);
  } catch (error) {
    reportException(error);
    fail(socket, error);
  }
}

function tellError(socket, error) {
  let message;
  try {
    message = `Uncaught ${error}`;
  } catch {
    message = "Uncaught exception";
  }
  try {
    fire(socket, new ErrorEvent("error", { __proto__: null, message, error }), "error");
  } catch (thrown) {
    reportException(thrown);
  }
}

function tellClose(socket, code, reason, wasClean) {
  tell(socket, new CloseEvent("close", { __proto__: null, code, reason, wasClean }), "close");
}

export function tellOpen(socket) {
  tell(socket, new Event("open"), "open");
}

function tellMessage(socket, data) {
  if (socket.closedIncoming) return;
  let given = data;
  if (typeof data !== "string") given = socket.binaryType === "blob" ? forms.get().newBlob(data, "") : toArrayBuffer(data);
  tell(socket, new MessageEvent("message", { __proto__: null, data: given }), "message");
}

// ---- the end ----------------------------------------------------------------------------------------------------

/** The invocation waits for `socket` from now on. */
export function count(socket) {
  socket.counted = true;
  socket.record.pending++;
}

/** Lets the invocation go when `socket` was the thing it waited for: after this turn, so that a listener can go on. */
function releaseIfOver(socket) {
  if (!socket.counted) return;
  const over = socket.aborted || (socket.closedIncoming && (socket.id !== 0 || socket.closedOutgoing));
  if (!over) return;
  socket.counted = false;
  const { record } = socket;
  if (record.ended) return;
  try {
    startTimer(record, 0, false, () => settle(record));
  } catch {
    settle(record);
  }
}

/** The socket cannot go on for a fault on this side. */
export function fail(socket, error) {
  if (socket.failed) return;
  socket.failed = true;
  socket.closedIncoming = true;
  socket.aborted = true;
  socket.queue.clear();
  if (socket.id >= 0) {
    if (!socket.record.ended) host.socketAbort(socket.record.seq, socket.id, kInternalError);
  } else if (socket.peer !== null) {
    receive(socket.peer, new Closing(kLostCode, kLostReason, false));
  }
  tellError(socket, error);
  releaseIfOver(socket);
}

/** A connection that was asked for did not come about. */
export function failConnection(socket, error) {
  socket.phase = kReleased;
  socket.closedIncoming = true;
  socket.aborted = true;
  tellError(socket, error);
  tellClose(socket, kLostCode, "Failed to establish websocket connection", false);
}

function peerClosed(socket, closing) {
  if (socket.closedIncoming) return;
  socket.closedIncoming = true;
  if (!closing.clean) {
    socket.aborted = true;
  } else if (socket.autoReply && !socket.closedOutgoing && !socket.aborted) {
    socket.closedOutgoing = true;
    transmit(socket, new Closing(closing.code, "", true));
  }
  tellClose(socket, closing.code, closing.reason, closing.clean);
  releaseIfOver(socket);
}

// ---- out --------------------------------------------------------------------------------------------------------

function transmit(socket, item) {
  if (socket.id >= 0) sendToHost(socket, item);
  else if (socket.peer !== null) receive(socket.peer, item);
}

function sendToHost(socket, item) {
  const { seq } = socket.record;
  if (item instanceof Message) host.socketSend(seq, socket.id, item.data);
  else if (item.clean) host.socketClose(seq, socket.id, item.code, item.reason);
  else host.socketAbort(seq, socket.id, kInternalError);
}

/** data: a well-formed string or a Uint8Array that may change afterwards. */
export function sendMessage(socket, data) {
  if (socket.id >= 0) host.socketSend(socket.record.seq, socket.id, data);
  else if (socket.peer !== null) receive(socket.peer, new Message(typeof data === "string" ? data : copyBytes(data)));
}

export function sendClose(socket, code, reason) {
  socket.closedOutgoing = true;
  transmit(socket, new Closing(code ?? kNoStatus, reason ?? "", true));
  releaseIfOver(socket);
}

// ---- in ---------------------------------------------------------------------------------------------------------

function receive(socket, item) {
  socket.queue.push(item);
  if (socket.phase === kAccepted) schedule(socket);
}

/** Delivers the queue, one item a microtask. */
function schedule(socket) {
  if (socket.scheduled || socket.queue.length === 0) return;
  socket.scheduled = true;
  then(resolved(undefined), () => {
    socket.scheduled = false;
    if (socket.queue.length === 0 || socket.record.ended) return;
    const item = socket.queue.shift();
    schedule(socket);
    if (item instanceof Message) tellMessage(socket, item.data);
    else peerClosed(socket, item);
  });
}

export function accept(socket) {
  socket.phase = kAccepted;
  const { record, id } = socket;
  if (id >= 0) host.socketAccept(record.seq, id);
  // The client's own socket is what the response waits for.
  if (id > 0) count(socket);
  schedule(socket);
}

// ---- the platform's side ----------------------------------------------------------------------------------------

/** host.d.ts, Dispatch.socketMessage */
export function socketMessage(record, id, data) {
  const socket = mapGet(record.sockets, id);
  if (socket !== undefined) tellMessage(socket, typeof data === "string" ? data : new NativeUint8Array(data));
}

/** host.d.ts, Dispatch.socketClosed */
export function socketClosed(record, id, end, code, reason) {
  const socket = mapGet(record.sockets, id);
  if (socket === undefined) return;
  if (end === kEndBroken && !socket.closedIncoming) tellError(socket, new NativeError(reason));
  const closing = end === kEndClosed ? new Closing(code, reason, true) : new Closing(kLostCode, kLostReason, false);
  if (!closing.clean) socket.aborted = true;
  if (socket.closedIncoming) {
    releaseIfOver(socket);
  } else if (socket.phase === kAccepted) {
    peerClosed(socket, closing);
  } else {
    socket.queue.push(closing);
  }
}

// ---- returned in a Response -------------------------------------------------------------------------------------

/** Throws when `socket` cannot be what a Response hands to the client. */
export function checkReturnable(socket) {
  switch (socket.phase) {
    case kConnecting:
      throw typeError("Can't return WebSocket in a Response if it was created with `new WebSocket()`");
    case kAccepted:
      throw typeError("Can't return WebSocket in a Response after calling accept().");
    case kReleased:
      throw typeError("Can't return WebSocket that was already used in a response.");
  }
}

/**
 * Hands `socket` to the client. respond(kind, from) sends the head; false: the platform refused it. True when the
 * response is over with that, because the platform joins two connections of its own.
 */
export function release(socket, respond) {
  const { record, id, peer } = socket;
  if (id >= 0) {
    if (!respond(kPipe, id)) return false;
    socket.phase = kReleased;
    return true;
  }
  if (!respond(kStream, undefined)) return false;
  socket.phase = kReleased;
  socket.peer = null;
  peer.peer = null;
  attach(peer, 0);
  peer.counted = true;  // for the response itself, which is pending already
  while (socket.queue.length > 0) sendToHost(peer, socket.queue.shift());
  if (peer.phase === kAccepted) host.socketAccept(record.seq, 0);
  releaseIfOver(peer);
  return false;
}
