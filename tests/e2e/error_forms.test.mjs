// Every numbered error that a client can meet, met for real, in each of its forms: status, fields, body.
import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import tls from "node:tls";
import { makeAuthority } from "./certificates.mjs";
import { enginesOf, until } from "./processes.mjs";
import { connect } from "./raw.mjs";
import { command, startWeir } from "./weir.mjs";

const browser = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0";
const forms = {
  html: [{ accept: "text/html,application/xhtml+xml,*/*;q=0.8", "user-agent": browser, "accept-encoding": "gzip" }, "text/html; charset=UTF-8"],
  text: [{ "user-agent": "curl/8.0", accept: "*/*" }, "text/plain; charset=UTF-8"],
  json: [{ accept: "application/json" }, "application/json; charset=utf-8"],
  problem: [{ accept: "application/problem+json" }, "application/problem+json; charset=utf-8"],
  markdown: [{ accept: "text/markdown" }, "text/markdown; charset=utf-8"],
};

const scripts = {
  hello: { code: `export default { async fetch(request) { await request.text(); return new Response("hello"); } }` },
  throws: { code: `export default { fetch() { throw new Error("oops"); } }` },
  spins: { code: `export default { fetch() { for (;;); } }`, limits: { cpu_ms: 50 } },
};

/** That an answer is the page of a code in the form that was asked for. */
function hasForm(answer, form, code, status, { zone, retryAfter } = {}) {
  assert.equal(answer.status, status, answer.text.slice(0, 300));
  assert.equal(answer.headers["content-type"], forms[form][1]);
  assert.match(answer.headers["cf-ray"], /^[0-9a-f]{16}-WEI$/);
  assert.match(answer.headers["cache-control"], /no-store/);
  const wait = answer.headers["retry-after"];
  if (retryAfter === "some") assert.ok(Number(wait) > 0 && Number(wait) <= 61, wait);
  else assert.equal(wait, retryAfter);
  const ray = answer.headers["cf-ray"].slice(0, 16);
  if (form === "text") assert.equal(answer.text, `error code: ${code}\n`);
  if (form === "json" || form === "problem") {
    const body = JSON.parse(answer.text);
    assert.deepEqual([body.type, body.error_code, body.status, body.ray_id, body.instance, body.cloudflare_error, body.zone ?? null],
      [`https://errors.example/${code}`, code, status, ray, ray, true, zone]);
    assert.match(body.title, new RegExp(`^Error ${code}: .`));
    assert.equal(body.retry_after, wait === undefined ? undefined : Number(wait));
  }
  if (form === "markdown") {
    assert.match(answer.text, new RegExp(`^---\\nerror_code: ${code}\\n[^]*\\nstatus: ${status}\\n[^]*\\n---\\n\\n# Error ${code}: `));
    assert.ok(answer.text.includes(ray));
  }
  if (form === "html") {
    assert.match(answer.text, /^<!DOCTYPE html>/);
    assert.ok(answer.text.includes(String(code)) && answer.text.includes(ray) && answer.text.includes(zone ?? ""));
    assert.ok(answer.text.includes(`https://errors.example/${code}`));
  }
}

const docs = ["--error-docs-url", "https://errors.example/{code}"];
/** The fields that ask for a form, as bytes of a head. */
const fieldsOf = (form) => Object.entries(forms[form][0]).map(([name, value]) => `${name}: ${value}\r\n`).join("");

