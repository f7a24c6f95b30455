// A script before its zone: where what it fetches of this platform goes, what it says of itself, and what an origin that
// does not answer becomes.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { command, startWeir } from "./weir.mjs";

// Fetches ?url=, and says what came; ?pass sends the request itself on.
const asks = (name) => `export default { async fetch(request) {
  const params = new URL(request.url).searchParams;
  if (params.has("me")) return Response.json({ name: "${name}", headers: Object.fromEntries(request.headers) });
  try {
    const response = await (params.has("pass") ? fetch(request) : fetch(params.get("url"), { headers: JSON.parse(params.get("headers") ?? "{}") }));
    return Response.json({ from: "${name}", status: response.status, text: await response.text(), ray: response.headers.get("cf-ray") });
  } catch (e) { return Response.json({ name: e.name, message: e.message }); }
} }`;

const scripts = {
  one: { code: asks("one") },
  two: { code: asks("two") },
  sockets: { flags: ["global_fetch_strictly_public"], code: `export default { async fetch(request) {
    const { status, webSocket } = await fetch(new URL(request.url).searchParams.get("url"), { headers: { upgrade: "websocket" } });
    if (!webSocket) return Response.json({ status });
    webSocket.accept();
    const heard = new Promise((resolve) => webSocket.addEventListener("message", ({ data }) => resolve(data)));
    webSocket.send("said");
    const data = await heard;
    webSocket.close();
    return Response.json({ status, heard: data });
  } }` },
  echo: { code: `export default { fetch(request) {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener("message", ({ data }) => server.send(data + " " + new URL(request.url).host + " " + request.headers.get("cf-ew-via")));
    server.addEventListener("close", () => server.close());
    return new Response(null, { status: 101, webSocket: client });
  } }` },
  public: { code: asks("public"), flags: ["global_fetch_strictly_public"] },
};

async function startOrigin(handler) {
  const server = http.createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, close: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }) };
}

async function until(ask, expected) {
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    if (expected(await ask())) return;
  }
  assert.fail(`still ${JSON.stringify(await ask())}`);
}

