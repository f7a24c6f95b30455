import { assert, assertEquals, assertThrows, route, test, worker } from "../harness.js";

let finished = [];

route("wait", (request, env, ctx) => {
  ctx.waitUntil(scheduler.wait(5).then(() => finished.push("waited")));
  ctx.waitUntil("not a promise");
  ctx.waitUntil({ then(resolve) { finished.push("thenable"); resolve(); } });
  return new Response("sent");
});
route("no-wait", () => {
  scheduler.wait(5).then(() => finished.push("cancelled"));
  return new Response("sent");
});

test("waitUntil goes on after the response; other work does not", async (t) => {
  finished = [];
  assertEquals(await (await fetch(`${t.origin}/wait`)).text(), "sent");
  assertEquals(await (await fetch(`${t.origin}/no-wait`)).text(), "sent");
  await scheduler.wait(50);
  assertEquals(finished.sort(), ["thenable", "waited"]);
});

test("ctx", (t) => {
  assert(t.ctx instanceof ExecutionContext);
  assertEquals(Object.prototype.toString.call(t.ctx), "[object ExecutionContext]");
  assertThrows(() => t.ctx.waitUntil(), TypeError);
  t.ctx.passThroughOnException();
  assert(t.ctx.props === t.ctx.props);
});

test("addEventListener on the global scope", () => {
  let seen;
  const listener = (event) => { seen = event.detail; };
  addEventListener("mine", listener);
  dispatchEvent(new CustomEvent("mine", { detail: 4 }));
  removeEventListener("mine", listener);
  dispatchEvent(new CustomEvent("mine", { detail: 5 }));
  assertEquals(seen, 4);
});

test("reportError fires an error event", () => {
  let seen;
  const listener = (event) => { seen = event; event.preventDefault(); };
  addEventListener("error", listener);
  reportError(new RangeError("r"));
  removeEventListener("error", listener);
  assert(seen instanceof ErrorEvent);
  assertEquals([seen.error.message, seen.message], ["r", "Uncaught RangeError: r"]);
});

test("console takes anything", () => {
  const cyclic = {};
  cyclic.self = cyclic;
  for (const name of ["debug", "info", "log", "warn", "error", "trace", "group", "groupEnd", "dir", "table", "count",
    "countReset", "time", "timeLog", "timeEnd", "assert"]) {
    const fn = console[name];
    fn(cyclic, 1n, Symbol("s"), () => {}, new Error("e"), Object.create(null), undefined);
  }
});

test("patched builtins do not break the platform", async (t) => {
  const response = await fetch(`${t.origin}/wait`);
  const saved = [Map.prototype.get, Array.prototype[Symbol.iterator], String.prototype.slice, Reflect.apply,
    Function.prototype.call, Promise.prototype.then, Promise.resolve];
  const broken = () => { throw new Error("patched"); };
  let text;
  Map.prototype.get = broken;
  Array.prototype[Symbol.iterator] = broken;
  String.prototype.slice = broken;
  Reflect.apply = broken;
  Function.prototype.call = broken;
  Promise.prototype.then = broken;
  Promise.resolve = broken;
  Object.prototype.get = broken;
  Object.prototype.signal = 1;
  Object.prototype.method = "POST";
  try {
    const url = new URL("https://h/p?a=%20b");
    url.searchParams.append("c", "d");
    const headers = new Headers({ a: "1" });
    headers.append("a", "2");
    await scheduler.wait(1);
    text = [url.href, headers.get("a"), await response.text(), new TextDecoder().decode(new TextEncoder().encode("é"))];
  } finally {
    let i = 0;
    Map.prototype.get = saved[i++];
    Array.prototype[Symbol.iterator] = saved[i++];
    String.prototype.slice = saved[i++];
    Reflect.apply = saved[i++];
    Function.prototype.call = saved[i++];
    Promise.prototype.then = saved[i++];
    Promise.resolve = saved[i++];
    delete Object.prototype.get;
    delete Object.prototype.signal;
    delete Object.prototype.method;
  }
  assertEquals(text, ["https://h/p?a=+b&c=d", "1, 2", "sent", "é"]);
});

export default worker();
