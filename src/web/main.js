// The platform's table of contents: every global a Worker sees, in order of dependence, and the way in for the engine.
// Runs once, when the base snapshot is made (host.d.ts).

import { setHost } from "./core/host.js";
import { defineGlobal } from "./core/idl.js";
import { DOMException } from "./events/dom_exception.js";
import { CloseEvent, CustomEvent, ErrorEvent, Event, MessageEvent, PromiseRejectionEvent } from "./events/event.js";
import { EventTarget } from "./events/event_target.js";
import { AbortController, AbortSignal } from "./events/abort.js";
import { ByteLengthQueuingStrategy, CountQueuingStrategy } from "./streams/strategies.js";
import { ReadableStream } from "./streams/readable_stream.js";
import { ReadableStreamBYOBReader, ReadableStreamDefaultReader } from "./streams/readable_reader.js";
import { ReadableStreamDefaultController } from "./streams/default_controller.js";
import { ReadableByteStreamController, ReadableStreamBYOBRequest } from "./streams/byte_controller.js";
import {
  WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter,
} from "./streams/writable_stream.js";
import { TransformStream, TransformStreamDefaultController } from "./streams/transform_stream.js";
import { FixedLengthStream, IdentityTransformStream } from "./streams/identity_transform.js";
import { CompressionStream, DecompressionStream } from "./compression/compression_stream.js";
import { TextEncoder, TextEncoderStream } from "./encoding/text_encoder.js";
import { TextDecoder, TextDecoderStream } from "./encoding/text_decoder.js";
import { functions as base64 } from "./encoding/base64.js";
import { URL } from "./url/url.js";
import { URLSearchParams } from "./url/search_params.js";
import { Blob, File } from "./blob/blob.js";
import { FormData } from "./fetch/form_data.js";
import { Headers } from "./fetch/headers.js";
import { Request } from "./fetch/request.js";
import { Response } from "./fetch/response.js";
import { WebSocket, WebSocketPair } from "./websocket/websocket.js";
import { functions as fetching } from "./fetch/fetch.js";
import { Crypto, SubtleCrypto, crypto } from "./crypto/crypto.js";
import { installClock } from "./clock/date.js";
import { Performance, performance } from "./clock/performance.js";
import { functions as timers } from "./timers/timer.js";
import { Scheduler, scheduler } from "./timers/scheduler.js";
import { makeConsole } from "./console/console.js";
import { Navigator, navigator } from "./workers/navigator.js";
import { ExecutionContext } from "./workers/execution_context.js";
import { ExtendableEvent, FetchEvent, ScheduledController, ScheduledEvent } from "./workers/extendable_event.js";
import { functions as cloning } from "./workers/structured_clone.js";
import { functions as globalEvents, setScope } from "./workers/global_events.js";
import { dispatch } from "./workers/dispatch.js";

const interfaces = {
  __proto__: null,
  DOMException, Event, CloseEvent, CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent, EventTarget, AbortController,
  AbortSignal,
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, ReadableStreamDefaultReader,
  ReadableStreamBYOBReader, ReadableStreamDefaultController, ReadableByteStreamController, ReadableStreamBYOBRequest,
  WritableStream, WritableStreamDefaultWriter, WritableStreamDefaultController, TransformStream,
  TransformStreamDefaultController, IdentityTransformStream, FixedLengthStream, CompressionStream, DecompressionStream,
  TextEncoder, TextDecoder, TextEncoderStream, TextDecoderStream, URL, URLSearchParams,
  Blob, File, FormData, Headers, Request, Response, WebSocket, WebSocketPair,
  Crypto, SubtleCrypto, Performance, Scheduler, Navigator,
  ExecutionContext, ExtendableEvent, FetchEvent, ScheduledEvent, ScheduledController,
};

const functionGroups = [base64, fetching, timers, cloning, globalEvents];

/** host.d.ts */
export function install(host, global) {
  setHost(host);
  setScope(global);
  for (const name in interfaces) defineGlobal(global, name, interfaces[name]);
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