test("a script before its zone", async (t) => {
  const weir = await startWeir(scripts);
  t.after(() => weir.stop());
  const origin = await startOrigin((request, response) => response.end(JSON.stringify({ origin: request.url, headers: request.headers })));
  t.after(() => origin.close());
  const other = await startOrigin((request, response) => response.end(JSON.stringify({ other: request.url, headers: request.headers })));
  t.after(() => other.close());
  await command(weir, "zone", "add", "example.com", "--origin", `http://127.0.0.1:${origin.port}`);
  await command(weir, "zone", "add", "other.net", "--origin", `http://127.0.0.1:${other.port}`);
  await command(weir, "zone", "add", "empty.org");
  await command(weir, "route", "add", "example.com/*", "--script", "one");
  await command(weir, "route", "add", "two.example.com/*", "--script", "two");
  for (const name of ["public", "sockets", "echo"]) await command(weir, "route", "add", `${name}.example.com/*`, "--script", name);
  await command(weir, "route", "add", "empty.org/*", "--script", "one");
  await command(weir, "domain", "add", "app.example.com", "--script", "two");
  const ask = async (host, path, options = {}) => JSON.parse((await weir.request(null, path, { host, ...options })).text);
  const askFor = (host, url, headers) => ask(host, `/?url=${encodeURIComponent(url)}&headers=${encodeURIComponent(JSON.stringify(headers ?? {}))}`);
  await until(() => ask("app.example.com", "/?me").catch(() => ({})), (answer) => answer.name === "two");

  await t.test("its own zone is the zone's origin, as behind a proxy", async () => {
    const answer = await ask("example.com", "/path?pass&q=1", { headers: { "x-mine": "1" } });
    const { origin: path, headers } = JSON.parse(answer.text);
    assert.equal(path, "/path?pass&q=1");
    assert.deepEqual(
      [headers.host, headers["x-mine"], headers["cf-worker"], headers["cf-ew-via"], headers["cf-connecting-ip"], headers["x-real-ip"],
        headers["x-forwarded-for"], headers["x-forwarded-proto"], headers["cf-visitor"], headers["cdn-loop"]],
      ["example.com", "1", "example.com", "15", "127.0.0.1", "127.0.0.1", "127.0.0.1", "http", '{"scheme":"http"}', "weir"]);
    assert.match(headers["cf-ray"], /^[0-9a-f]{16}$/);
    assert.equal(JSON.parse((await askFor("example.com", "https://deep.example.com/x")).text).headers.host, "deep.example.com");
  });
  await t.test("it may say there who the client is, and nowhere else", async () => {
    const said = { "x-real-ip": "192.0.2.9", "cf-worker": "forged", "cf-ew-via": "16", "cf-connecting-ip": "192.0.2.10" };
    const own = JSON.parse((await askFor("example.com", "http://example.com/", said)).text).headers;
    assert.deepEqual([own["cf-connecting-ip"], own["x-real-ip"], own["cf-worker"], own["cf-ew-via"]], ["192.0.2.9", "192.0.2.9", "example.com", "15"]);
    const foreign = JSON.parse((await askFor("example.com", "http://other.net/", said)).text).headers;
    assert.deepEqual([foreign["cf-connecting-ip"], foreign["x-real-ip"], foreign["cf-worker"]], ["2a06:98c0:3600::103", undefined, "example.com"]);
    const outside = JSON.parse((await askFor("example.com", `http://localhost:${origin.port}/`, said)).text).headers;
    assert.deepEqual([outside["cf-connecting-ip"], outside["x-real-ip"], outside["cf-worker"], outside["cf-ew-via"]], ["127.0.0.1", undefined, "example.com", "15"]);
  });
  await t.test("another script's route in the zone, and the account's workers domain, are 1042", async () => {
    for (const url of ["http://two.example.com/?me", "http://two.local.workers.localhost/?me", "http://two.local.workers.dev/?me", "http://one.local.workers.dev/?me"]) {
      assert.deepEqual([(await askFor("example.com", url)).status, (await askFor("example.com", url)).text], [404, "error code: 1042\n"], url);
    }
    assert.equal((await askFor("one.local.workers.dev", "http://one.local.workers.dev/?me")).text, "error code: 1042\n");
  });
  await t.test("from another zone both are reached", async () => {
    const answer = await askFor("empty.org", "http://two.example.com/?me");
    const { name, headers } = JSON.parse(answer.text);
    assert.equal(name, "two");
    assert.match(answer.ray, /^[0-9a-f]{16}-WEI$/);
    assert.deepEqual([headers["cf-worker"], headers["cf-ew-via"], headers["cf-connecting-ip"]], ["empty.org", "15", "2a06:98c0:3600::103"]);
  });
  await t.test("a custom domain in the zone is its script", async () => {
    assert.equal(JSON.parse((await askFor("example.com", "http://app.example.com/?me")).text).name, "two");
  });
  await t.test("global_fetch_strictly_public goes through the front door", async () => {
    assert.equal(JSON.parse((await askFor("public.example.com", "http://two.example.com/?me")).text).name, "two");
    assert.equal(JSON.parse((await askFor("public.example.com", "http://public.example.com/?me")).text).name, "public");
    assert.equal(JSON.parse((await askFor("public.example.com", "http://two.local.workers.dev/?me")).text).name, "two");
    assert.equal((await askFor("public.example.com", "http://nobody.local.workers.dev/")).text, "error code: 1042\n");
  });
  await t.test("a WebSocket goes through the front door to another script", async () => {
    const answer = await ask("sockets.example.com", "/?url=" + encodeURIComponent("http://echo.example.com/"));
    assert.deepEqual(answer, { status: 101, heard: "said echo.example.com 15" });
  });
  await t.test("a page of the front door is text for a script, and in the form it asks for", async () => {
    const html = { accept: "text/html", "user-agent": "Mozilla/5.0", "accept-encoding": "gzip" };
    assert.equal((await askFor("public.example.com", "http://nobody.local.workers.dev/", html)).text, "error code: 1042\n");
    assert.equal(JSON.parse((await askFor("public.example.com", "http://nobody.local.workers.dev/", { accept: "application/json" })).text).error_code, 1042);
  });
  await t.test("a zone without an origin is 523", async () => {
    const answer = await askFor("empty.org", "http://empty.org/");
    assert.deepEqual([answer.status, answer.text], [523, "error code: 523\n"]);
  });
  await t.test("a name that leads to this platform and is none of its hosts is 1024", async () => {
    const answer = await askFor("example.com", `http://localhost:${weir.port}/`);
    assert.deepEqual([answer.status, answer.text], [403, "error code: 1024\n"]);
  });
  await t.test("an origin that refuses is 521 to client and script", async () => {
    const gone = await startOrigin(() => {});
    await gone.close();
    await command(weir, "zone", "set", "empty.org", "--origin", `http://127.0.0.1:${gone.port}`);
    await until(() => weir.request(null, "/", { host: "www.empty.org" }), (answer) => answer.status === 521);
    const page = await weir.request(null, "/", { host: "www.empty.org" });
    assert.deepEqual([page.text, page.headers["retry-after"]], ["error code: 521\n", "120"]);
    const answer = await askFor("empty.org", "http://empty.org/");
    assert.deepEqual([answer.status, answer.text], [521, "error code: 521\n"]);
  });
  await t.test("who forges the client's address is 1000, in every form", async () => {
    const forged = [{ "cf-connecting-ip": "192.0.2.1" }, { "x-forwarded-for": ["192.0.2.1", "192.0.2.2"] }, { "x-forwarded-for": "1".repeat(101) }];
    for (const headers of forged) {
      const page = await weir.request(null, "/?me", { host: "example.com", headers });
      assert.deepEqual([page.status, page.text], [403, "error code: 1000\n"], JSON.stringify(headers));
      assert.match(page.headers["cf-ray"], /^[0-9a-f]{16}-WEI$/);
    }
    const page = await weir.request(null, "/?me", { host: "example.com", headers: { ...forged[0], accept: "application/problem+json" } });
    assert.equal(JSON.parse(page.text).error_code, 1000);
    assert.equal((await ask("example.com", "/?me", { headers: { "x-forwarded-for": "192.0.2.1", "x-real-ip": "192.0.2.3", "cf-ray": "forged", "cf-visitor": "forged" } })).headers["x-real-ip"], "127.0.0.1");
  });
});

