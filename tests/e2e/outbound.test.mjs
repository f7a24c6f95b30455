// Where scripts may connect to: the internet and what the operator opens, judged by the address that is connected to.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { command, startWeir } from "./weir.mjs";

const scripts = {
  ask: { code: `export default { async fetch(request) { const url = new URL(request.url).searchParams.get("url");
    const response = await fetch(url); return Response.json({ status: response.status, text: await response.text() }); } }` },
};

test("outbound requests", async (t) => {
  let reached = 0;
  const origin = http.createServer((request, response) => {
    reached++;
    if (request.url === "/away") response.writeHead(302, { location: "http://127.0.0.9:1/" }).end();
    else if (request.url === "/mapped") response.writeHead(302, { location: `http://[::ffff:10.0.0.1]:${origin.address().port}/` }).end();
    else if (request.url.startsWith("/to?")) response.writeHead(307, { location: decodeURIComponent(request.url.slice(4)) }).end();
    else response.end("origin");
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  const { port } = origin.address();
  const asks = (weir) => async (url) => JSON.parse((await weir.request("ask", "/?url=" + encodeURIComponent(url))).text);

  await t.test("what the internet cannot reach is refused", async () => {
    const weir = await startWeir(scripts, { outbound: [] });
    const ask = asks(weir);
    let checked = 0;
    for (const [url, status, code] of [
      [`http://127.0.0.1:${port}/`, 403, 1003],
      [`http://[::1]:${port}/`, 403, 1003],
      ["http://1.1.1.1/", 403, 1003],
      [`http://localhost:${port}/`, 403, 1021],
      [`http://any.localhost:${port}/`, 403, 1021],
      [`https://localhost:${port}/`, 403, 1021],
      ["http://nowhere.invalid/", 530, 1016],
    ]) {
      assert.deepEqual(await ask(url), { status, text: `error code: ${code}\n` }, url);
      checked++;
    }
    assert.equal(checked, 7);
    assert.equal(reached, 0);
    await weir.stop();
  });
  await t.test("the operator opens and shuts; redirects are judged like the first request", async () => {
    const weir = await startWeir(scripts, { outbound: ["--outbound-allow", "127.0.0.0/8", "--outbound-deny", "127.0.0.9/32,10.0.0.0/8"] });
    const ask = asks(weir);
    assert.deepEqual(await ask(`http://127.0.0.1:${port}/`), { status: 200, text: "origin" });
    assert.deepEqual(await ask(`http://localhost:${port}/`), { status: 200, text: "origin" });
    assert.deepEqual(await ask(`http://127.0.0.1:${port}/away`), { status: 403, text: "error code: 1021\n" });
    assert.deepEqual(await ask(`http://127.0.0.1:${port}/mapped`), { status: 403, text: "error code: 1003\n" });
    assert.equal(reached, 4);
    await weir.stop();
  });
  await t.test("what a zone's origin may be reached by is nothing for a script", async () => {
    const weir = await startWeir(scripts, { outbound: [] });
    await command(weir, "zone", "add", "inside.test", "--origin", `http://localhost:${port}`);
    while ((await weir.request(null, "/", { host: "inside.test" })).text !== "origin");
    // The connection is open still, to the same name and port.
    const before = reached;
    assert.deepEqual(await asks(weir)(`http://localhost:${port}/`), { status: 403, text: "error code: 1021\n" });
    assert.equal(reached, before);
    await weir.stop();
  });
  await t.test("nobody reaches the platform's own addresses, by whatever name they have", async () => {
    const weir = await startWeir(scripts, { outbound: ["--outbound-allow", "0.0.0.0/0,::/0"] });
    const [, control] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)/);
    const ask = asks(weir);
    let checked = 0;
    for (const own of [control, weir.port]) {
      for (const host of ["127.0.0.1", "127.1", "2130706433", "localhost", "0.0.0.0", "0", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]", "[::]", "[::127.0.0.1]"]) {
        assert.deepEqual(await ask(`http://${host}:${own}/health`), { status: 403, text: "error code: 1024\n" }, host);
        const zone = `z${++checked}.test`;
        await command(weir, "zone", "add", zone, "--origin", `http://${host === "127.1" || host === "0" || host === "2130706433" ? "localhost" : host}:${own}`);
        let answer;
        do answer = await weir.request(null, "/health", { host: zone }); while (answer.status === 404);
        assert.deepEqual([answer.status, answer.text], [403, "error code: 1024\n"], `${host} as an origin`);
      }
    }
    assert.equal(checked, 20);
    for (const location of [`http://0.0.0.0:${control}/`, `http://localhost:${weir.port}/`, `http://[::ffff:7f00:1]:${control}/health`])
      assert.deepEqual(await ask(`http://localhost:${port}/to?${encodeURIComponent(location)}`), { status: 403, text: "error code: 1024\n" }, location);
    await weir.stop();
  });
  await t.test("a range that is none is one line and exit 2", async () => {
    await assert.rejects(startWeir(scripts, { outbound: ["--outbound-allow", "127.0.0.0/99"] }),
      /ended with 2: weir: --outbound-allow: '127\.0\.0\.0\/99' is not an address range/);
  });
  origin.close();
});
