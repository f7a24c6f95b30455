import { assert, assertEquals, assertThrows, test, worker } from "../harness.js";

const parts = (text, base) => {
  const u = new URL(text, base);
  return [u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash];
};

test("parts of URLs", () => {
  assertEquals(parts("https://user:pa%20ss@Example.com:8080/a/../b?q=1#h"),
    ["https:", "user", "pa%20ss", "example.com:8080", "example.com", "8080", "/b", "?q=1", "#h"]);
  assertEquals(parts("https://user@h/"), ["https:", "user", "", "h", "h", "", "/", "", ""]);
  assertEquals(parts("https://:p@h/"), ["https:", "", "p", "h", "h", "", "/", "", ""]);
  assertEquals(parts("http://h:80/?#"), ["http:", "", "", "h", "h", "", "/", "", ""]);
  assertEquals(parts("data:text/plain,a b?x#y"), ["data:", "", "", "", "", "", "text/plain,a b", "?x", "#y"]);
  assertEquals(parts("web+x:/..//path"), ["web+x:", "", "", "", "", "", "//path", "", ""]);
  assertEquals(parts("http://[::1]:3/"), ["http:", "", "", "[::1]:3", "[::1]", "3", "/", "", ""]);
  assertEquals(parts("http://bücher.example/ü?ü#ü"),
    ["http:", "", "", "xn--bcher-kva.example", "xn--bcher-kva.example", "", "/%C3%BC", "?%C3%BC", "#%C3%BC"]);
  assertEquals(parts("../x?y", "https://h/a/b/c#z"), ["https:", "", "", "h", "h", "", "/a/x", "?y", ""]);
  assertEquals(new URL("file:///a").host, "");
  assertEquals(new URL("http://h/\ud800").href, "http://h/%EF%BF%BD");
});

test("origin, canParse, parse, toJSON", () => {
  assertEquals(new URL("https://h:8443/x").origin, "https://h:8443");
  assertEquals(new URL("data:x").origin, "null");
  assertEquals(new URL("blob:https://h/uuid").origin, "https://h");
  assertEquals([URL.canParse("x"), URL.canParse("x", "http://h"), URL.parse("x")], [false, true, null]);
  assertEquals(URL.parse("/x", "http://h").href, "http://h/x");
  assertEquals(JSON.stringify({ u: new URL("http://h") }), "{\"u\":\"http://h/\"}");
  assertEquals(`${new URL("http://h")}`, "http://h/");
  assertThrows(() => new URL("/x"), TypeError, "Invalid URL string.");
  assertThrows(() => new URL("http://a b/"), TypeError);
  assertThrows(() => new URL(), TypeError);
});

test("setters", () => {
  const url = new URL("https://h/p?q#f");
  url.protocol = "http";
  url.username = "u:";
  url.password = "p";
  url.host = "x.example:99";
  url.hostname = "y.example";
  url.port = "100";
  url.pathname = "a b";
  url.search = "k=v w";
  url.hash = "z";
  assertEquals(url.href, "http://u%3A:p@y.example:100/a%20b?k=v%20w#z");
  url.port = "nonsense";
  url.host = "";
  assertEquals(url.port, "100");
  url.hash = "";
  url.search = "";
  assertEquals(url.href, "http://u%3A:p@y.example:100/a%20b");
  assertThrows(() => { url.href = "bad"; }, TypeError);
  url.href = "https://new/";
  assertEquals(url.host, "new");
});

test("searchParams follow the URL and lead it", () => {
  const url = new URL("https://h/?a=1&b=2");
  const params = url.searchParams;
  assert(params === url.searchParams);
  params.append("c", "x y");
  assertEquals(url.search, "?a=1&b=2&c=x+y");
  url.search = "?z=9";
  assertEquals([...params], [["z", "9"]]);
  params.delete("z");
  assertEquals(url.href, "https://h/");
  url.href = "https://h/?q=%20";
  assertEquals(params.get("q"), " ");
});

test("URLSearchParams: parse, change, serialise", () => {
  const params = new URLSearchParams("?a=1&b=%C3%BC&a=2&c&=d&&e=f=g&h=%zz+%");
  assertEquals([...params], [["a", "1"], ["b", "ü"], ["a", "2"], ["c", ""], ["", "d"], ["e", "f=g"], ["h", "%zz %"]]);
  assertEquals([params.size, params.getAll("a"), params.get("x"), params.has("a", "2"), params.has("a", "3")],
    [7, ["1", "2"], null, true, false]);
  params.set("a", "9");
  params.delete("b", "no");
  params.delete("c");
  params.sort();
  assertEquals(params.toString(), "=d&a=9&b=%C3%BC&e=f%3Dg&h=%25zz+%25");
  assertEquals(new URLSearchParams({ a: 1, b: "~*-._ é\ud800" }).toString(), "a=1&b=%7E*-._+%C3%A9%EF%BF%BD");
  assertEquals(new URLSearchParams([["a", "b"], new Set(["c", "d"])]).toString(), "a=b&c=d");
  assertEquals(new URLSearchParams(new URLSearchParams("a=b")).toString(), "a=b");
  assertEquals(new URLSearchParams("%FF=%E4").toString(), "%EF%BF%BD=%EF%BF%BD");
  assertThrows(() => new URLSearchParams([["a"]]), TypeError);
  const seen = [];
  params.forEach((value, name) => seen.push(name));
  assertEquals(seen, ["", "a", "b", "e", "h"]);
  assertEquals(Object.prototype.toString.call(params.entries()), "[object URLSearchParams Iterator]");
});

const top = new URL("https://top/?x=1");
test("a URL made in global scope", () => {
  top.searchParams.append("y", "2");
  assertEquals(top.href, "https://top/?x=1&y=2");
});

export default worker();
