// Every class of the web API, made in the top-level scope and used in a handler. A class of the global scope that is not
// listed here is reported, so a new one cannot be forgotten.

const text = (stream) => new Response(stream).text();
const all = async (reader) => {
  const got = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return got;
    got.push(value instanceof Uint8Array ? [...value] : value);
  }
};
function captured() {
  const kept = {};
  return { kept, source: { start(c) { kept.controller = c; } } };
}
function byteStream() {
  const { kept, source } = captured();
  return { stream: new ReadableStream({ type: "bytes", ...source }), kept };
}
function sink() {
  const written = [];
  return { written, stream: new WritableStream({ write(chunk) { written.push(chunk); } }) };
}

// name → [make, use]. `make` runs in the top-level scope, `use` in a handler, once per object.
const classes = {
  DOMException: [() => new DOMException("m", "AbortError"), (e) => [e.name, e.message, e.code, e instanceof Error]],
  Event: [() => new Event("x", { cancelable: true }), (e) => { e.preventDefault(); return [e.type, e.defaultPrevented]; }],
  CustomEvent: [() => new CustomEvent("x", { detail: { a: 1 } }), (e) => [e.type, e.detail.a]],
  ErrorEvent: [() => new ErrorEvent("error", { message: "m", error: new Error("e") }), (e) => [e.message, e.error.message]],
  MessageEvent: [() => new MessageEvent("message", { data: [1] }), (e) => [e.data[0], e.type]],
  PromiseRejectionEvent: [
    () => { const promise = Promise.resolve(1); return new PromiseRejectionEvent("unhandledrejection", { promise, reason: "r" }); },
    async (e) => [await e.promise, e.reason]],
  EventTarget: [
    () => { const t = new EventTarget(); t.log = []; t.addEventListener("x", (e) => t.log.push(e.type), { once: true }); return t; },
    (t) => { t.dispatchEvent(new Event("x")); t.dispatchEvent(new Event("x")); return t.log; }],
  AbortController: [
    () => { const c = new AbortController(); c.log = []; c.signal.addEventListener("abort", () => c.log.push("aborted")); return c; },
    (c) => { c.abort("why"); return [c.log, c.signal.aborted, c.signal.reason]; }],
  AbortSignal: [
    () => { const c = new AbortController(); return { c, any: AbortSignal.any([c.signal]), dead: AbortSignal.abort("gone") }; },
    ({ c, any, dead }) => { c.abort("now"); return [any.aborted, any.reason, dead.reason]; }],
  ByteLengthQueuingStrategy: [() => new ByteLengthQueuingStrategy({ highWaterMark: 9 }), (s) => [s.highWaterMark, s.size(new Uint8Array(3))]],
  CountQueuingStrategy: [() => new CountQueuingStrategy({ highWaterMark: 4 }), (s) => [s.highWaterMark, s.size("x")]],
  ReadableStream: [
    () => new ReadableStream({ start(c) { c.enqueue("a"); }, pull(c) { c.enqueue("b"); c.close(); } }),
    async (s) => [s.locked, await all(s.getReader())]],
  ReadableStreamDefaultReader: [
    () => new ReadableStream({ start(c) { c.enqueue("a"); c.close(); } }).getReader(), (r) => all(r)],
  ReadableStreamDefaultController: [
    () => { const { kept, source } = captured(); kept.stream = new ReadableStream(source); return kept; },
    async ({ controller, stream }) => { controller.enqueue(5); controller.close(); return all(stream.getReader()); }],
  ReadableStreamBYOBReader: [
    () => { const { stream, kept } = byteStream(); return { reader: stream.getReader({ mode: "byob" }), kept }; },
    async ({ reader, kept }) => { kept.controller.enqueue(Uint8Array.of(1, 2)); return [...(await reader.read(new Uint8Array(4))).value]; }],
  ReadableByteStreamController: [
    () => byteStream(),
    async ({ stream, kept }) => { kept.controller.enqueue(Uint8Array.of(7)); kept.controller.close(); return all(stream.getReader()); }],
  ReadableStreamBYOBRequest: [
    () => {
      const kept = {};
      const stream = new ReadableStream({ type: "bytes", pull(c) { kept.request ??= c.byobRequest; } });
      kept.read = stream.getReader({ mode: "byob" }).read(new Uint8Array(4));
      return kept;
    },
    async (kept) => {
      while (kept.request === undefined) await null;  // pull() comes in a microtask
      kept.request.view[0] = 3;
      kept.request.respond(1);
      return [...(await kept.read).value];
    }],
  WritableStream: [
    () => sink(),
    async ({ written, stream }) => { const w = stream.getWriter(); await w.write("a"); await w.close(); return written; }],
  WritableStreamDefaultWriter: [
    () => { const { written, stream } = sink(); return { written, writer: stream.getWriter() }; },
    async ({ written, writer }) => { await writer.write(1); return [written, writer.desiredSize]; }],
  WritableStreamDefaultController: [
    () => { const { kept, source } = captured(); kept.stream = new WritableStream(source); return kept; },
    async ({ controller, stream }) => { controller.error(new Error("bad")); return stream.getWriter().closed.catch((e) => e.message); }],
  TransformStream: [
    () => new TransformStream({ transform(chunk, c) { c.enqueue(chunk * 2); } }),
    async ({ readable, writable }) => { const w = writable.getWriter(); w.write(4); w.close(); return all(readable.getReader()); }],
  TransformStreamDefaultController: [
    () => { const { kept, source } = captured(); kept.stream = new TransformStream(source); return kept; },
    async ({ controller, stream }) => { controller.enqueue("x"); controller.terminate(); return all(stream.readable.getReader()); }],
  IdentityTransformStream: [
    () => new IdentityTransformStream(),
    async ({ readable, writable }) => { const w = writable.getWriter(); w.write(Uint8Array.of(1, 2)); w.close(); return all(readable.getReader()); }],
  FixedLengthStream: [
    () => new FixedLengthStream(2),
    async ({ readable, writable }) => { const w = writable.getWriter(); w.write(Uint8Array.of(1, 2)); w.close(); return all(readable.getReader()); }],
  CompressionStream: [
    () => new CompressionStream("gzip"),
    async ({ readable, writable }) => {
      const w = writable.getWriter(); w.write(new TextEncoder().encode("squeeze")); w.close();
      return text(readable.pipeThrough(new DecompressionStream("gzip")));
    }],
  DecompressionStream: [
    () => new DecompressionStream("gzip"),
    async (d) => text(new Blob(["squeeze"]).stream().pipeThrough(new CompressionStream("gzip")).pipeThrough(d))],
  TextEncoder: [() => new TextEncoder(), (e) => [...e.encode("é"), e.encoding]],
  TextDecoder: [
    () => {
      const utf8 = new TextDecoder("utf-8", { fatal: true }), utf16 = new TextDecoder("utf-16le"), latin = new TextDecoder("latin1");
      return { utf8, utf16, latin, begun: [utf8.decode(Uint8Array.of(0x61, 0xc3), { stream: true }), utf16.decode(Uint8Array.of(0x83), { stream: true })] };
    },
    ({ utf8, utf16, latin, begun }) => [
      begun, utf8.decode(Uint8Array.of(0xa9)), utf16.decode(Uint8Array.of(0x65)), latin.decode(Uint8Array.of(0x80)), utf8.fatal, utf16.encoding]],
  TextEncoderStream: [
    () => new TextEncoderStream(),
    async ({ readable, writable }) => { const w = writable.getWriter(); w.write("é"); w.close(); return all(readable.getReader()); }],
  TextDecoderStream: [
    () => new TextDecoderStream(),
    async ({ readable, writable }) => { const w = writable.getWriter(); w.write(Uint8Array.of(0xc3, 0xa9)); w.close(); return all(readable.getReader()); }],
  URL: [() => new URL("/p?a=1#h", "https://u:p@ex.example:8443"), (u) => { u.searchParams.append("b", "2"); u.port = "9"; return [u.href, u.origin]; }],
  URLSearchParams: [() => new URLSearchParams("b=2&a=1"), (p) => { p.sort(); p.set("c", "é"); return [String(p), p.size]; }],
  URLPattern: [() => new URLPattern({ pathname: "/a/:id" }), (p) => [p.test("https://x.example/a/5"), p.exec("https://x.example/a/5").pathname.groups.id]],
  Blob: [() => new Blob(["a", Uint8Array.of(98)], { type: "text/x" }), async (b) => [b.size, b.type, await b.slice(1).text()]],
  File: [() => new File(["abc"], "n.txt", { type: "text/x", lastModified: 5 }), async (f) => [f.name, f.lastModified, await f.text()]],
  FormData: [
    () => { const f = new FormData(); f.append("a", "1"); f.append("f", new File(["x"], "n.txt")); return f; },
    async (f) => [f.get("a"), f.get("f").name, (await new Response(f).text()).includes("n.txt")]],
  Headers: [() => new Headers({ a: "1", "set-cookie": "x=1" }), (h) => { h.append("A", "2"); return [[...h], h.getSetCookie()]; }],
  Request: [
    () => new Request("https://x.example/", { method: "POST", body: "b", headers: { a: "1" } }),
    async (r) => [r.method, r.url, r.headers.get("a"), await r.clone().text(), r.bodyUsed]],
  Response: [
    () => new Response("body", { status: 201, headers: { a: "1" } }),
    async (r) => [r.status, r.headers.get("a"), await r.clone().text(), r.ok, r.bodyUsed]],
  Crypto: [() => crypto, (c) => [c === crypto, c.getRandomValues(new Uint8Array(4)).length, c.randomUUID().length]],
  SubtleCrypto: [() => crypto.subtle, async (s) => [...new Uint8Array(await s.digest("SHA-256", Uint8Array.of(1)))].slice(0, 4)],
  Performance: [() => performance, (p) => [p.timeOrigin, p.now() > 1e12]],
  Scheduler: [() => scheduler, async (s) => { await s.wait(1); return s === scheduler; }],
  Navigator: [() => navigator, (n) => n.userAgent],
};

