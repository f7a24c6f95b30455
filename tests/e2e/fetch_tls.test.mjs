// fetch() over TLS: who is believed, and that bodies and connections are as they are without it.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeAuthority } from "./certificates.mjs";
import { answer, chunk, serveRequests, startOrigin } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const code = `
  const describe = (error) => ({ name: error.name, message: error.message, retryable: error.retryable });
  export default { async fetch(request) {
    const url = request.headers.get("x-url");
    const { times = 1, body, abort } = JSON.parse(request.headers.get("x-how") ?? "{}");
    const texts = [];
    try {
      for (let i = 0; i < times; i++) {
        const controller = new AbortController();
        const init = body ? { method: "POST", body: "x".repeat(body), signal: controller.signal } : { signal: controller.signal };
        const response = await fetch(url, init);
        if (abort) { const reader = response.body.getReader(); await reader.read(); controller.abort(); await reader.read(); }
        const text = await response.text();
        texts.push(text.length > 100 ? text.length : text);
      }
      return Response.json({ texts });
    } catch (error) { return Response.json({ texts, error: describe(error) }); }
  } };`;
const kLost = { name: "Error", message: "Network connection lost.", retryable: true };
const kCertificate = "error code: 526\n";
const kHandshake = "error code: 525\n";

test("TLS", async (t) => {
  const authority = makeAuthority();
  const serve = serveRequests(async (request, wire) => {
    if (request.target === "/streams") {
      wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      wire.send(chunk("first"));
      return undefined;
    }
    if (request.target === "/cut") {
      wire.send("HTTP/1.1 200 OK\r\n\r\nuntil the");
      await sleep(20);
      wire.socket.destroy();
      return undefined;
    }
    if (request.target === "/ended") {
      wire.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
      wire.socket.end();
      return undefined;
    }
    return answer(200, {}, request.body.length > 0 ? "y".repeat(request.body.length) : request.target);
  });
  const origin = await startOrigin(serve, authority.server("DNS:localhost,DNS:*.wild.localhost,IP:127.0.0.1"));
  const weir = await startWeir({ f: { code } }, { flags: ["--engines", "1", "--loops", "1", "--ca-file", authority.file] });
  const ask = async (url, how = {}, from = weir) => JSON.parse((await from.request("f", "/", { headers: { "x-url": url, "x-how": JSON.stringify(how) } })).text);
  let cases = 0;
  const it = (name, body) => { cases++; return t.test(name, body); };
  const with_ = async (certificate, use) => {
    const one = await startOrigin(serve, certificate);
    try { await use(one); } finally { one.stop(); }
  };

  await it("a name and an address that the certificate has", async () => {
    assert.deepEqual(await ask(`https://localhost:${origin.port}/a`), { texts: ["/a"] });
    assert.deepEqual(await ask(`https://127.0.0.1:${origin.port}/b`), { texts: ["/b"] });
    assert.deepEqual(await ask(`https://x.wild.localhost:${origin.port}/c`), { texts: ["/c"] });
  });
  await it("sequential requests share one connection", async () => {
    const before = origin.connections;
    assert.equal((await ask(`https://localhost:${origin.port}/r`, { times: 20 })).texts.length, 20);
    assert.equal(origin.connections, before, "the one of before");
  });
  await it("large bodies both ways", async () => {
    assert.deepEqual(await ask(`https://localhost:${origin.port}/l`, { body: 5_000_000 }), { texts: [5_000_000] });
  });
  await it("an abort is seen by the origin", async () => {
    const { error } = await ask(`https://localhost:${origin.port}/streams`, { abort: true });
    assert.equal(error.name, "AbortError");
    await origin.wires.at(-1).toEnd();
  });
  await it("an end without a goodbye cuts a body that lasts until the end", async () => {
    assert.deepEqual((await ask(`https://localhost:${origin.port}/ended`)).texts, ["until the end"]);
    assert.deepEqual((await ask(`https://localhost:${origin.port}/cut`)).error, kLost);
  });
  await it("another name is refused", async () => {
    assert.deepEqual((await ask(`https://other.localhost:${origin.port}/`)).texts, [kCertificate]);
    assert.deepEqual((await ask(`https://a.b.wild.localhost:${origin.port}/`)).texts, [kCertificate]);
    await with_(authority.server("DNS:localhost"), async (one) => {
      assert.deepEqual((await ask(`https://127.0.0.1:${one.port}/`)).texts, [kCertificate], "a name is no address");
    });
  });
  await it("a certificate nobody vouches for is refused", () => with_(authority.server("DNS:localhost", { selfSigned: true }), async (one) => {
    assert.deepEqual((await ask(`https://localhost:${one.port}/`)).texts, [kCertificate]);
  }));
  await it("one of another authority is refused", () => with_(makeAuthority().server("DNS:localhost"), async (one) => {
    assert.deepEqual((await ask(`https://localhost:${one.port}/`)).texts, [kCertificate]);
  }));
  await it("an expired one is refused", () => with_(authority.server("DNS:localhost", { days: -1 }), async (one) => {
    assert.deepEqual((await ask(`https://localhost:${one.port}/`)).texts, [kCertificate]);
  }));
  await it("a plain server is refused", async () => {
    const plain = await startOrigin(async (wire) => {
      await wire.until(() => wire.buffer.length > 0, "a hello");
      wire.send(answer(400));
    });
    assert.deepEqual((await ask(`https://localhost:${plain.port}/`)).texts, [kHandshake]);
    plain.stop();
  });
  await it("nothing of a refused request reached anybody", () => {
    for (const wire of origin.wires) assert.ok(!wire.buffer.includes("HTTP/1.1"));
  });
  const { exit } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });

  await it("without the authority's file its servers are strangers", async () => {
    const strict = await startWeir({ f: { code } }, { flags: ["--engines", "1"] });
    assert.deepEqual((await ask(`https://localhost:${origin.port}/`, {}, strict)).texts, [kCertificate]);
    await strict.stop();
  });
  await it("a file without certificates is one line and exit 2", async () => {
    const file = join(tmpdir(), `weir-no-ca-${process.pid}.pem`);
    writeFileSync(file, "nothing");
    await assert.rejects(startWeir({ f: { code } }, { flags: ["--ca-file", file] }), /^Error: weir ended with 2: weir: --ca-file .*weir-no-ca[^\n]*\n$/);
    await assert.rejects(startWeir({ f: { code } }, { flags: ["--ca-file", "/nowhere.pem"] }), /^Error: weir ended with 2: weir: --ca-file [^\n]*\n$/);
  });
  origin.stop();
  assert.equal(cases, 13);
});