test("each numbered error in each form", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--fetch-response-ms", "200", "--fetch-connect-ms", "400", "--outbound-deny", "127.0.0.9", ...docs] });
  t.after(() => weir.stop());
  const origin = http.createServer((request, response) => { if (request.url !== "/slow") request.socket.destroy(); }).listen(0, "127.0.0.1");
  const plain = net.createServer((socket) => { socket.on("error", () => {}); socket.end("no TLS\r\n"); }).listen(0, "127.0.0.1");
  // Takes the connection and says nothing: no handshake ends in time.
  const silent = net.createServer((socket) => { socket.on("error", () => {}); }).listen(0, "127.0.0.1");
  const untrusted = tls.createServer(makeAuthority().server("IP:127.0.0.1", { selfSigned: true })).listen(0, "127.0.0.1");
  untrusted.on("tlsClientError", () => {});
  const servers = [origin, plain, silent, untrusted];
  await Promise.all(servers.map((server) => once(server, "listening")));
  t.after(() => { for (const server of servers) server.close(); origin.closeAllConnections(); });
  const zones = { "breaks.test": `http://127.0.0.1:${origin.address().port}`, "gone.test": "http://127.0.0.1:1", "nameless.test": "http://nowhere.invalid", "tls.test": `https://127.0.0.1:${plain.address().port}`,
    "silent.test": `https://127.0.0.1:${silent.address().port}`, "untrusted.test": `https://127.0.0.1:${untrusted.address().port}`, "nowhere.test": "http://224.0.0.1:80",
    "denied.test": "http://127.0.0.9:1", "self.test": `http://127.0.0.1:${weir.port}` };
  for (const [name, url] of Object.entries(zones)) await command(weir, "zone", "add", name, "--origin", url);
  await command(weir, "zone", "add", "none.test");
  await command(weir, "route", "add", "undeployed.none.test/*", "--script", "undeployed");
  const limited = async (limit, run) => {
    await command(weir, "account", "set", "local", "--limit", limit);
    while ((await weir.request("hello")).status === 200);
    await run();
    await command(weir, "account", "set", "local", "--drop-limit", limit.split("=")[0]);
    while ((await weir.request("hello")).status !== 200);
  };
  let met = 0;
  const meets = async (code, status, { host, path = "/", method = "GET", headers = {}, zone = host, retryAfter } = {}) => {
    for (const [form, [asks]] of Object.entries(forms)) {
      await t.test(`${code} as ${form}`, async () => {
        const answer = await weir.request(null, path, { host, method, headers: { ...asks, ...headers } });
        hasForm(answer, form, code, status, { zone, retryAfter });
        met++;
      });
    }
  };
  const hello = "hello.local.workers.dev";
  while ((await weir.request(null, "/", { host: "undeployed.none.test" })).status !== 500);
  await meets(400, 400, { host: "two hosts", zone: null });
  await meets(404, 404, { host: hello, path: "/cdn-cgi/error/1234" });
  await meets(413, 413, { host: hello, method: "POST", headers: { "content-length": "100000001" } });
  await meets(414, 414, { host: hello, path: `/${"a".repeat(17 << 10)}` });
  await meets(417, 417, { host: hello, headers: { expect: "tea" } });
  await meets(431, 431, { host: hello, headers: { "x-long": "b".repeat(140 << 10) } });
  await meets(501, 501, { host: hello, method: "M".repeat(33) });
  await meets(1000, 403, { host: hello, headers: { "cf-connecting-ip": "192.0.2.1" } });
  await meets(1003, 403, { host: "192.0.2.1" });
  await meets(1016, 530, { host: "nameless.test" });
  await meets(1019, 500, { host: hello, headers: { "cf-ew-via": "0" } });
  await meets(1021, 403, { host: "denied.test" });
  await meets(1024, 403, { host: "self.test" });
  await meets(1022, 500, { host: "undeployed.none.test" });
  await meets(1042, 404, { host: "nobody.local.workers.dev" });
  await meets(1101, 500, { host: "throws.local.workers.dev" });
  await meets(1102, 503, { host: "spins.local.workers.dev" });
  await meets(520, 520, { host: "breaks.test", retryAfter: "60" });
  await meets(521, 521, { host: "gone.test", retryAfter: "120" });
  await meets(522, 522, { host: "silent.test", retryAfter: "120" });
  await meets(523, 523, { host: "none.test", retryAfter: "120" });
  await meets(523, 523, { host: "nowhere.test", retryAfter: "120" });
  await meets(524, 524, { host: "breaks.test", path: "/slow", retryAfter: "120" });
  await meets(525, 525, { host: "tls.test" });
  await meets(526, 526, { host: "untrusted.test" });
  await limited("burst_per_minute=1", () => meets(1015, 429, { host: hello, retryAfter: "some" }));
  await limited("requests_per_day=1", () => meets(1027, 429, { host: hello }));
  await command(weir, "account", "suspend", "local");
  while ((await weir.request("hello")).status === 200);
  await meets(1103, 403, { host: hello });
  assert.equal(met, 28 * Object.keys(forms).length);
});

