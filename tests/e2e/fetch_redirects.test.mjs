// Redirects that fetch() follows, and those it does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, serveRequests, startOrigin } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const code = `
  const describe = (error) => ({ name: error.name, message: error.message });
  const show = async (response) => ({ status: response.status, url: response.url, redirected: response.redirected, location: response.headers.get("location"), text: await response.text() });
  const bodies = {
    text: () => "body text",
    large: () => "0123456789".repeat(40000),
    stream: () => new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("stream")); c.close(); } }),
    endless: () => new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1000)); return scheduler.wait(1); }, cancel() { globalThis.cancelled = true; } }),
  };
  export default { async fetch(request) {
    const url = request.headers.get("x-url");
    const { body, more, ...init } = JSON.parse(request.headers.get("x-init") ?? "{}");
    if (body !== undefined) init.body = bodies[body]();
    try {
      if (more) for (let i = 1; i < more; i++) await (await fetch(url, init)).text();
      return Response.json({ ...await show(await fetch(url, init)), cancelled: globalThis.cancelled });
    } catch (error) { return Response.json({ error: describe(error) }); }
  } };`;

/** What a request was, as the target tells it. */
function tell(request) {
  const { authorization = null, cookie = null, "content-type": type = null, "content-length": length = null, "x-kept": kept = null } = request.headers;
  return answer(200, {}, JSON.stringify({ method: request.method, target: request.target, body: request.body.length > 50 ? request.body.length : request.body.toString(), authorization, cookie, type, length, kept }));
}

test("redirects", async (t) => {
  const other = await startOrigin(serveRequests((request) => tell(request)));
  const asked = [];
  const origin = await startOrigin(serveRequests(async (request, wire) => {
    asked.push(request.target);
    const url = new URL(request.target, "http://x");
    const status = Number(url.searchParams.get("status") ?? 302);
    switch (url.pathname) {
      case "/to": return answer(status, { location: url.searchParams.get("to") }, "a body nobody sees");
      case "/loop": return answer(302, { location: "/loop" });
      case "/count": return Number(url.searchParams.get("n")) === 0 ? answer(200, {}, "landed") : answer(302, { location: `/count?n=${url.searchParams.get("n") - 1}` });
      case "/nowhere": return answer(302);
      case "/raw": return Buffer.from(`HTTP/1.1 302 X\r\nLocation: ${url.searchParams.get("to")}\r\nContent-Length: 0\r\n\r\n`, "utf8");
      default: return tell(request);
    }
  }));
  const slow = await startOrigin(async (wire) => {  // answers 303 in the middle of a body
    const { first } = await wire.head();
    if (!first.startsWith("POST /early")) return void wire.send(answer(200, {}, first));
    await wire.chunk();
    wire.send(answer(303, { location: "/after" }));
  });
  const weir = await startWeir({ f: { code }, few: { code, limits: { subrequests: 5 } } }, { flags: ["--engines", "1", "--loops", "1"] });
  const ask = async (path, init = {}, { script = "f", base = origin.url } = {}) =>
    JSON.parse((await weir.request(script, "/", { headers: { "x-url": base + path, "x-init": JSON.stringify(init) } })).text);
  const to = (location, status = 302) => `/to?status=${status}&to=${encodeURIComponent(location)}`;
  let cases = 0;
  const it = (name, body) => { cases++; return t.test(name, body); };

  await it("are followed; the response says where it came from", async () => {
    const shown = await ask(to("/landed?x#fragment"));
    assert.equal(shown.url, `${origin.url}/landed?x`);
    assert.equal(shown.redirected, true);
    assert.equal(JSON.parse(shown.text).target, "/landed?x");
    const direct = await ask("/landed");
    assert.deepEqual([direct.redirected, direct.url], [false, `${origin.url}/landed`]);
  });
  await it("references are read as browsers read them", async () => {
    let checked = 0;
    for (const [location, target] of [["next", "/next"], ["./a/../b", "/b"], [`//127.0.0.1:${origin.port}/c`, "/c"], ["/a b", "/a%20b"], ["/\u00e4|{}", "/%C3%A4|%7B%7D"], [`HTTP://127.0.0.1:${origin.port}/d`, "/d"], ["\\e", "/e"]]) {
      assert.equal(JSON.parse((await ask(`/raw?to=${encodeURIComponent(location)}`)).text).target, target, location);
      checked++;
    }
    assert.equal(checked, 7);
  });
  await it("methods and bodies are rewritten or kept", async () => {
    let checked = 0;
    for (const [status, method, becomes] of [[301, "POST", "GET"], [302, "POST", "GET"], [303, "POST", "GET"], [303, "PUT", "GET"], [301, "PUT", "PUT"], [302, "DELETE", "DELETE"], [307, "POST", "POST"], [308, "POST", "POST"], [307, "PATCH", "PATCH"], [303, "HEAD", "HEAD"], [301, "GET", "GET"]]) {
      const hasBody = method !== "HEAD" && method !== "GET";
      const shown = await ask(to("/landed", status), { method, ...(hasBody ? { body: "text" } : {}), headers: { "x-kept": "1" } });
      if (becomes === "HEAD") {
        assert.equal(shown.status, 200);
      } else {
        const seen = JSON.parse(shown.text);
        const kept = hasBody && becomes !== "GET";
        assert.deepEqual([seen.method, seen.body, seen.type, seen.kept], [becomes, kept ? "body text" : "", kept ? "text/plain;charset=UTF-8" : null, "1"], `${status} ${method}`);
      }
      checked++;
    }
    assert.equal(checked, 11);
  });
  await it("a large body at hand is sent again, hop after hop", async () => {
    const seen = JSON.parse((await ask(to(to("/landed", 308), 307), { method: "POST", body: "large" })).text);
    assert.deepEqual([seen.method, seen.body, seen.length], ["POST", 400000, "400000"]);
    const across = JSON.parse((await ask(to(`${other.url}/x`, 307), { method: "PUT", body: "large" })).text);
    assert.deepEqual([across.method, across.body], ["PUT", 400000]);
    const dropped = JSON.parse((await ask(to("/landed", 303), { method: "POST", body: "large" })).text);
    assert.deepEqual([dropped.method, dropped.body, dropped.length], ["GET", "", null]);
  });
  await it("a stream is not, and is dropped where it need not be", async () => {
    const { error } = await ask(to("/landed", 307), { method: "POST", body: "stream" });
    assert.equal(error.name, "TypeError");
    assert.match(error.message, /^A request with a one-time-use body /);
    const seen = JSON.parse((await ask(to("/landed", 303), { method: "POST", body: "stream" })).text);
    assert.deepEqual([seen.method, seen.body], ["GET", ""]);
  });
  await it("303 in the middle of a stream cancels it", async () => {
    const shown = await ask("/early", { method: "POST", body: "endless" }, { base: slow.url });
    assert.equal(shown.text, "GET /after HTTP/1.1");
    assert.equal(shown.cancelled, true);
  });
  await it("credentials do not go to another origin", async () => {
    const headers = { Authorization: "secret", Cookie: "a=b", "X-Kept": "1" };
    const same = JSON.parse((await ask(to("/landed"), { headers })).text);
    assert.deepEqual([same.authorization, same.cookie, same.kept], ["secret", "a=b", "1"]);
    const across = JSON.parse((await ask(to(`${other.url}/x`), { headers })).text);
    assert.deepEqual([across.authorization, across.cookie, across.kept], [null, null, "1"]);
    const back = JSON.parse((await ask(to(`http://localhost:${origin.port}/landed`), { headers })).text);
    assert.deepEqual([back.authorization, back.cookie], [null, null], "the same server by another name");
  });
  await it("manual gives the redirect itself", async () => {
    const shown = await ask(to("/landed"), { redirect: "manual" });
    assert.deepEqual([shown.status, shown.location, shown.redirected, shown.text], [302, "/landed", false, "a body nobody sees"]);
  });
  await it("error refuses it", async () => {
    const { error } = await ask(to("/landed"), { redirect: "error" });
    assert.equal(error.name, "TypeError");
    assert.equal((await ask("/landed", { redirect: "error" })).status, 200);
  });
  await it("without a Location it is a response like any other", async () => {
    assert.equal((await ask("/nowhere")).status, 302);
  });
  await it("to what is no http URL it fails", async () => {
    let checked = 0;
    for (const location of ["ftp://a/", "javascript:alert(1)", "http://", "http://a b/", "mailto:x@y", "data:text/plain,x", `http://127.0.0.1:99999/`]) {
      assert.deepEqual((await ask(to(location))).error, { name: "TypeError", message: "Invalid Location header; unable to follow redirect." }, location);
      checked++;
    }
    assert.equal(checked, 7);
  });
  await it("twenty are followed, no more", async () => {
    assert.equal((await ask("/count?n=20")).text, "landed");
    asked.length = 0;
    assert.deepEqual((await ask("/loop")).error, { name: "TypeError", message: "Too many redirects." });
    assert.equal(asked.length, 21);
  });
  await it("each counts as a subrequest", async () => {
    assert.equal((await ask("/count?n=4", {}, { script: "few" })).text, "landed");
    assert.deepEqual((await ask("/count?n=5", {}, { script: "few" })).error, { name: "Error", message: "Too many subrequests by single Worker invocation." });
    assert.equal((await ask("/count?n=0", { more: 5 }, { script: "few" })).text, "landed");
    assert.deepEqual((await ask("/count?n=1", { more: 3 }, { script: "few" })).error, { name: "Error", message: "Too many subrequests by single Worker invocation." });
  });

  const { exit, traces } = await weir.stop();
  for (const one of [origin, other, slow]) one.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  for (const trace of traces) assert.equal(trace.outcome, "ok");
  assert.doesNotMatch(weir.output(), /starting another/);
  assert.equal(cases, 13);
});