// Made by the platform alone; in the top-level scope there are none.
const illegal = ["ExecutionContext", "ExtendableEvent", "FetchEvent", "ScheduledEvent", "ScheduledController", "Fetcher", "WebSocket", "WebSocketPair", "CloseEvent"];

// Of the language: values.mjs has them.
const language = new Set(`Object Function Array Number Boolean String Symbol Date Promise RegExp Error AggregateError EvalError
RangeError ReferenceError SyntaxError TypeError URIError SuppressedError ArrayBuffer SharedArrayBuffer Uint8Array Int8Array
Uint16Array Int16Array Uint32Array Int32Array Float16Array Float32Array Float64Array Uint8ClampedArray BigUint64Array
BigInt64Array DataView Map BigInt Set Iterator WeakMap WeakSet WeakRef FinalizationRegistry Proxy DisposableStack
AsyncDisposableStack WebAssembly JSON Math Intl Atomics Reflect Infinity NaN`.split(/\s+/));

const names = Object.keys(classes).filter((name) => name in globalThis);
const top = names.map((name) => classes[name][0]());
const kept = illegal.filter((name) => name in globalThis).map((name) => globalThis[name]);
const born = Math.random();

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/born") return Response.json(born);
    const results = {};
    const failed = {};
    for (let i = 0; i < names.length; i++) {
      const [make, use] = classes[names[i]];
      try {
        const made = top[i];
        const got = JSON.stringify(await use(made));
        const fresh = JSON.stringify(await use(make()));
        results[names[i]] = got;
        if (got !== fresh) failed[names[i]] = `${got} where a new one gives ${fresh}`;
      } catch (error) {
        failed[names[i]] = `${error}\n${error.stack}`;
      }
    }
    for (const Class of kept) {
      if (Class !== globalThis[Class.name]) failed[Class.name] = "it is another class now";
    }
    if (!(ctx instanceof kept[0])) failed.ExecutionContext = "ctx is none";
    const covered = new Set([...names, ...illegal, ...language]);
    const missing = Object.getOwnPropertyNames(globalThis).filter(
      (name) => /^[A-Z]/.test(name) && typeof globalThis[name] === "function" && !covered.has(name));
    return Response.json({ results, failed, missing, count: names.length });
  },
};