test("what no whole HTTP/1.1 request asked for", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--head-ms", "300", "--body-stall-ms", "300", ...docs] });
  t.after(() => weir.stop());
  const host = "hello.local.workers.dev";
  const cases = {
    "505: another version": [505, (asks) => `GET / HTTP/2.0\r\nHost: ${host}\r\n${asks}\r\n`],
    "408: a head that stops": [408, (asks) => `GET / HTTP/1.1\r\nHost: ${host}\r\n${asks}X-More: `],
    "408: a body that stops": [408, (asks) => `POST / HTTP/1.1\r\nHost: ${host}\r\n${asks}Content-Length: 5\r\n\r\nab`],
  };
  for (const [name, [code, head]] of Object.entries(cases)) {
    for (const form of Object.keys(forms)) {
      await t.test(`${name}, as ${form}`, async () => {
        const client = await connect(weir.port);
        const answer = await client.get(head(fieldsOf(form)));
        hasForm(answer, form, code, code, { zone: host });
        assert.equal(answer.headers.connection, "close");
        assert.equal(await client.end(), "end");
      });
    }
  }
});

test("an engine that ends under a request, and one that has no room", async (t) => {
  const code = `const kept = []; export default { async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/held") return new Response(await (await fetch(request.headers.get("x-origin"))).text());
    if (pathname === "/hold") {
      for (let i = 0; i < 100; i++) kept.push(new Uint8Array(1 << 20).fill(i));
      const { readable, writable } = new TransformStream();
      writable.getWriter().write(new Uint8Array(1));
      request.body.pipeTo(new WritableStream({}));
      return new Response(readable);
    }
    return new Response("runs");
  } }`;
  const weir = await startWeir({ holds: { code }, late: { code } },
    { flags: ["--engines", "1", "--loops", "1", "--replica-queue-ms", "60000", "--engine-memory-mb", "64", "--engine-memory-percent", "2000", ...docs] });
  t.after(() => weir.stop());
  let reached;
  const origin = http.createServer(() => reached()).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const ask = (form, script, path) => weir.request(script, path, { host: `${script}.local.workers.dev`, headers: { ...forms[form][0], "x-origin": `http://localhost:${origin.address().port}/` } });
  for (const form of Object.keys(forms)) {
    await t.test(`1104 as ${form}`, async () => {
      const held = new Promise((done) => { reached = done; });
      const [engine] = await until("an engine", () => { const all = enginesOf(weir.pid); return all.length === 1 && all; });
      const answer = ask(form, "holds", "/held");
      await held;
      process.kill(engine.pid, "SIGKILL");
      hasForm(await answer, form, 1104, 500, { zone: "holds.local.workers.dev" });
    });
  }
  // The first turn of an isolate is weighed at its end.
  const client = http.request({ port: weir.port, host: "127.0.0.1", method: "POST", path: "/hold", headers: { host: "holds.local.workers.localhost" } });
  t.after(() => client.destroy());
  client.on("error", () => {});
  client.write("begin");
  const [response] = await once(client, "response");
  response.on("error", () => {});
  await once(response, "data");
  assert.equal((await weir.request("holds")).text, "runs", "what it has goes on");
  for (const form of Object.keys(forms)) {
    await t.test(`1105 as ${form}`, async () => hasForm(await ask(form, "late", "/"), form, 1105, 503, { zone: "late.local.workers.dev" }));
  }
});
