// The border between the JavaScript half of the web API (src/web/**/*.js, compiled into the start-up snapshot) and
// the engine. `Host` is what the engine gives, `Dispatch` is what the bundle's entry returns to it. Both sides treat
// the other as this file says and nothing more.
//
// Words: an *invocation* is known to JavaScript by its sequence number `seq` (a small integer, unique in the
// isolate, never reused while it matters) and by its record, a JavaScript object that the bundle makes when the
// invocation starts. A *stream* is a number: 0 is the client's request body (inbound) or the response body
// (outbound); n > 0 belongs to subrequest n: its request body (outbound) or its response body (inbound).
//
// A head is a one-byte string "name\nvalue\nname\nvalue\n" (empty string: no headers). Values are byte strings.
//
// Pending events: the engine counts, per invocation, what can still call back into JavaScript. Operations marked
// (+1) add one until the event named there is delivered or the operation is cancelled. When a turn ends, nothing is
// pending and the invocation is not done, it can never finish: the engine ends it as hung.

/** A body's kind on the wire. */
declare const enum BodyKind { none = 0, inline = 1, stream = 2, pipe = 3 }

interface Host {
  // ---- the invocation whose code is running (follows promises and awaits, not only turns) ----
  /** What setCurrent has set for the code that runs now (web/async/frame.js); undefined in global scope. */
  current(): object | undefined;
  setCurrent(frame: object | undefined): void;
  /** Milliseconds since the epoch of the event that started this turn; 0 in global scope. */
  now(): number;
  /** Bytes one body may take when it is read whole. */
  memoryLimit(): number;

  // ---- response ----
  /** Sends the response. body: string (UTF-8 encoded natively) or Uint8Array/ArrayBuffer for inline; a stream number of an
   *  untouched subresponse for pipe; undefined otherwise. length: the declared length of a stream body, or -1. */
  respond(seq: number, status: number, statusText: string, head: string, kind: BodyKind,
          body: string | ArrayBufferView | ArrayBuffer | number | undefined, length: number): void;
  /** The handler failed before it responded: records the exception; the client gets the error page, or what stands behind the
   *  script answers (passThroughOnException). What is waited for goes on until done(). */
  fail(seq: number, error: unknown): void;
  /** The script ends its invocation: records the exception, outcome aborted. */
  abort(seq: number, error: unknown): void;
  /** Response (body included) and every waitUntil promise have settled. Outstanding work is cancelled. */
  done(seq: number): void;
  /** Records an exception without ending anything (a rejected waitUntil promise: outcome exception if it was ok). */
  exception(seq: number, error: unknown): void;
  /** The client's request goes on to what stands behind the script, should it fail before it responds and leave the body
   *  unused (Dispatch.unusedBody). */
  passThroughOnException(seq: number): void;
  /** The same at once, in the place of a response. */
  forward(seq: number): void;
  /** Whether something can still call back into the invocation. */
  hasPending(seq: number): boolean;

  // ---- outbound bodies ----
  /** Queues bytes (copied). Returns the credit left; <= 0 means: do not write again before Dispatch.credit(seq, stream) (+1). */
  write(seq: number, stream: number, chunk: ArrayBufferView): number;
  writeEnd(seq: number, stream: number): void;
  writeAbort(seq: number, stream: number, error: unknown): void;

  // ---- inbound bodies ----
  /** Asks for the next bytes (+1 until Dispatch.chunk / chunkEnd / chunkError). At most one outstanding per stream. */
  read(seq: number, stream: number): void;
  /** The script does not want the rest. */
  cancelRead(seq: number, stream: number): void;

  // ---- subrequests ----
  /** Starts an outbound request; returns its number n > 0 (+1 until Dispatch.response / responseError).
   *  kind none, inline or stream (the outbound stream n) or pipe (body = inbound stream number to forward untouched).
   *  redirect: 0 follow, 1 manual, 2 error. service: 0 the network, n the n-th service binding. Throws Error "Too many subrequests by single Worker invocation." */
  fetch(seq: number, method: string, url: string, head: string, kind: BodyKind,
        body: string | ArrayBufferView | ArrayBuffer | number | undefined, length: number, redirect: number,
        service: number): number;
  cancelFetch(seq: number, id: number): void;

