import { assert, assertEquals, assertRejects, assertThrows, test, worker } from "../harness.js";

const kLocked = "This ReadableStream is currently locked to a reader.";

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const from = (...chunks) => new ReadableStream({ start(c) { for (const chunk of chunks) c.enqueue(chunk); c.close(); } });

test("start, pull and close; chunks in order", async () => {
  let n = 0;
  const stream = new ReadableStream({ pull(c) { if (n === 3) c.close(); else c.enqueue(n++); } });
  assertEquals(await collect(stream), [0, 1, 2]);
});

test("desiredSize and strategies", () => {
  let controller;
  new ReadableStream({ start(c) { controller = c; } }, { highWaterMark: 3, size: (chunk) => chunk });
  assertEquals(controller.desiredSize, 3);
  controller.enqueue(2);
  assertEquals(controller.desiredSize, 1);
  assertThrows(() => controller.enqueue(NaN), RangeError);
  assertThrows(() => new ReadableStream({}, { highWaterMark: -1 }), RangeError);
  assertThrows(() => new ReadableStream({ type: "bytes" }, { size() {} }), RangeError);
  assertThrows(() => new ReadableStream({ type: "x" }), TypeError);
  assertThrows(() => new ReadableStream(1), TypeError);
  assertEquals(new CountQueuingStrategy({ highWaterMark: 4 }).size(), 1);
  assertEquals(new ByteLengthQueuingStrategy({ highWaterMark: 4 }).size(new Uint8Array(7)), 7);
});

test("errors reach pending and later reads", async () => {
  let controller;
  const stream = new ReadableStream({ start(c) { controller = c; } });
  const reader = stream.getReader();
  const pending = reader.read();
  controller.error(new RangeError("x"));
  await assertRejects(pending, RangeError, "x");
  await assertRejects(reader.read(), RangeError, "x");
  await assertRejects(reader.closed, RangeError, "x");
});

test("an exception of start() leaves the constructor, one of pull() errors the stream", async () => {
  assertThrows(() => new ReadableStream({ start() { throw new RangeError("s"); } }), RangeError, "s");
  await assertRejects(new ReadableStream({ pull() { throw new RangeError("p"); } }).getReader().read(), RangeError, "p");
});

test("locks", async () => {
  const stream = from(1, 2);
  const reader = stream.getReader();
  assert(stream.locked);
  assertThrows(() => stream.getReader(), TypeError, kLocked);
  assertThrows(() => stream.tee(), TypeError, kLocked);
  await assertRejects(stream.cancel(), TypeError, kLocked);
  assertEquals((await reader.read()).value, 1);
  reader.releaseLock();
  await assertRejects(reader.read(), TypeError);
  await assertRejects(reader.closed, TypeError);
  assertEquals((await stream.getReader().read()).value, 2);
});

test("releasing a lock rejects pending reads and keeps the chunks for the next reader", async () => {
  let controller;
  const stream = new ReadableStream({ start(c) { controller = c; } });
  const reader = stream.getReader();
  const pending = reader.read();
  reader.releaseLock();
  await assertRejects(pending, TypeError);
  controller.enqueue(1);
  assertEquals((await stream.getReader().read()).value, 1);
});

test("cancel gives the reason to the source", async () => {
  let reason;
  const stream = new ReadableStream({ cancel(r) { reason = r; } });
  await stream.cancel("why");
  assertEquals(reason, "why");
  assertEquals((await stream.getReader().read()).done, true);
  await assertRejects(new ReadableStream({ cancel() { throw new RangeError("c"); } }).cancel(), RangeError, "c");
});

test("async iteration: return cancels, unless told not to", async () => {
  let cancelled = 0;
  const make = () => new ReadableStream({ pull(c) { c.enqueue(1); }, cancel() { cancelled++; } });
  for await (const _ of make()) break;
  assertEquals(cancelled, 1);
  const stream = make();
  for await (const _ of stream.values({ preventCancel: true })) break;
  assertEquals([cancelled, stream.locked], [1, false]);
});

test("from() iterables, async iterables and their return()", async () => {
  assertEquals(await collect(ReadableStream.from(["a", "b"])), ["a", "b"]);
  assertEquals(await collect(ReadableStream.from((async function* () { yield 1; yield 2; })())), [1, 2]);
  assertEquals(await collect(ReadableStream.from([Promise.resolve(3)])), [3]);
  let returned;
  const stream = ReadableStream.from({ [Symbol.iterator]: () => ({ next: () => ({ value: 1 }), return(r) { returned = r; return {}; } }) });
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel("done");
  assertEquals(returned, "done");
  assertThrows(() => ReadableStream.from(null), TypeError);
  assertThrows(() => ReadableStream.from(1), TypeError);
});