// What another script's host answers with in its place is a Response to whoever fetches it.
test("pages of the front door are responses to scripts", async (t) => {
  const one = { code: `export default { async fetch(request) {
    const response = await fetch(request.headers.get("x-url"), { headers: JSON.parse(request.headers.get("x-headers") ?? "{}") });
    return Response.json({ status: response.status, type: response.headers.get("content-type"), ray: response.headers.get("cf-ray"), wait: response.headers.get("retry-after"), text: await response.text() });
  } }` };
  const weir = await startWeir({ one, ok: { code: `export default { fetch() { return new Response("ok"); } }` },
    throws: { code: `export default { fetch() { throw new Error("oops"); } }` }, spins: { code: `export default { fetch() { for (;;); } }`, limits: { cpu_ms: 50 } } });
  t.after(() => weir.stop());
  await command(weir, "zone", "add", "from.test");
  await command(weir, "zone", "add", "to.test", "--origin", "http://nowhere.invalid");
  await command(weir, "account", "add", "other", "--plan", "paid", "--subdomain", "other");
  await command(weir, "zone", "add", "theirs.test", "--account", "other", "--origin", "http://127.0.0.1:1");
  await command(weir, "route", "add", "from.test/*", "--script", "one");
  for (const name of ["ok", "throws", "spins", "gone"]) await command(weir, "route", "add", `${name}.to.test/*`, "--script", name);
  await until(() => weir.request(null, "/", { host: "gone.to.test" }), (answer) => answer.status === 500);
  const ask = async (url, headers) => JSON.parse((await weir.request(null, "/", { host: "from.test", headers: { "x-url": url, ...(headers ? { "x-headers": JSON.stringify(headers) } : {}) } })).text);
  let met = 0;
  const shows = async (url, status, code, wait = null) => {
    const answer = await ask(url);
    assert.deepEqual([answer.status, answer.text, answer.type, answer.wait], [status, `error code: ${code}\n`, "text/plain; charset=UTF-8", wait], url);
    const json = await ask(url, { accept: "application/json" });
    if (json.type.startsWith("application/json")) assert.deepEqual([json.status, JSON.parse(json.text).error_code], [status, code], url);
    else assert.equal(json.text, `error code: ${code}\n`, url);  // no page of the front door: the fetch itself was answered
    met++;
  };
  assert.equal((await ask("http://ok.to.test/")).text, "ok");
  await shows("http://throws.to.test/", 500, 1101);
  await shows("http://spins.to.test/", 503, 1102);
  await shows("http://gone.to.test/", 500, 1022);
  await shows("http://www.to.test/", 530, 1016);
  await shows("http://theirs.test/", 521, 521);
  await shows("http://nobody.other.workers.dev/", 404, 1042);
  await command(weir, "account", "suspend", "other");
  await until(() => weir.request(null, "/", { host: "theirs.test" }), (answer) => answer.status === 403);
  await shows("http://theirs.test/", 403, 1103);
  // 1015 and 1027 are met where the asker takes the last place.
  for (const [limit, code] of [["burst_per_minute", 1015], ["requests_per_day", 1027]]) {
    const outer = () => weir.request(null, "/", { host: "from.test", headers: { "x-url": "http://ok.to.test/" } });
    await command(weir, "account", "set", "local", "--limit", `${limit}=1`);
    await until(outer, (answer) => answer.status === 429);  // the one place is taken
    await command(weir, "account", "set", "local", "--limit", `${limit}=2`);
    let inner;
    await until(outer, (answer) => { inner = answer; return answer.status !== 429; });
    const { status, text, wait } = JSON.parse(inner.text);
    assert.deepEqual([status, text], [429, `error code: ${code}\n`]);
    if (code === 1015) assert.ok(Number(wait) >= 1 && Number(wait) <= 61, wait);
    else assert.equal(wait, null);
    met++;
    await command(weir, "account", "set", "local", "--drop-limit", limit);
    await until(outer, (answer) => answer.status === 200 && JSON.parse(answer.text).text === "ok");
  }
  assert.equal(met, 9);
});