  // ---- WebSockets: socket 0 is the client's, n > 0 that of subrequest n (status 101 opens it) ----
  // respond() with status 101: kind stream opens socket 0, kept by the script (+1 until its Dispatch.socketClosed);
  // kind pipe hands socket `body` to the client, and the platform joins the two.
  /** Messages are delivered from now on (+1 until Dispatch.socketClosed; for socket 0 respond() has counted it). */
  socketAccept(seq: number, id: number): void;
  /** A string goes as text, bytes as binary; copied, and kept while the peer is slow. */
  socketSend(seq: number, id: number, data: string | ArrayBufferView): void;
  /** Our close frame, behind what was sent. code 1005: without one. */
  socketClose(seq: number, id: number, code: number, reason: string): void;
  /** Gives the connection up; the peer is told `code`. */
  socketAbort(seq: number, id: number, code: number): void;
  /** Whether a compatibility flag is on for this version, by its enabling name. */
  compatible(flag: string): boolean;

  // ---- rate limits ----
  /** Counts for the n-th rate limit binding; returns the call's number (+1 until Dispatch.rateCounted). */
  countRate(seq: number, limiter: number, key: string, limit: number, period: number, delta: number): number;

  // ---- timers ----
  /** (+1 while armed) Dispatch.timer(seq, id) after delay milliseconds, again and again when repeat. */
  setTimer(seq: number, delay: number, repeat: boolean): number;
  clearTimer(seq: number, id: number): void;

  // ---- logs: message is the JSON array of the arguments; level 0 debug, 1 info, 2 log, 3 warn, 4 error ----
  log(seq: number, level: number, message: string): void;

  /** The namespace of Node's module of that name, evaluated; undefined: it is not served. */
  builtin(name: string): object | undefined;

  // ---- a top-level scope whose heap would be written ----
  /** It uses this builtin: its heap cannot be written. Does not return to the script. */
  giveUpHeap(builtin: string): void;
  /** The value of a binding that was announced. */
  binding(name: string): unknown;

  // ---- pure functions ----
  // What the engine knows of a value (node/inspection.cc), for Node's library.
  /** A bit for each kind that node/library/binding.js names. */
  kindsOf(value: unknown): number;
  promiseDetails(value: unknown): [state: number, result?: unknown] | undefined;
  proxyDetails(value: unknown, both?: boolean): [target: object, handler: object] | object | undefined;
  previewEntries(value: unknown, isIterator?: boolean): unknown[] | undefined;
  constructorName(value: unknown): string | undefined;
  ownNonIndexKeys(value: unknown, filter: number): (string | symbol)[] | undefined;
  utf8Encode(text: string): Uint8Array;
  /** Writes as many whole code points as fit; returns [read UTF-16 units, written bytes]. */
  utf8EncodeInto(text: string, target: Uint8Array): [number, number];
  utf8Length(text: string): number;
  /** Throws TypeError when fatal and the bytes are not valid. Does not look for a BOM. */
  utf8Decode(bytes: ArrayBufferView | ArrayBuffer, fatal: boolean): string;
  latin1Decode(bytes: ArrayBufferView | ArrayBuffer): string;
  /** null: not base64 (the caller throws InvalidCharacterError). */
  atob(text: string): string | null;
  /** null: a character above U+00FF. */
  btoa(text: string): string | null;
  /** null: not a URL. Otherwise [href, protocolEnd, usernameEnd, hostStart, hostEnd, port, pathnameStart, searchStart, hashStart]
   *  with ada's url_components meaning; -1 (omitted) where ada says so. */
  urlParse(text: string, base: string | undefined): (string | number)[] | null;
  /** what: 0 href 1 protocol 2 username 3 password 4 host 5 hostname 6 port 7 pathname 8 search 9 hash.
   *  Returns the new components, or null when the setter refused (href only: caller throws). */
  urlSet(href: string, what: number, value: string): (string | number)[] | null;
  urlOrigin(href: string): string;
  randomFill(view: ArrayBufferView): void;
  randomUUID(): string;
  /** algorithm: "MD5" | "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512"; undefined when unknown. */
  digest(algorithm: string, bytes: ArrayBufferView | ArrayBuffer): ArrayBuffer | undefined;
  /** A codec ("gzip", "deflate", "deflate-raw", "br"), as the handle that the other two take. Throws RangeError without memory. */
  codecOpen(format: string, compress: boolean): ArrayBuffer;
  /** Takes some of bytes from an offset; `last`: nothing comes behind them. [bytes taken, whether it has finished, output]:
   *  to be called again while bytes are left or there was output. Throws TypeError when they are not of the format. */
  codecStep(codec: ArrayBuffer, bytes: ArrayBufferView, from: number, last: boolean): [number, boolean, Uint8Array];
  codecClose(codec: ArrayBuffer): void;
  /** The structured clone algorithm; throws what newDataCloneError(message) returns. */
  structuredClone(value: unknown, transfer: ArrayBuffer[], newDataCloneError: (message: string) => Error): unknown;
  detach(buffer: ArrayBuffer): void;
  /** 0 pending, 1 fulfilled, 2 rejected; and the value of a settled promise without a turn of the microtask queue. */
  promiseState(promise: Promise<unknown>): number;
  promiseResult(promise: Promise<unknown>): unknown;
  /** True for a native Error (its internal slot), whatever its prototype. */
  isError(value: unknown): boolean;
}

