import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import hooks from "node:async_hooks";
import { assert, assertEquals, assertThrows, route, test, worker } from "../harness.js";

const storage = new AsyncLocalStorage();
const other = new AsyncLocalStorage({ name: "other", defaultValue: 7 });
const atTop = storage.run("top", () => AsyncLocalStorage.bind(() => storage.getStore()));
const tick = (ms = 1) => new Promise((resolve) => setTimeout(resolve, ms));

test("a store is there for the callback and what it starts, and nowhere else", async () => {
  assertEquals(storage.getStore(), undefined);
  const seen = [];
  const result = storage.run({ id: 1 }, (a, b) => {
    seen.push(storage.getStore().id);
    setTimeout(() => seen.push(`timer ${storage.getStore().id}`), 1);
    queueMicrotask(() => seen.push(`microtask ${storage.getStore().id}`));
    Promise.resolve().then(() => seen.push(`then ${storage.getStore().id}`));
    return a + b;
  }, 2, 3);
  assertEquals([result, storage.getStore()], [5, undefined]);
  await tick(5);
  assertEquals(seen, [1, "microtask 1", "then 1", "timer 1"]);
});

test("it survives awaits of every kind, and parallel ones do not mix", async ({ origin }) => {
  const one = (id) => storage.run(id, async () => {
    await null;
    const seen = [storage.getStore()];
    await tick(id % 3);
    seen.push(storage.getStore());
    await (await fetch(`${origin}/echo`)).text();
    seen.push(storage.getStore());
    for await (const chunk of new Response("abc").body) seen.push(chunk.length === 3 ? storage.getStore() : "?");
    await scheduler.wait(1);
    seen.push(storage.getStore());
    return seen;
  });
  const all = await Promise.all([1, 2, 3, 4].map(one));
  for (const [i, seen] of all.entries()) assertEquals(seen, Array(5).fill(i + 1), `run ${i + 1}`);
  assertEquals(storage.getStore(), undefined);
});

test("storages are apart; the innermost run counts; exit hides", () => {
  assertEquals(other.getStore(), 7);
  storage.run("a", () => {
    other.run("b", () => {
      storage.run("c", () => {
        assertEquals([storage.getStore(), other.getStore()], ["c", "b"]);
        assertEquals(storage.exit((x) => [storage.getStore(), other.getStore(), x], 9), [undefined, "b", 9]);
        assertEquals(storage.getStore(), "c");
      });
      assertEquals([storage.getStore(), other.getStore()], ["a", "b"]);
    });
    assertEquals([storage.getStore(), other.getStore()], ["a", 7]);
  });
  storage.run(undefined, () => assertEquals(storage.getStore(), undefined));
  other.run(undefined, () => assertEquals(other.getStore(), undefined));
});

test("what a callback throws comes out, and the store is as before", async () => {
  storage.run("outer", () => {
    assertThrows(() => storage.run("inner", () => { throw new RangeError("no"); }), "RangeError", "no");
    assertEquals(storage.getStore(), "outer");
  });
  const rejected = storage.run("x", async () => { await null; throw storage.getStore(); });
  assertEquals(await rejected.catch((reason) => [reason, storage.getStore()]), ["x", undefined]);
});

test("timers that repeat keep theirs", async () => {
  const seen = [];
  await new Promise((resolve) => storage.run("tick", () => {
    const id = setInterval(() => {
      seen.push(storage.getStore());
      if (seen.length === 3) {
        clearInterval(id);
        resolve();
      }
    }, 1);
  }));
  assertEquals(seen, ["tick", "tick", "tick"]);
});

test("bind and snapshot take the stores along, whoever calls", () => {
  const [bound, snapshot] = storage.run("kept", () => [
    AsyncLocalStorage.bind(function add(a, b) { return [this?.tag, storage.getStore(), a, b]; }), AsyncLocalStorage.snapshot()]);
  assertEquals(bound.call({ tag: "t" }, 1, 2), ["t", "kept", 1, 2]);
  assertEquals(bound.length, 2);
  storage.run("caller", () => {
    assertEquals(snapshot((x) => [storage.getStore(), x], 3), ["kept", 3]);
    assertEquals(storage.getStore(), "caller");
  });
  assertEquals(atTop(), "top");
  storage.run("caller", () => assertEquals(atTop(), "top"));
});

test("AsyncResource", async () => {
  class Query extends AsyncResource {
    constructor() { super("Query"); }
    done(callback, value) { return this.runInAsyncScope(callback, { me: 1 }, value); }
  }
  const query = storage.run("query", () => new Query());
  assertEquals(query.done(function (value) { return [this.me, storage.getStore(), value]; }, 4), [1, "query", 4]);
  assertEquals(storage.run("elsewhere", query.bind(() => storage.getStore())), "query");
  assertEquals(storage.run("s", () => AsyncResource.bind(() => storage.getStore()))(), "s");
  const another = new AsyncResource("Another");
  assert(Number.isInteger(another.asyncId()) && another.asyncId() > query.asyncId());
  assertEquals(another.triggerAsyncId(), 0);
  assertEquals(another.emitDestroy(), another);
});

test("names, and what is refused", () => {
  assertEquals(Object.keys(hooks).sort(), ["AsyncLocalStorage", "AsyncResource"]);
  assertEquals(hooks.AsyncLocalStorage, AsyncLocalStorage);
  assertEquals([other.name, storage.name], ["other", ""]);
  assertThrows(() => storage.run(1), "TypeError", 'The "callback" argument must be of type function.');
  assertThrows(() => AsyncLocalStorage.bind(1), "TypeError", 'The "fn" argument must be of type function.');
  assertThrows(() => new AsyncResource(), "TypeError", 'The "type" argument must be of type string.');
  assertThrows(() => storage.enterWith(1), "Error", "asyncLocalStorage.enterWith() is not implemented");
  assertThrows(() => storage.disable(), "Error", "asyncLocalStorage.disable() is not implemented");
  assertThrows(() => AsyncLocalStorage.prototype.getStore.call({}), "TypeError");
  try {
    storage.run(1);
  } catch (error) {
    assertEquals(error.code, "ERR_INVALID_ARG_TYPE");
  }
});

test("what runs with a store still does I/O for its own request", async ({ origin, ctx }) => {
  const text = await storage.run("io", async () => {
    await null;
    ctx.waitUntil(storage.exit(() => tick(1)));
    const response = await fetch(`${origin}/echo`);
    setTimeout(() => {}, 0);
    return response.text();
  });
  assertEquals(text, "echo");
});

route("echo", () => new Response("echo"));

let leaked;
test("another request does not see it", async ({ origin }) => {
  storage.run("mine", () => { leaked = AsyncLocalStorage.bind(() => storage.getStore()); });
  assertEquals(await (await storage.run("mine", () => fetch(`${origin}/store`))).json(), [null, "mine"]);
});
// The stores come along, the request does not: I/O is that of who calls.
route("store", async (request) => {
  const own = storage.getStore() ?? null;
  const theirs = leaked();
  await AsyncLocalStorage.bind(() => tick(1))();
  return Response.json([own, theirs]);
});

export default worker();
