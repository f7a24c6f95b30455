// A request whose body the script leaves unread, or reads in part: its client has its answer all the same, also one that
// sends everything before it reads, and what the answer says of the connection holds.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { connect } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const partly = "const reader = request.body.getReader(); await reader.read();";
const scripts = {
  throws: { code: `export default { async fetch(request) { ${partly} throw new Error("enough"); } }` },
  spins: { code: `export default { async fetch(request) { ${partly} for (;;); } }`, limits: { cpu_ms: 50 } },
  answers: { code: `export default { async fetch(request) { ${partly} return new Response("enough"); } }` },
  ignores: { code: `export default { fetch(request) { return new Response("enough"); } }` },
};
const answers = { throws: [500, "error code: 1101\n"], spins: [503, "error code: 1102\n"], answers: [200, "enough"], ignores: [200, "enough"] };
const kBytes = 3_000_000;
const kRounds = { throws: 40, spins: 5, answers: 20, ignores: 20 };
const piece = Buffer.alloc(50_000, "b");

const whole = {
  length: (host) => [`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${kBytes}\r\n\r\n`, ...Array(kBytes / piece.length).fill(piece)],
  chunked: (host) => [`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    ...Array(kBytes / piece.length).fill(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")])), "0\r\n\r\n"],
};

/** Sends all of it before it looks at anything that came back. */
async function sendAll(client, parts) {
  client.socket.pause();
  for (const part of parts) if (!client.send(part)) await Promise.race([once(client.socket, "drain"), once(client.socket, "error").then(([error]) => { throw error; })]);
  client.socket.resume();
}

test("bodies that are not read to their end", async (t) => {
  const weir = await startWeir(scripts);
  t.after(() => weir.stop());
  for (const script of Object.keys(scripts)) {
    const host = `${script}.local.workers.localhost`;
    for (const framing of Object.keys(whole)) {
      await t.test(`${script}, ${framing}: the answer is there, and the connection is as it says`, async () => {
        for (let i = 0; i < kRounds[script]; i++) {
          const client = await connect(weir.port);
          await sendAll(client, whole[framing](host));
          const { status, headers, text } = await client.response();
          assert.deepEqual([status, text], answers[script]);
          if (headers.connection === "close") {
            client.socket.end();
            assert.equal(await client.end(), "end");
          } else {
            assert.equal((await client.get(`GET / HTTP/1.1\r\nHost: ignores.local.workers.localhost\r\n\r\n`)).text, "enough");
            client.socket.destroy();
          }
        }
      });
    }
  }
  await t.test("a client that keeps its connections meets none that ends under its next request", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    for (let i = 0; i < 40; i++) {
      const request = http.request({ agent, port: weir.port, host: "127.0.0.1", method: "POST", headers: { host: "throws.local.workers.localhost", ...(i % 2 ? {} : { "content-length": kBytes }) } });
      const answered = once(request, "response");
      for (let sent = 0; sent < kBytes; sent += piece.length) request.write(piece);
      request.end();
      const [response] = await answered;
      assert.equal(response.statusCode, 500);
      response.resume();
      await once(response, "close");
    }
  });
});
