import { assert, assertEquals, test, worker } from "../harness.js";

test("Date is what it was, but for now", () => {
  assertEquals([Date.length, Date.name, Date.prototype.constructor === Date], [7, "Date", true]);
  const now = new Date();
  assert(now instanceof Date);
  assertEquals([now.getTime(), Date.now(), performance.now()], [Date.now(), Date.now(), Date.now()]);
  assertEquals(Date(), new Date(Date.now()).toString());
  assertEquals(new Date(2020, 1, 2).getMonth(), 1);
  assertEquals(new Date("2020-01-01T00:00:00Z").toISOString(), "2020-01-01T00:00:00.000Z");
  assertEquals(new Date(undefined).getTime(), NaN);
  assertEquals(new Date(new Date(5)).getTime(), 5);
  assertEquals(Date.UTC(1970, 0, 1), 0);
  assertEquals(Date.parse("1970-01-01T00:00:01Z"), 1000);
  class Mine extends Date { hi() { return this.getTime(); } }
  assertEquals([new Mine(7).hi(), new Mine() instanceof Date], [7, true]);
  assertEquals(Object.prototype.toString.call(now), "[object Date]");
  assertEquals(Object.keys(Date), []);
  assertEquals(structuredClone(now) instanceof Date, true);
});

test("time stands still in a turn and moves with I/O", async () => {
  const start = Date.now();
  for (let i = 0; i < 1e6; i++);
  assertEquals(Date.now(), start);
  await scheduler.wait(2);
  assert(Date.now() >= start);
});

test("Intl.DateTimeFormat without a date shows that time", () => {
  const format = new Intl.DateTimeFormat("en", { timeZone: "UTC", dateStyle: "full", timeStyle: "full" });
  assertEquals(format.format(), format.format(Date.now()));
  assertEquals(format.format === format.format, true);
  assertEquals(format.format(0), format.format(new Date(0)));
  assertEquals(format.formatToParts(), format.formatToParts(Date.now()));
  assertEquals([new Date(0)].map(format.format).length, 1);
});

test("no other clock", () => {
  assertEquals(globalThis.Temporal?.Now, undefined);
  assertEquals(performance.timeOrigin, 0);
});

export default worker();