test("tee: both branches see all, cancel needs both", async () => {
  const [a, b] = from(1, 2, 3).tee();
  assertEquals([await collect(a), await collect(b)], [[1, 2, 3], [1, 2, 3]]);
  let reason;
  const [c, d] = new ReadableStream({ cancel(r) { reason = r; } }).tee();
  const first = c.cancel(1);
  assertEquals(reason, undefined);
  await Promise.all([first, d.cancel(2)]);
  assertEquals(reason, [1, 2]);
  let controller;
  const [e, f] = new ReadableStream({ start(x) { controller = x; } }).tee();
  controller.error(new RangeError("t"));
  await assertRejects(e.getReader().read(), RangeError, "t");
  await assertRejects(f.getReader().read(), RangeError, "t");
});

test("byte streams: BYOB reads fill the reader's buffer", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    pull(c) {
      const { view } = c.byobRequest;
      view[0] = 7;
      c.byobRequest.respond(1);
    },
  });
  const reader = stream.getReader({ mode: "byob" });
  const buffer = new Uint8Array(4);
  const { value } = await reader.read(buffer);
  assertEquals([value.length, value[0], buffer.byteLength], [1, 7, 0]);
});

test("byte streams: enqueue, min, element types, leftovers", async () => {
  const make = () => new ReadableStream({
    type: "bytes", start(c) { c.enqueue(new Uint8Array([1, 2, 3])); c.enqueue(new Uint8Array([4, 5, 6, 7])); c.close(); },
  });
  let reader = make().getReader({ mode: "byob" });
  assertEquals([...(await reader.read(new Uint8Array(10), { min: 5 })).value], [1, 2, 3, 4, 5, 6, 7]);
  assertEquals((await reader.read(new Uint8Array(1))).done, true);
  reader = make().getReader({ mode: "byob" });
  const { value } = await reader.read(new Uint16Array(2));
  assert(value instanceof Uint16Array);
  assertEquals([...value], [0x201, 0x403]);
  reader.releaseLock();
  assertEquals(await collect(make()).then((chunks) => chunks.map((c) => [...c])), [[1, 2, 3], [4, 5, 6, 7]]);
  await assertRejects(make().getReader({ mode: "byob" }).read(new Uint8Array(0)), TypeError);
  await assertRejects(make().getReader({ mode: "byob" }).read({}), TypeError);
  assertThrows(() => from(1).getReader({ mode: "byob" }), TypeError);
});

test("byte streams: autoAllocateChunkSize serves default readers", async () => {
  const stream = new ReadableStream({
    type: "bytes", autoAllocateChunkSize: 8, pull(c) { c.byobRequest.view.set([9, 8]); c.byobRequest.respond(2); },
  });
  assertEquals([...(await stream.getReader().read()).value], [9, 8]);
});

test("byte streams: closing with a pending BYOB read needs respond(0)", async () => {
  let controller;
  const stream = new ReadableStream({ type: "bytes", start(c) { controller = c; } });
  const reader = stream.getReader({ mode: "byob" });
  const pending = reader.read(new Uint8Array(3));
  await Promise.resolve();
  controller.close();
  controller.byobRequest.respond(0);
  const { value, done } = await pending;
  assertEquals([value.length, done], [0, true]);
});

test("byte streams: enqueued buffers are transferred", () => {
  const bytes = new Uint8Array([1]);
  new ReadableStream({ type: "bytes", start(c) { c.enqueue(bytes); assertThrows(() => c.enqueue(new Uint8Array(0)), TypeError); } });
  assertEquals(bytes.buffer.detached, true);
});

test("tee of a byte stream gives byte streams with copies", async () => {
  const [a, b] = new ReadableStream({ type: "bytes", start(c) { c.enqueue(new Uint8Array([1, 2])); c.close(); } }).tee();
  const first = (await a.getReader({ mode: "byob" }).read(new Uint8Array(2))).value;
  const second = (await b.getReader().read()).value;
  first[0] = 9;
  assertEquals([...second], [1, 2]);
});

test("state made in global scope works in a handler", async () => {
  assertEquals(await collect(made), ["top"]);
});
const made = from("top");

export default worker();
