import { assert, assertEquals, assertRejects, assertThrows, test, worker } from "../harness.js";

test("writes go in order, ready follows the queue", async () => {
  const seen = [];
  let release;
  const stream = new WritableStream({ write(chunk) { seen.push(chunk); return new Promise((r) => { release = r; }); } });
  const writer = stream.getWriter();
  await writer.ready;
  assertEquals(writer.desiredSize, 1);
  const first = writer.write("a");
  const second = writer.write("b");
  assertEquals(writer.desiredSize, -1);
  let ready = false;
  writer.ready.then(() => { ready = true; });
  await scheduler.wait(1);
  assertEquals([seen, ready], [["a"], false]);
  release();
  await first;
  await scheduler.wait(1);
  release();
  await second;
  await writer.ready;
  assertEquals(seen, ["a", "b"]);
});

test("close waits for writes", async () => {
  const seen = [];
  const writer = new WritableStream({ async write(c) { await 0; seen.push(c); }, close() { seen.push("close"); } }).getWriter();
  writer.write(1);
  await writer.close();
  await writer.closed;
  assertEquals(seen, [1, "close"]);
  await assertRejects(writer.write(2), TypeError);
  await assertRejects(writer.close(), TypeError);
});

test("an error of the sink errors the stream", async () => {
  const stream = new WritableStream({ write() { throw new RangeError("w"); } });
  const writer = stream.getWriter();
  await assertRejects(writer.write(1), RangeError, "w");
  await assertRejects(writer.closed, RangeError, "w");
  await assertRejects(writer.write(1), RangeError, "w");
  assertEquals(writer.desiredSize, null);
  assertThrows(() => new WritableStream({ start() { throw new RangeError("s"); } }), RangeError);
  assertThrows(() => new WritableStream({ type: "x" }), RangeError);
});

test("abort", async () => {
  let reason;
  let controller;
  const stream = new WritableStream({ start(c) { controller = c; }, abort(r) { reason = r; } });
  const { signal } = controller;
  await stream.abort("why");
  assertEquals([reason, signal.aborted, signal.reason], ["why", true, "why"]);
  await assertRejects(stream.getWriter().closed.catch((r) => { throw new Error(r); }), Error, "why");
});

test("abort during a write waits for it", async () => {
  const order = [];
  let release;
  const stream = new WritableStream({ write() { return new Promise((r) => { release = r; }); }, abort() { order.push("abort"); } });
  const writer = stream.getWriter();
  const write = writer.write(1).then(() => order.push("written"));
  await scheduler.wait(1);
  const aborted = writer.abort();
  assertEquals(order, []);
  release();
  await Promise.all([write, aborted]);
  assertEquals(order.sort(), ["abort", "written"]);
});

test("locks", async () => {
  const stream = new WritableStream();
  const writer = stream.getWriter();
  assertThrows(() => stream.getWriter(), TypeError, "This WritableStream is currently locked to a writer.");
  await assertRejects(stream.close(), TypeError);
  writer.releaseLock();
  await assertRejects(writer.write(1), TypeError);
  assertThrows(() => writer.desiredSize, TypeError);
  assert(!stream.locked);
});

test("controller.error", async () => {
  let controller;
  const stream = new WritableStream({ start(c) { controller = c; } });
  controller.error(new RangeError("e"));
  await assertRejects(stream.getWriter().closed, RangeError, "e");
});

export default worker();
