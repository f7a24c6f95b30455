import { assert, assertEquals, assertRejects, assertThrows, test, worker } from "../harness.js";

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const from = (...chunks) => new ReadableStream({ start(c) { for (const chunk of chunks) c.enqueue(chunk); c.close(); } });
const encode = (text) => new TextEncoder().encode(text);

test("transform, flush, pipeThrough", async () => {
  const stream = from("a", "b").pipeThrough(new TransformStream({
    start(c) { c.enqueue("start"); },
    transform(chunk, c) { c.enqueue(chunk.toUpperCase()); },
    flush(c) { c.enqueue("end"); },
  }));
  assertEquals(await collect(stream), ["start", "A", "B", "end"]);
  assertEquals(await collect(from(1, 2).pipeThrough(new TransformStream())), [1, 2]);
});

test("an exception of transform errors both sides", async () => {
  const { readable, writable } = new TransformStream({ transform() { throw new RangeError("t"); } });
  const reader = readable.getReader();
  const pending = reader.read();
  await assertRejects(writable.getWriter().write(1), RangeError, "t");
  await assertRejects(pending, RangeError, "t");
});

test("terminate and cancel", async () => {
  const { readable, writable } = new TransformStream({ transform(chunk, c) { c.enqueue(chunk); c.terminate(); } });
  const writer = writable.getWriter();
  writer.write(1);
  writer.write(2).catch(() => {});
  assertEquals(await collect(readable), [1]);
  await assertRejects(writer.closed, TypeError);
  let reason;
  const other = new TransformStream({ cancel(r) { reason = r; } });
  await other.readable.cancel("no");
  assertEquals(reason, "no");
});

test("pipeTo closes, aborts and cancels as told", async () => {
  const seen = [];
  const sink = () => new WritableStream({ write(c) { seen.push(c); }, close() { seen.push("close"); }, abort(r) { seen.push(`abort ${r.message}`); } });
  await from(1, 2).pipeTo(sink());
  assertEquals(seen.splice(0), [1, 2, "close"]);
  await from(3).pipeTo(sink(), { preventClose: true });
  assertEquals(seen.splice(0), [3]);
  const broken = () => new ReadableStream({ pull(c) { c.error(new RangeError("r")); } });
  await assertRejects(broken().pipeTo(sink()), RangeError, "r");
  assertEquals(seen.splice(0), ["abort r"]);
  await assertRejects(broken().pipeTo(sink(), { preventAbort: true }), RangeError, "r");
  assertEquals(seen.splice(0), []);
  let cancelled;
  const source = new ReadableStream({ pull(c) { c.enqueue(1); }, cancel(r) { cancelled = r.message; } });
  await assertRejects(source.pipeTo(new WritableStream({ write() { throw new RangeError("w"); } })), RangeError, "w");
  assertEquals(cancelled, "w");
  await assertRejects(from(1).pipeTo({}), TypeError);
});

test("pipeTo stops with its signal", async () => {
  const controller = new AbortController();
  let cancelled;
  let aborted;
  const source = new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(1); }, cancel(r) { cancelled = r; } });
  const done = source.pipeTo(new WritableStream({ abort(r) { aborted = r; } }), { signal: controller.signal });
  setTimeout(() => controller.abort("stop"), 5);
  await assertRejects(done.catch((r) => { throw new Error(r); }), Error, "stop");
  assertEquals([cancelled, aborted, source.locked], ["stop", "stop", false]);
  await assertRejects(from(1).pipeTo(new WritableStream(), { signal: AbortSignal.abort() }), "AbortError");
});

test("many chunks keep their order under back-pressure", async () => {
  let n = 0;
  const source = new ReadableStream({ pull(c) { if (n === 1000) c.close(); else c.enqueue(n++); } });
  const slow = new TransformStream({ async transform(x, c) { if (x % 100 === 0) await scheduler.wait(0); c.enqueue(x); } });
  const all = await collect(source.pipeThrough(slow).pipeThrough(new TransformStream()));
  assertEquals(all, Array.from({ length: 1000 }, (_, i) => i));
});

test("text streams split sequences and surrogates", async () => {
  const bytes = encode("aé😀z");
  const pieces = [...bytes].map((b) => new Uint8Array([b]));
  assertEquals((await collect(from(...pieces).pipeThrough(new TextDecoderStream()))).join(""), "aé😀z");
  const encoded = await collect(from("\ud83d", "\ude00", "x", "\ud83d").pipeThrough(new TextEncoderStream()));
  assertEquals(new TextDecoder().decode(await new Blob(encoded).arrayBuffer()), "😀x\ufffd");
  await assertRejects(collect(from(new Uint8Array([0xc3])).pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))), TypeError);
  assertEquals([new TextDecoderStream().encoding, new TextEncoderStream().encoding], ["utf-8", "utf-8"]);
});

test("IdentityTransformStream takes bytes only, and a write is done when it was read", async () => {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  let done = false;
  const write = writer.write(encode("ab")).then(() => { done = true; });
  await scheduler.wait(1);
  assertEquals(done, false);
  const reader = readable.getReader({ mode: "byob" });
  assertEquals([...(await reader.read(new Uint8Array(1))).value], [97]);
  await write;
  assertEquals([...(await reader.read(new Uint8Array(5))).value], [98]);
  const end = reader.read(new Uint8Array(5));
  await writer.close();
  assertEquals((await end).done, true);
  const other = new IdentityTransformStream();
  assert(other instanceof TransformStream);
  await assertRejects(other.writable.getWriter().write("text"), TypeError, /received a string on its writable side/);
});

test("FixedLengthStream counts", async () => {
  const fixed = new FixedLengthStream(3);
  const writer = fixed.writable.getWriter();
  writer.write(encode("abc")).catch(() => {});
  writer.close();
  assertEquals(await new Response(fixed.readable).text(), "abc");
  const long = new FixedLengthStream(1);
  await assertRejects(long.writable.getWriter().write(encode("ab")), TypeError, "Attempt to write too many bytes through a FixedLengthStream.");
  const short = new FixedLengthStream(5);
  await assertRejects(short.writable.close(), TypeError, "FixedLengthStream did not see all expected bytes before close().");
  assertThrows(() => new FixedLengthStream(-1), TypeError);
});

export default worker();
