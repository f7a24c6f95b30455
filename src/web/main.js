// The platform's table of contents: every global a Worker sees, in order of dependence, and the way in for the engine.
// Runs once, when the base snapshot is made (host.d.ts).

import { setHost } from "./core/host.js";
import { defineGlobal } from "./core/idl.js";
import { Chunk, decoders, events, forms, readables, transforms, websockets } from "./core/lazy.js";
import { DOMException } from "./events/dom_exception.js";
import { TextEncoder } from "./encoding/text_encoder.js";
import { functions as base64 } from "./encoding/base64.js";
import { URL } from "./url/url.js";
import { URLSearchParams } from "./url/search_params.js";
import { Headers } from "./fetch/headers.js";
import { Request } from "./fetch/request.js";
import { Response } from "./fetch/response.js";
import { functions as fetching } from "./fetch/fetch.js";
import { Crypto, SubtleCrypto, crypto } from "./crypto/crypto.js";
import { installClock } from "./clock/date.js";
import { Performance, performance } from "./clock/performance.js";
import { functions as timers } from "./timers/timer.js";
import { Scheduler, scheduler } from "./timers/scheduler.js";
import { makeConsole } from "./console/console.js";
import { Navigator, navigator } from "./workers/navigator.js";
import { ExecutionContext } from "./workers/execution_context.js";
import { functions as cloning } from "./workers/structured_clone.js";
import { functions as globalEvents, setScope } from "./workers/global_events.js";
import { nodeGlobal, setNodeScope } from "./node/host.js";
import { dispatch } from "./workers/dispatch.js";

/** In the order in which scripts see them. Where a chunk stands, it has the interface. */
const interfaces = {
  __proto__: null,
  DOMException, Event: events, CloseEvent: events, CustomEvent: events, ErrorEvent: events, MessageEvent: events,
  PromiseRejectionEvent: events, EventTarget: events, AbortController: events, AbortSignal: events,
  ByteLengthQueuingStrategy: readables, CountQueuingStrategy: readables, ReadableStream: readables,
  ReadableStreamDefaultReader: readables, ReadableStreamBYOBReader: readables, ReadableStreamDefaultController: readables,
  ReadableByteStreamController: readables, ReadableStreamBYOBRequest: readables,
  WritableStream: transforms, WritableStreamDefaultWriter: transforms, WritableStreamDefaultController: transforms,
  TransformStream: transforms, TransformStreamDefaultController: transforms, IdentityTransformStream: transforms,
  FixedLengthStream: transforms, CompressionStream: transforms, DecompressionStream: transforms,
  TextEncoder, TextDecoder: decoders, TextEncoderStream: transforms, TextDecoderStream: transforms, URL, URLSearchParams,
  Blob: forms, File: forms, FormData: forms, Headers, Request, Response, WebSocket: websockets, WebSocketPair: websockets,
  Crypto, SubtleCrypto, Performance, Scheduler, Navigator,
  ExecutionContext, ExtendableEvent: events, FetchEvent: events, ScheduledEvent: events, ScheduledController: events,
};

const functionGroups = [base64, fetching, timers, cloning, globalEvents];

function evaluate(name) {
  return name in interfaces ? interfaces[name].get()[name] : nodeGlobal(name);
}

/** host.d.ts */
export function install(host, global, defineLazy) {
  setHost(host);
  setScope(global);
  setNodeScope(global, (name) => defineLazy(global, name, evaluate));
  for (const name in interfaces) {
    if (interfaces[name] instanceof Chunk) defineLazy(global, name, evaluate);
    else defineGlobal(global, name, interfaces[name]);
  }
  for (let i = 0; i < functionGroups.length; i++) {
    for (const name in functionGroups[i]) defineGlobal(global, name, functionGroups[i][name], true);
  }
  defineGlobal(global, "self", global, true);
  defineGlobal(global, "crypto", crypto, true);
  defineGlobal(global, "performance", performance, true);
  defineGlobal(global, "scheduler", scheduler, true);
  defineGlobal(global, "navigator", navigator, true);
  defineGlobal(global, "console", makeConsole());
  installClock(global);
  return dispatch;
}
