// The apps as libraries call them: inside one invocation, with Requests made here.
import { assert, assertEquals, test, worker } from "../harness.js";
import hono from "./hono.js";
import itty from "./itty.js";

const get = (app, t, path, init) => app.fetch(new Request(`https://app.test${path}`, init), t.env, t.ctx);

test("Hono: text, JSON, parameters, not found, errors", async (t) => {
  const root = await get(hono, t, "/");
  assertEquals([await root.text(), root.headers.get("access-control-allow-origin")], ["Hello Hono!", "*"]);
  const json = await get(hono, t, "/json/7?q=x", { headers: { "user-agent": "me" } });
  assertEquals(await json.json(), { id: "7", q: "x", agent: "me" });
  const posted = await get(hono, t, "/json", { method: "POST", body: "{\"a\":[1]}" });
  assertEquals([posted.status, await posted.json()], [201, { a: [1] }]);
  assertEquals((await get(hono, t, "/nothing")).status, 404);
  const thrown = await get(hono, t, "/throw");
  assertEquals([thrown.status, await thrown.text()], [500, "caught inside"]);
});

test("Hono: forms, streams, cookies, etag, redirect, waitUntil", async (t) => {
  const form = new FormData();
  form.append("name", "n");
  form.append("file", new File(["contents"], "f.txt"));
  assertEquals(await (await get(hono, t, "/form", { method: "POST", body: form })).json(), { name: "n", file: "contents" });
  assertEquals(await (await get(hono, t, "/stream")).text(), "abc");
  assertEquals((await get(hono, t, "/cookie")).headers.getSetCookie(), ["a=1", "b=2"]);
  const tagged = await get(hono, t, "/etag");
  const etag = tagged.headers.get("etag");
  assert(etag !== null);
  assertEquals((await get(hono, t, "/etag", { headers: { "if-none-match": etag } })).status, 304);
  assertEquals((await get(hono, t, "/redirect")).headers.get("location"), "/");
  assertEquals((await get(hono, t, "/later")).headers.get("content-type"), "text/html; charset=UTF-8");
});

test("itty-router", async (t) => {
  assertEquals(await (await get(itty, t, "/hello/you")).json(), "Hello, you!");
  assertEquals(await (await get(itty, t, "/query?a=1&b=2&b=3")).json(), { a: "1", b: ["2", "3"] });
  assertEquals(await (await get(itty, t, "/echo", { method: "POST", body: "{\"x\":1}" })).json(), { x: 1 });
  assertEquals((await get(itty, t, "/error")).status, 418);
  assertEquals((await get(itty, t, "/throw")).status, 500);
  assertEquals((await get(itty, t, "/none")).status, 404);
});

export default worker();
