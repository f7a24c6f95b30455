import { assert, assertEquals, assertThrows, route, test, worker } from "../harness.js";

test("names ignore case, values are trimmed, duplicates are combined", () => {
  const headers = new Headers([["X-A", " 1 "], ["x-a", "2"], ["B", "\t3\r\n"]]);
  assertEquals(headers.get("x-A"), "1, 2");
  assertEquals(headers.get("b"), "3");
  assertEquals(headers.get("none"), null);
  assert(headers.has("X-a") && !headers.has("y"));
  headers.set("x-a", "9");
  assertEquals([...headers], [["b", "3"], ["x-a", "9"]]);
  headers.delete("B");
  assertEquals([...headers.keys()], ["x-a"]);
  assertEquals([...headers.values()], ["9"]);
});

test("iteration is sorted; each set-cookie stands alone", () => {
  const headers = new Headers({ z: "1", "Set-Cookie": "a=1", a: "2" });
  headers.append("set-cookie", "b=2");
  assertEquals([...headers], [["a", "2"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["z", "1"]]);
  assertEquals(headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(headers.getAll("Set-Cookie"), ["a=1", "b=2"]);
  assertEquals(headers.get("set-cookie"), "a=1, b=2");
  assertThrows(() => headers.getAll("a"), TypeError);
  const seen = [];
  headers.forEach((value, name, self) => seen.push(`${name}=${value}${self === headers}`));
  assertEquals(seen.length, 4);
  assertEquals(seen[0], "a=2true");
});

test("iteration sees changes made meanwhile", () => {
  const headers = new Headers({ a: "1", b: "2" });
  const seen = [];
  for (const [name] of headers) {
    seen.push(name);
    if (name === "a") headers.append("c", "3");
  }
  assertEquals(seen, ["a", "b", "c"]);
});

test("bad names and values throw TypeError", () => {
  const headers = new Headers();
  for (const name of ["", "a b", "é", "a:", "a\n"]) assertThrows(() => headers.set(name, "1"), TypeError, "Invalid header name.");
  for (const value of ["a\nb", "a\0", "\u0100"]) assertThrows(() => headers.set("a", value), TypeError, "Invalid header value.");
  assertThrows(() => new Headers(null), TypeError);
  assertThrows(() => new Headers([["a"]]), TypeError);
  assertThrows(() => new Headers("a"), TypeError);
  headers.set("latin", "caf\u00e9");
  assertEquals(headers.get("latin"), "caf\u00e9");
});

test("headers of the incoming request cannot change, a copy can", (t) => {
  for (const change of [
    (h) => h.set("a", "1"), (h) => h.append("a", "1"), (h) => h.delete("host"),
  ]) assertThrows(() => change(t.request.headers), TypeError, "Can't modify immutable headers.");
  const copy = new Headers(t.request.headers);
  copy.set("a", "1");
  assertEquals(copy.get("host"), t.request.headers.get("host"));
  assertEquals(t.request.headers.has("a"), false);
});

test("a record takes own enumerable string keys", () => {
  const record = Object.create({ inherited: "1" }, { hidden: { value: "2", enumerable: false } });
  record.own = "3";
  assertEquals([...new Headers(record)], [["own", "3"]]);
  assertThrows(() => new Headers({ [Symbol("x")]: "1" }), TypeError);
});

route("cookies", () => {
  const response = new Response("x", { headers: { "x-one": "1" } });
  response.headers.append("set-cookie", "a=1");
  response.headers.append("set-cookie", "b=2");
  return response;
});

test("several set-cookie headers survive the wire; a fetched response's headers are immutable", async (t) => {
  const response = await fetch(`${t.origin}/cookies`);
  assertEquals(response.headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(response.headers.get("x-one"), "1");
  assertThrows(() => response.headers.set("a", "b"), TypeError, "Can't modify immutable headers.");
  const changed = new Response(response.body, response);
  changed.headers.set("x-two", "2");
  assertEquals(changed.headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(await changed.text(), "x");
});

export default worker();