/** The bindings that are objects of the platform: the names of service bindings, and of each rate limit binding its name,
 *  limit and period in seconds; in the order of their numbers. */
interface Stubs {
  services: string[];
  limiters: [string, number, number][];
}

interface Dispatch {
  /** The modules that a script imports from the platform: name -> exports. */
  modules: Record<string, Record<string, unknown>>;
  /** Around a top-level scope whose heap will be written (core/late_builtins.js): before it; after it, with the name of a
   *  builtin that cannot be taken out, or undefined; and first thing when the heap was read back. */
  standIn(): void;
  withdraw(): string | undefined;
  arrive(): void;
  /** Service-worker syntax: the bindings become globals, before the script runs or after its heap was read back (which has
   *  the stubs already: undefined). Announced ones ask host.binding() for their value until then. */
  announceBindings(names: string[], stubs: Stubs | undefined): void;
  defineBindings(values: object, stubs: Stubs | undefined): void;
  /** The same for the `env` of "cloudflare:workers", before the module that imports it runs, or after its heap was read
   *  back. */
  announceEnv(names: string[], stubs: Stubs | undefined): void;
  defineEnv(values: object, stubs: Stubs | undefined): void;
  /** The same for `process.env`, before a module of Node runs. */
  announceProcessEnv(names: string[]): void;
  defineProcessEnv(values: object): void;
  /** Before a script runs that has nodejs_compat. */
  offerNodeGlobals(): void;
  /** Called once per version after its top-level scope has run. handlers: the default export (or undefined for
   *  service-worker syntax), named: the main module's namespace, env: the values of the bindings, stubs: undefined in
   *  a check. Returns the names of the handlers found. */
  start(handlers: unknown, named: unknown, env: object, stubs: Stubs | undefined): string[];

  /** body: an inline one is text where it is ASCII. */
  fetch(seq: number, method: string, url: string, head: string, kind: BodyKind, body: string | ArrayBuffer | undefined,
        length: number, cf: string | undefined, entrypoint: string, props: string | undefined): void;
  scheduled(seq: number, cron: string, scheduledTime: number): void;
  /** The body of the incoming request as it came: null for none, its bytes, or 0 for stream 0; undefined: the script has
   *  used it. */
  unusedBody(seq: number): null | Uint8Array | 0 | undefined;
  timer(seq: number, id: number): void;
  response(seq: number, id: number, status: number, statusText: string, head: string, kind: BodyKind,
           body: string | ArrayBuffer | undefined, length: number, url: string, redirected: boolean): void;
  /** kind: 0 connection lost, 1 other (message says), 2 redirect refused, 3 too many redirects, 4 the script behind a
   *  service binding threw: name and message are its exception's; 5 the platform has no room for it. */
  responseError(seq: number, id: number, kind: number, message: string, name: string): void;
  rateCounted(seq: number, call: number, within: boolean): void;
  chunk(seq: number, stream: number, bytes: ArrayBuffer): void;
  chunkEnd(seq: number, stream: number): void;
  chunkError(seq: number, stream: number, message: string): void;
  credit(seq: number, stream: number, bytes: number): void;
  /** The reader of an outbound stream does not want the rest. */
  writeCancelled(seq: number, stream: number): void;
  socketMessage(seq: number, id: number, data: string | ArrayBuffer): void;
  /** end: 0 the peer's close frame, 1 the connection is lost, 2 the peer broke the protocol (reason says how). */
  socketClosed(seq: number, id: number, end: number, code: number, reason: string): void;
  /** The client went away. True: waitUntil() work goes on. */
  cancel(seq: number): boolean;
  /** The engine has ended the invocation (done, failed, hung, killed): forget its record, mark it ended. */
  ended(seq: number): void;
  /** An unhandled rejection after the microtask queue drained: fires the event; true when prevented. */
  unhandledRejection(promise: Promise<unknown>, reason: unknown): boolean;
}

/** The bundle's entry point. Runs once, when the base snapshot is made. `global` is the context's global object.
 *  defineLazy() gives an object a property (writable, configurable, not enumerable) whose value give(name) makes when it is
 *  first looked at; that may throw, and is called again then. */
declare function install(host: Host, global: object,
                         defineLazy: (holder: object, name: string, give: (name: string) => unknown) => void): Dispatch;
