import { assert, assertEquals, assertRejects, assertThrows, test, worker } from "../harness.js";

const kGlobalScope = /^Disallowed operation called within global scope\. Asynchronous I\/O \(ex: fetch\(\) or connect\(\)\), setting a timeout, and generating random values are not allowed within global scope\. To fix this error, perform this operation within a handler\. https:\/\/developers\.cloudflare\.com\/workers\/runtime-apis\/handlers\/$/;

const atTop = {};
for (const [name, fn] of Object.entries({
  fetch: () => fetch("https://example.com"),
  setTimeout: () => setTimeout(() => {}, 1),
  setInterval: () => setInterval(() => {}, 1),
  getRandomValues: () => crypto.getRandomValues(new Uint8Array(1)),
  randomUUID: () => crypto.randomUUID(),
  wait: () => scheduler.wait(1),
  timeout: () => AbortSignal.timeout(1),
})) {
  try {
    fn();
    atTop[name] = undefined;
  } catch (error) {
    atTop[name] = error;
  }
}
const topNow = [Date.now(), new Date().getTime(), performance.now()];
Math.random();

test("global scope refuses timers, I/O and random values", () => {
  for (const [name, error] of Object.entries(atTop)) {
    assert(error instanceof Error && error.name === "Error", `${name}: ${error}`);
    assert(kGlobalScope.test(error.message), `${name}: ${error.message}`);
  }
});

test("the clock stands at 0 in global scope", () => {
  assertEquals(topNow, [0, 0, 0]);
  assert(Date.now() > 1e12);
});

test("timeouts: order, arguments, clear", async () => {
  const seen = [];
  await new Promise((resolve) => {
    setTimeout((...args) => { seen.push(args); resolve(); }, 5, 1, 2);
    setTimeout(() => seen.push("first"), 0);
    clearTimeout(setTimeout(() => seen.push("never"), 1));
    clearTimeout(undefined);
    clearTimeout(12345);
  });
  assertEquals(seen, ["first", [1, 2]]);
  assertEquals(typeof setTimeout(() => {}), "number");
  assertThrows(() => setTimeout("code"), TypeError);
  assertThrows(() => setTimeout(), TypeError);
});

test("intervals repeat until cleared, also from inside", async () => {
  let count = 0;
  await new Promise((resolve) => {
    const id = setInterval(() => { if (++count === 3) { clearInterval(id); resolve(); } }, 1);
  });
  await scheduler.wait(5);
  assertEquals(count, 3);
});

test("scheduler.wait", async () => {
  await scheduler.wait(1);
  await assertRejects(scheduler.wait(1, { signal: AbortSignal.abort("x") }).catch((e) => { throw new Error(e); }), Error, "x");
});

test("queueMicrotask runs before timers", async () => {
  const seen = [];
  setTimeout(() => seen.push("timer"), 0);
  queueMicrotask(() => seen.push("microtask"));
  seen.push("sync");
  await scheduler.wait(5);
  assertEquals(seen, ["sync", "microtask", "timer"]);
  assertThrows(() => queueMicrotask(1), TypeError);
});

test("too many timers", () => {
  const ids = [];
  const error = assertThrows(() => { for (let i = 0; i < 10001; i++) ids.push(setTimeout(() => {}, 100000)); }, "QuotaExceededError");
  for (const id of ids) clearTimeout(id);
  assert(/^You have exceeded the number of active timeouts you may set\. max active timeouts: 10000, current active timeouts: 10000, finished timeouts: \d+\.$/.test(error.message), error.message);
  clearTimeout(setTimeout(() => {}, 1));
});

export default worker();
