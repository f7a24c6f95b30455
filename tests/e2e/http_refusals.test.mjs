// What two parsers could read in two ways, and what is over a limit: refused at the edge, the connection closed, and
// nothing of it reaches a script.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const code = `let seen = 0; export default { async fetch(request) {
  if (new URL(request.url).pathname === "/seen") return new Response(String(seen));
  seen++;
  return new Response("ran " + (await request.text()));
} }`;

const H = "Host: a.local.workers.localhost\r\n";
const get = (more = "", target = "/") => `GET ${target} HTTP/1.1\r\n${H}${more}\r\n`;
const post = (more, body = "") => `POST / HTTP/1.1\r\n${H}${more}\r\n${body}`;
const chunked = (body) => post("Transfer-Encoding: chunked\r\n", body);
// What would be a request of its own if somebody read the one before as shorter.
const hidden = "GET /smuggled HTTP/1.1\r\nHost: a.local.workers.localhost\r\n\r\n";

/** name → [status, bytes]; every one is followed by another request on the same connection. */
const refused = {
  // Lengths
  "both lengths": [400, post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG")],
  "both lengths, other order": [400, post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n")],
  "two lengths that differ": [400, post("Content-Length: 0\r\nContent-Length: 5\r\n", "hello")],
  "two lengths that agree": [400, post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")],
  "a list of lengths": [400, post("Content-Length: 5, 5\r\n", "hello")],
  "a signed length": [400, post("Content-Length: +5\r\n", "hello")],
  "a negative length": [400, post("Content-Length: -1\r\n", "hello")],
  "a hexadecimal length": [400, post("Content-Length: 0x5\r\n", "hello")],
  "a length with a space inside": [400, post("Content-Length: 1 0\r\n", "hello")],
  "an empty length": [400, post("Content-Length:\r\n", "hello")],
  "a length over 63 bits": [400, post("Content-Length: 18446744073709551621\r\n", "hello")],
  // Transfer codings
  "an unknown coding": [400, post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")],
  "chunked, then identity": [400, post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")],
  "identity": [400, post("Transfer-Encoding: identity\r\n", "0\r\n\r\n")],
  "gzip, then chunked": [501, post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")],
  "chunked with a parameter": [400, post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n")],
  "chunked in quotes": [400, post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")],
  "chunked behind a vertical tab": [400, post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n")],
  "two codings": [400, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")],
  "an empty coding": [400, post("Transfer-Encoding:\r\n", "0\r\n\r\n")],
  "chunked on HTTP/1.0": [400, `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  // Lines
  "a folded field": [400, get("X-A: b\r\n c\r\n")],
  "a folded field with a tab": [400, get("X-A: b\r\n\tc\r\n")],
  "a fold as the first field": [400, `GET / HTTP/1.1\r\n X-A: b\r\n${H}\r\n`],
  "a bare line feed in a field": [400, get("X-A: b\nX-C: d\r\n")],
  "a bare line feed behind the request line": [400, `GET / HTTP/1.1\n${H}\r\n`],
  "bare line feeds everywhere": [400, "GET / HTTP/1.1\nHost: a.local.workers.localhost\n\n"],
  "a bare carriage return in a field": [400, get("X-A: b\rX-C: d\r\n")],
  "two empty lines before a request": [400, `\r\n\r\n${get()}`],
  // Fields
  "a space before the colon": [400, get("X-A : b\r\n")],
  "a tab before the colon": [400, get("X-A\t: b\r\n")],
  "a space before the length's colon": [400, post("Content-Length : 5\r\n", "hello")],
  "no colon": [400, get("X-A b\r\n")],
  "no name": [400, get(": b\r\n")],
  "a space in a name": [400, get("X A: b\r\n")],
  "NUL in a name": [400, get("X\0A: b\r\n")],
  "NUL in a value": [400, get("X-A: b\0c\r\n")],
  "a control in a value": [400, get("X-A: b\x01c\r\n")],
  "DEL in a value": [400, get("X-A: b\x7fc\r\n")],
  "a byte over 127 in a name": [400, get("X-\xe4: b\r\n")],
  "a bracket in a name": [400, get("X(A): b\r\n")],
  // Request lines
  "no target": [400, `GET HTTP/1.1\r\n${H}\r\n`],
  "two spaces": [400, `GET  / HTTP/1.1\r\n${H}\r\n`],
  "a space in the target": [400, `GET /a b HTTP/1.1\r\n${H}\r\n`],
  "a tab for a space": [400, `GET\t/ HTTP/1.1\r\n${H}\r\n`],
  "a fragment": [400, `GET /#a HTTP/1.1\r\n${H}\r\n`],
  "NUL in the target": [400, `GET /\0 HTTP/1.1\r\n${H}\r\n`],
  "a relative target": [400, `GET a HTTP/1.1\r\n${H}\r\n`],
  "a star for another method": [400, `GET * HTTP/1.1\r\n${H}\r\n`],
  "another scheme": [400, `GET ftp://a/ HTTP/1.1\r\n${H}\r\n`],
  "user information": [400, `GET http://u@a.local.workers.localhost/ HTTP/1.1\r\n${H}\r\n`],
  "no version": [400, `GET /\r\n${H}\r\n`],
  "a lower-case version": [400, `GET / http/1.1\r\n${H}\r\n`],
  "a version of three parts": [400, `GET / HTTP/1.1.1\r\n${H}\r\n`],
  "another major version": [505, `GET / HTTP/2.0\r\n${H}\r\n`],
  "HTTP/2's preface": [505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  "CONNECT": [501, `CONNECT a:443 HTTP/1.1\r\n${H}\r\n`],
  "a method of 33 characters": [501, `${"M".repeat(33)} / HTTP/1.1\r\n${H}\r\n`],
  "a bracket in the method": [400, `G(T / HTTP/1.1\r\n${H}\r\n`],
  "a TLS hello": [400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  // Hosts
  "no host": [400, "GET / HTTP/1.1\r\n\r\n"],
  "two hosts": [400, get("Host: b\r\n")],
  "two hosts that agree": [400, get(H)],
  "an empty host": [400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"],
  "a host with a path": [400, "GET / HTTP/1.1\r\nHost: a.local.workers.localhost/x\r\n\r\n"],
  "a host with user information": [400, "GET / HTTP/1.1\r\nHost: u@a.local.workers.localhost\r\n\r\n"],
  "a host with a comma": [400, "GET / HTTP/1.1\r\nHost: a.local.workers.localhost, b\r\n\r\n"],
  "a host with a bad port": [400, "GET / HTTP/1.1\r\nHost: a.local.workers.localhost:99999\r\n\r\n"],
  "an authority that is not the host": [400, `GET http://b.local.workers.localhost/ HTTP/1.1\r\n${H}\r\n`],
  "an authority whose port is not the host's": [400, `GET http://a.local.workers.localhost:81/ HTTP/1.1\r\n${H}\r\n`],
  "an absolute target without a host": [400, "GET http://a.local.workers.localhost/ HTTP/1.1\r\n\r\n"],
  // Limits
  "a target over 16 KiB": [414, get("", `/${"a".repeat(17 << 10)}`)],
  "a request line that never ends": [414, `GET /${"a".repeat(200 << 10)}`],
  "a field over 128 KiB": [431, get(`X-A: ${"b".repeat(140 << 10)}\r\n`)],
  "fields over 128 KiB together": [431, get(Array.from({ length: 200 }, (_, i) => `X-${i}: ${"b".repeat(800)}\r\n`).join(""))],
  "more than 256 fields": [431, get("X-A: b\r\n".repeat(300))],
};

/** Bodies that go wrong after the script may have begun: the client is told, and the script's answer is not what it gets. */
const broken = {
  "a chunk size that is no number": [400, "xyz\r\nhello\r\n0\r\n\r\n"],
  "a signed chunk size": [400, "+5\r\nhello\r\n0\r\n\r\n"],
  "a negative chunk size": [400, "-5\r\nhello\r\n0\r\n\r\n"],
  "a chunk size with 0x": [400, "0x5\r\nhello\r\n0\r\n\r\n"],
  "a chunk size behind a space": [400, " 5\r\nhello\r\n0\r\n\r\n"],
  "a chunk size before a space": [400, "5 \r\nhello\r\n0\r\n\r\n"],
  "a chunk size over 64 bits": [400, "10000000000000005\r\nhello\r\n0\r\n\r\n"],
  "an empty chunk size": [400, "\r\nhello\r\n0\r\n\r\n"],
  "a bare line feed behind a chunk size": [400, "5\nhello\r\n0\r\n\r\n"],
  "a chunk longer than its size": [400, "3\r\nhello\r\n0\r\n\r\n"],
  "a chunk shorter than its size": [400, "8\r\nhello\r\n0\r\n\r\n"],
  "a bare line feed behind a chunk": [400, "5\r\nhello\n0\r\n\r\n"],
  "a control in a chunk extension": [400, "5;a=\x01\r\nhello\r\n0\r\n\r\n"],
  "a line feed in a chunk extension": [400, "5;a\nb\r\nhello\r\n0\r\n\r\n"],
  "an endless chunk extension": [400, `5;${"a".repeat(8 << 10)}\r\nhello\r\n0\r\n\r\n`],
  "a folded trailer": [400, "0\r\nX-A: b\r\n c\r\n\r\n"],
  "a trailer without a colon": [400, "0\r\nX-A\r\n\r\n"],
  "trailers over their bound": [431, `0\r\n${`X-A: ${"b".repeat(1000)}\r\n`.repeat(150)}\r\n`],
  "more bytes than allowed": [413, `${(150_000).toString(16)}\r\n${"a".repeat(150_000)}\r\n0\r\n\r\n`],
  "a chunk that is announced over the bound": [413, "fffffff\r\n"],
};

test("refusals", async (t) => {
  const weir = await startWeir({ a: { code } }, { flags: ["--engines", "1", "--body-bytes", "100000"] });
  const counter = await connect(weir.port);
  const seen = async () => (await counter.get(get("", "/seen"))).text;
  let cases = 0;
  for (const [name, [status, bytes]] of Object.entries(refused)) {
    cases++;
    await t.test(name, async () => {
      const client = await connect(weir.port);
      client.send(Buffer.from(bytes + hidden, "latin1"));
      const response = await client.response();
      assert.equal(response.status, status);
      assert.equal(response.headers.connection, "close");
      assert.match(response.headers["content-type"], /^text\/plain/);
      assert.match(response.headers["cf-ray"], /^[0-9a-f]{16}-WEI$/);
      assert.equal(await client.end(), "end");
      assert.equal(client.buffer.length, 0, "one answer, and nothing behind it");
      assert.equal(await seen(), "0", "nothing reaches the script");
    });
  }
  for (const [name, [status, body]] of Object.entries(broken)) {
    cases++;
    await t.test(name, async () => {
      const client = await connect(weir.port);
      client.send(chunked(""));
      client.send(Buffer.from(body + hidden, "latin1"));
      const response = await client.response();
      assert.equal(response.status, status);
      assert.equal(response.headers.connection, "close");
      assert.equal(await client.end(), "end");
      assert.equal(client.buffer.length, 0, "one answer, and nothing behind it");
    });
  }
  await t.test("a length over the bound is 413 before the script runs", async () => {
    const before = await seen();
    for (const more of ["", "Expect: 100-continue\r\n"]) {
      const client = await connect(weir.port);
      client.send(post(`Content-Length: 1000001\r\n${more}`));
      const response = await client.response();
      assert.equal(response.status, 413);
      assert.equal(response.headers.connection, "close");
    }
    assert.equal(await seen(), before);
    const client = await connect(weir.port);
    assert.equal((await client.get(post("Content-Length: 100000\r\n", "a".repeat(100000)))).status, 200, "up to the bound it runs");
  });
  await t.test("refusals come in the form that was asked for, as far as it is known", async () => {
    const client = await connect(weir.port);
    const response = await client.get(post("Content-Length: 1000001\r\nAccept: application/problem+json\r\n"));
    assert.match(response.headers["content-type"], /^application\/problem\+json/);
    assert.equal(JSON.parse(response.text).status, 413);
  });
  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.ok(!traces.some((trace) => JSON.stringify(trace).includes("smuggled")));
  assert.equal(cases, 96);
});