test("loops through zones and custom domains", async (t) => {
  // Each calls the next host of ?ring=, which turns as it goes.
  const turns = { code: `export default { async fetch(request) {
    const url = new URL(request.url);
    const ring = url.searchParams.get("ring").split(",");
    ring.push(ring.shift());
    const response = await fetch("http://" + ring[0] + "/?ring=" + ring, { headers: { "cf-ew-via": "16" } });
    const text = await response.text();
    return new Response(text + (request.headers.get("cf-ew-via") ?? "first") + "@" + url.host + " ", { status: response.status });
  } }` };
  const weir = await startWeir({ a: turns, b: turns });
  t.after(() => weir.stop());
  await command(weir, "zone", "add", "a.org");
  await command(weir, "zone", "add", "b.org");
  await command(weir, "route", "add", "a.org/*", "--script", "a");
  await command(weir, "route", "add", "b.org/*", "--script", "b");
  await command(weir, "domain", "add", "self.a.org", "--script", "a");
  await command(weir, "domain", "add", "lonely.net", "--script", "b");
  await until(() => weir.request(null, "/?ring=nowhere.invalid", { host: "lonely.net" }), (answer) => answer.status === 530);
  let rings = 0;
  for (const ring of [["a.org", "b.org"], ["self.a.org"], ["lonely.net"], ["a.org", "lonely.net", "b.org"], ["self.a.org", "b.org", "lonely.net", "a.org"]]) {
    const answer = await weir.request(null, `/?ring=${ring}`, { host: ring[0] });
    assert.equal(answer.status, 500, `${ring}: ${answer.text}`);
    const [code, ...hops] = answer.text.split(/\n| /).filter(Boolean).join(" ").replace("error code: 1019", "1019").split(" ");
    assert.equal(code, "1019");
    assert.deepEqual(hops.map((hop) => hop.split("@")[0]), [...Array.from({ length: 15 }, (_, i) => String(i + 1)), "first"], `${ring}`);
    assert.deepEqual(hops.map((hop) => hop.split("@")[1]).reverse(), Array.from({ length: 16 }, (_, i) => ring[i % ring.length]));
    rings++;
  }
  assert.equal(rings, 5);
});

test("the platform's own control address is 1024", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--control", "127.0.0.1:0"] });
  t.after(() => weir.stop());
  const [, port] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)/);
  const answer = JSON.parse((await weir.request("one", `/?url=${encodeURIComponent(`http://localhost:${port}/health`)}`)).text);
  assert.deepEqual([answer.status, answer.text], [403, "error code: 1024\n"]);
});
