// Calls of Node's modules whose answers Node and weir must agree on: answers() gives [expression, what came of it] for each.
import assert from "node:assert";
import { Buffer, isAscii, isUtf8 } from "node:buffer";
import dc from "node:diagnostics_channel";
import { EventEmitter, errorMonitor, getEventListeners, listenerCount, on, once } from "node:events";
import path from "node:path";
import posix from "node:path/posix";
import win32 from "node:path/win32";
import querystring from "node:querystring";
import { Duplex, PassThrough, Readable, Transform, Writable, pipeline as pipe } from "node:stream";
import { buffer as bufferOf, json as jsonOf, text as textOf } from "node:stream/consumers";
import { finished, pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import url from "node:url";
import util from "node:util";
import types from "node:util/types";

const kText = "h\u00e9llo \u20ac \ud83d\ude00 \ud800 end";
const kEncodings = ["utf8", "utf-8", "latin1", "binary", "ascii", "hex", "base64", "base64url", "utf16le", "ucs2"];
const bytes = Buffer.from([0, 1, 127, 128, 250, 251, 252, 253, 254, 255, 0x68, 0x69]);

class Point { constructor(x) { this.x = x; } }
class Named { static [util.inspect.custom]() { return "custom!"; } }

function events() {
  const log = [];
  const bus = new EventEmitter();
  bus.on("newListener", (name) => log.push(`new ${String(name)}`));
  bus.once("a", (...args) => log.push(["once", ...args]));
  bus.on("a", (...args) => log.push(["on", ...args]));
  bus.prependListener("a", () => log.push("first"));
  bus.on(errorMonitor, (error) => log.push(`monitor ${error.message}`));
  log.push(bus.emit("a", 1, 2), bus.emit("a", 3), bus.emit("none"), bus.listenerCount("a"), listenerCount(bus, "a"));
  log.push(getEventListeners(bus, "a").length, bus.eventNames().map(String));
  try { bus.emit("error", new RangeError("bad")); } catch (error) { log.push(String(error)); }
  try { bus.emit("error", { some: "thing" }); } catch (error) { log.push([error.code, error.message]); }
  try { bus.on("a", 5); } catch (error) { log.push([error.code, error.name, error.message]); }
  bus.removeAllListeners("a");
  log.push(bus.rawListeners("a"), bus.setMaxListeners(3) === bus, bus.getMaxListeners());
  function Old() { EventEmitter.call(this); }
  util.inherits(Old, EventEmitter);
  const old = new Old();
  old.once("x", (value) => log.push(value));
  log.push(old.emit("x", "old"), old.emit("x", "again"), old instanceof EventEmitter);
  return log;
}

async function later() {
  const log = [];
  const bus = new EventEmitter();
  queueMicrotask(() => bus.emit("go", 1, 2));
  log.push(await once(bus, "go"));
  queueMicrotask(() => { bus.emit("it", 1); bus.emit("it", 2); });
  for await (const [value] of on(bus, "it")) {
    log.push(value);
    if (value === 2) break;
  }
  await new Promise((done) => process.nextTick((value) => { log.push(value); done(); }, "tick"));
  log.push(await util.promisify((value, done) => done(null, value + 1))(1));
  log.push(await util.promisify((done) => done(new Error("no")))().catch((error) => error.message));
  log.push(await new Promise((done) => util.callbackify(async (value) => value * 2)(4, (error, value) => done(value))));
  return log;
}

async function streams() {
  const log = [];
  log.push((await Readable.from(["a", "b", Buffer.from("c")]).toArray()).map(String));
  const upper = new Transform({ transform(chunk, encoding, done) { done(null, chunk.toString().toUpperCase()); } });
  const written = [];
  const sink = new Writable({ write(chunk, encoding, done) { written.push(chunk.toString()); done(); } });
  await pipeline(Readable.from(["x", "y"]), upper, new PassThrough(), sink);
  log.push(written);
  log.push(await pipeline(Readable.from(["x"]), async function* () { throw new RangeError("stop"); }, new PassThrough()).catch(String));
  const source = new Readable({ read() { this.push("1"); this.push(null); } });
  source.setEncoding("utf8");
  let text = "";
  for await (const chunk of source) text += chunk;
  log.push(text, source.destroyed, source.readableEnded);
  const both = new Duplex({ read() {}, write(chunk, encoding, done) { this.push(chunk); done(); }, final(done) { this.push(null); done(); } });
  both.end("echo");
  log.push(await new Promise((done) => both.on("data", (chunk) => done(String(chunk)))));
  log.push(await new Promise((done) => pipe(Readable.from(["q"]), new Writable({ write(chunk, encoding, end) { end(new Error("full")); } }), (error) => done(error.message))));
  log.push(await Readable.from([1, 2, 3, 4]).filter((n) => n % 2 === 0).map((n) => n * n).toArray());
  const broken = new PassThrough();
  const end = finished(broken).catch((error) => [error.code, error.message]);
  broken.destroy();
  log.push(await end);
  return log;
}

async function consumers() {
  return [await textOf(Readable.from(["a", "b"])), await jsonOf(Readable.from(['{"a":', "1}"])), (await bufferOf(Readable.from([Buffer.from("c")]))).toString("hex")];
}

function channels() {
  const log = [];
  const channel = dc.channel("tests");
  const listener = (message, name) => log.push([message, name]);
  log.push(channel.hasSubscribers);
  dc.subscribe("tests", listener);
  channel.publish({ a: 1 });
  log.push(channel.hasSubscribers, dc.hasSubscribers("tests"), dc.channel("tests") === channel, dc.unsubscribe("tests", listener), channel.hasSubscribers);
  const tracing = dc.tracingChannel("work");
  const handlers = { start: () => log.push("start"), end: () => log.push("end"), error: ({ error }) => log.push(error.message) };
  tracing.subscribe(handlers);
  log.push(tracing.traceSync(() => 5, {}));
  try { tracing.traceSync(() => { throw new Error("no"); }, {}); } catch (error) { log.push(String(error)); }
  log.push(tracing.unsubscribe(handlers));
  return log;
}

/** [name, what it gives]: functions, so that what throws is told too. */
const expressions = [
  ...kEncodings.map((encoding) => [`from ${encoding}`, () => Buffer.from(kText, encoding).toString("hex")]),
  ...kEncodings.map((encoding) => [`to ${encoding}`, () => bytes.toString(encoding)]),
  ...kEncodings.map((encoding) => [`slice ${encoding}`, () => bytes.toString(encoding, 2, 7)]),
  ...kEncodings.map((encoding) => [`byteLength ${encoding}`, () => Buffer.byteLength(kText, encoding)]),
  ...kEncodings.map((encoding) => [`write ${encoding}`, () => { const into = Buffer.alloc(9, 46); return [into.write(kText, 1, 7, encoding), into.toString("hex")]; }]),
  ...kEncodings.map((encoding) => [`fill ${encoding}`, () => Buffer.alloc(11).fill("6162", 1, 10, encoding).toString("hex")]),
  ...kEncodings.map((encoding) => [`indexOf ${encoding}`, () => { const all = Buffer.concat([Buffer.from("abcabc", encoding), Buffer.from("abcabc", encoding)]); return [all.indexOf("abca", encoding), all.lastIndexOf("abca", undefined, encoding), all.includes("zz", 0, encoding)]; }]),
  ...["YQ==", "YQ", "YWI=", "Y W\nJj", "YQ==YQ==", "-_-_", "+/+/", "*YQ", "Y", "", "\u0141\u0142QQ"].map((text) => [`base64 ${text}`, () => Buffer.from(text, "base64").toString("hex")]),
  ...["0", "0g", "00zz11", "ABcd", "abc"].map((text) => [`hex ${text}`, () => Buffer.from(text, "hex").toString("hex")]),
  ...[[0], [3], [-1], [-3], [-99], [99], [6], [null], ["1"], [NaN]].map(([at]) => [`indexOf at ${at}`, () => { const all = Buffer.from("abcabc"); return [all.indexOf("c", at), all.lastIndexOf("a", at), all.indexOf("", at), all.lastIndexOf("", at), all.indexOf(98, at), all.indexOf(Buffer.from("bc"), at)]; }]),
  ["from things", () => [Buffer.from([1, 256, -1, 3.7]), Buffer.from(new Uint16Array([1, 258])), Buffer.from(new ArrayBuffer(3), 1), Buffer.from({ type: "Buffer", data: [1, 2] }), Buffer.from(Object("str"))].map((one) => one.toString("hex"))],
  ["from nothing", () => Buffer.from(undefined)],
  ["from a number", () => Buffer.from(5)],
  ["alloc too little", () => Buffer.alloc(-1)],
  ["alloc of text", () => Buffer.alloc("5")],
  ["unknown encoding", () => Buffer.from("a").toString("nope")],
  ["out of range", () => Buffer.alloc(2).readUInt32LE(0)],
  ["value out of range", () => Buffer.alloc(2).writeUInt8(256, 0)],
  ["numbers", () => { const b = Buffer.alloc(40); b.writeDoubleBE(1.5, 0); b.writeInt32LE(-5, 8); b.writeBigUInt64BE(5n, 12); b.writeFloatLE(0.1, 20); b.writeUIntBE(0x123456, 24, 3); b.writeIntLE(-9, 27, 6); return [b.toString("hex"), b.readDoubleBE(0), b.readInt32LE(8), String(b.readBigUInt64BE(12)), b.readFloatLE(20), b.readUIntBE(24, 3), b.readIntLE(27, 6)]; }],
  ["compare", () => [Buffer.compare(Buffer.from("a"), Buffer.from("b")), Buffer.from("abc").equals(Buffer.from("abc")), Buffer.from("abcd").compare(Buffer.from("xbcx"), 1, 3, 1, 3), Buffer.from("b").compare(Buffer.from("abc"))]],
  ["copy", () => { const to = Buffer.alloc(5); return [Buffer.from("abcdef").copy(to, 1, 2, 5), to.toString("latin1")]; }],
  ["swap", () => [Buffer.from("abcdefgh").swap16().toString(), Buffer.from("abcdefgh").swap32().toString(), Buffer.from("abcdefgh".repeat(9)).swap64().toString()]],
  ["swap odd", () => Buffer.from("abc").swap16()],
  ["json", () => JSON.stringify(Buffer.from("hi"))],
  ["inspect a buffer", () => util.inspect(Buffer.from("hello"))],
  ["subarray", () => { const all = Buffer.from("abcdef"); const some = all.subarray(1, 3); some[0] = 65; return [all.toString(), some instanceof Buffer, all.slice(-2).toString()]; }],
  ["concat", () => [Buffer.concat([Buffer.from("a"), Buffer.from("bc")], 2).toString(), Buffer.concat([Buffer.from("a")], 3).toString("hex")]],
  ["is", () => [isUtf8(Buffer.from([0xc3])), isUtf8(Buffer.from("\u00e9")), isAscii(Buffer.from("a")), Buffer.isEncoding("UCS-2"), Buffer.isBuffer(new Uint8Array(1))]],
  ["decoder", () => { const d = new StringDecoder("utf8"); const e = Buffer.from("\u20ac"); return [d.write(e.subarray(0, 1)), d.write(e.subarray(1, 2)), d.write(e.subarray(2)), d.end(e.subarray(0, 2))]; }],
  ["decoder base64", () => { const d = new StringDecoder("base64"); return [d.write(Buffer.from("ab")), d.end()]; }],
  ...["http://u:p%20@EX.com:80/a b?q=1#h", "/only/path?x", "mailto:a@b.c", "//host/p", "http://[::1]:3000/x", "javascript:alert(1)", "http://\u00fcber.de/", "x y z", ""].flatMap((text) => [[`url.parse ${text}`, () => ({ ...url.parse(text, true) })], [`url.format ${text}`, () => url.format(url.parse(text))]]),
  ["url.resolve", () => [url.resolve("/one/two/three", "four"), url.resolve("http://example.com/one", "/two"), url.resolve("http://a.b/c/d", "../e?f")]],
  ["url.format", () => [url.format(new URL("http://a:b@xn--ber-goa.de/p?q#h"), { fragment: false, unicode: true, auth: false }), url.format({ protocol: "https", host: "h", pathname: "/p", query: { a: 1 } })]],
  ["url to path", () => [url.fileURLToPath("file:///a%20b/c"), url.pathToFileURL("/a b/#c?d%/").href, url.domainToASCII("\u00fcber.de"), url.domainToUnicode("xn--ber-goa.de"), url.domainToASCII("xn--\u00f1.com")]],
  ["url of a host", () => url.fileURLToPath("file://host/a")], ["url of no file", () => url.fileURLToPath("http://a/b")], ["url of a slash", () => url.fileURLToPath("file:///a%2fb")],
  ["url options", () => url.urlToHttpOptions(new URL("http://u:p@[::1]:81/a?b#c"))],
  ["events", events], ["consumers", consumers], ["channels", channels], ["later", later], ["streams", streams],
  ...["%s %d %i %f %j %o %O %c %%", "no more", "%s"].map((format) => [`format ${format}`, () => util.format(format, "a", 42, 4.7, "1.5", { a: [1] }, { b: 1 }, [new Map([[1, { c: 2 }]])], "css", "rest", { d: 1 })]),
  ...[
    () => ({ a: 1, "b-c": [1, , 3], [Symbol("s")]: null, get g() { return 1; }, set g(v) {} }), () => new Map([["k", new Set([1, "2"])]]), () => [new Point(1)],
    () => new Proxy({ a: 1 }, {}), () => Named, () => class A extends Point {}, () => function f() {}, () => async () => {},
    () => new Date(0), () => /a/g, () => new Uint8Array(3), () => new ArrayBuffer(2), () => Object.create(null), () => ({ a: { b: { c: { d: 1 } } } }), () => "it's", () => [1.5, -0, 10n, true, undefined, null],
    () => new Array(200).fill(7), () => "x".repeat(20000).length, () => Object("boxed"), () => [["a".repeat(30), "b".repeat(30)], ["c".repeat(60)]], () => new WeakMap(), () => Symbol("x"), () => new Map().entries(), () => [1, 2][Symbol.iterator](),
    () => { const a = {}; a.self = a; return a; }, () => (function () { return arguments; })(1, 2),
  ].map((make, i) => [`inspect ${i}`, () => util.inspect(make())]),
  ["inspect promises", () => [Promise.resolve(5), new Promise(() => {})].map((one) => /^Promise \{\s+(5|<pending>)/.exec(util.inspect(one))[1])],
  ["inspect options", () => util.inspect({ a: { b: { c: {} } }, n: 1234567, s: "t" }, { depth: 0, colors: true, numericSeparator: true, compact: false, sorted: true })],
  ["inspect proxies", () => util.inspect(new Proxy({ a: 1 }, { get() {} }), { showProxy: true })],
  ["deep equal", () => [util.isDeepStrictEqual({ a: [1, new Map([[1, { b: 2 }]])] }, { a: [1, new Map([[1, { b: 2 }]])] }), util.isDeepStrictEqual([1], ["1"]), util.isDeepStrictEqual(new Set([{ a: 1 }]), new Set([{ a: 1 }])), util.isDeepStrictEqual(NaN, NaN), util.isDeepStrictEqual(0, -0)]],
  ["parseArgs", () => util.parseArgs({ args: ["-f", "--bar", "b", "pos"], options: { foo: { type: "boolean", short: "f" }, bar: { type: "string" } }, allowPositionals: true }).values.bar],
  ["strip", () => util.stripVTControlCharacters("\u001b[31mred\u001b[0m")],
  ["styleText", () => util.styleText("red", "x", { validateStream: false })],
  ["types", () => [types.isDate(new Date()), types.isMap(new Map()), types.isPromise({ then() {} }), types.isProxy(new Proxy({}, {})), types.isAsyncFunction(async () => {}), types.isGeneratorFunction(function* () {}), types.isUint8Array(Buffer.alloc(1)), types.isNativeError(new TypeError()), types.isBoxedPrimitive(Object(1)), types.isArrayBufferView(new DataView(new ArrayBuffer(1)))]],
  ["mime", () => String(new util.MIMEType("text/html; charset=utf-8;q=\"a b\""))],
  ["inherits nothing", () => util.inherits(5, EventEmitter)],
  ["deprecate", () => util.deprecate(() => 5, "old")()],
  ...[
    () => assert.strictEqual(1, 2), () => assert.deepStrictEqual({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3] }), () => assert.equal(1, 2, "mine"), () => assert.deepEqual([1, 2], ["1", 2]), () => assert.notStrictEqual(1, 1),
    () => assert.throws(() => { throw new TypeError("wrong"); }, /right/), () => assert.throws(() => {}), () => assert.throws(() => { throw new TypeError("wrong"); }, { name: "TypeError", message: "wrong" }),
    () => assert.match("abc", /x/), () => assert.fail(), () => assert.fail("boom"), () => assert.ifError(null), () => assert.rejects(Promise.resolve(1)), () => assert.doesNotThrow(() => { throw new Error("did"); }),
    () => assert.strictEqual("a\nb\nc", "a\nb\nd"), () => assert.ok(true), () => assert.deepStrictEqual(new Map([[1, 2]]), new Map([[1, 3]])), () => assert.partialDeepStrictEqual({ a: 1 }, { a: 1, b: 2 }),
  ].map((check, i) => [`assert ${i}`, check]),
  ...[["/a/b/../c", "./d"], ["a", "..", "..", "x"], [""], ["/"], ["C:\\a", "..\\b"], ["//server/share", "x"]].flatMap((parts) => [posix, win32].map((of, i) => [`path ${parts} ${i}`, () => [of.join(...parts), of.normalize(parts[0]), of.isAbsolute(parts[0]), of.dirname(parts[0]), of.basename(parts[0]), of.extname("a.b.c"), of.parse(parts[0]), of.relative("/a/b/c", "/a/d")]])),
  ["path", () => [path === posix, path.sep, path.delimiter, path.resolve("/x", "y", "../z"), path.format({ dir: "/d", name: "n", ext: "e" })]],
  ["path of a number", () => path.join(1)],
  ["querystring", () => [querystring.parse("a=1&b=2&a=%20x+y&c"), querystring.stringify({ a: [1, "b c"], d: true, e: "\u00e9" }), querystring.escape("a b&"), querystring.unescape("%zz%41"), querystring.parse("a:1;b:2", ";", ":")]],
];

async function answer([name, call]) {
  try {
    return [name, await call() ?? null];
  } catch (error) {
    return [name, { name: error.name, code: error.code, message: error.message }];
  }
}

export async function answers() {
  const list = [];
  for (const one of expressions) list.push(await answer(one));
  return list;
}
