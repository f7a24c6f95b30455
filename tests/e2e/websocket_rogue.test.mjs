// An engine that lies about WebSockets is killed; weir, and what else it does, goes on.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket as Client } from "ws";
import { root, startWeir } from "./weir.mjs";

const lies = ["unopened", "pipe-nothing", "no-kind", "another", "code", "end", "behind-the-close", "much-credit", "twice"];

for (const lie of lies) {
  test(`a lie about a WebSocket costs the engine its life and nothing else: ${lie}`, async () => {
    const weir = await startWeir({ any: { code: "export default {}" } }, { flags: ["--engine-dir", join(root, "build/rogue"), "--engines", "1"] });
    const before = (await weir.request("any", "/")).text;
    await weir.traced((traces) => traces.length === 1);  // another loop might not have read its end when the engine goes
    const client = new Client(`ws://127.0.0.1:${weir.port}/socket/${lie}`, { headers: { host: `any.local.workers.localhost:${weir.port}` } });
    client.on("error", () => {});  // a refused handshake
    await new Promise((resolve) => client.on("close", resolve));
    const after = (await weir.request("any", "/")).text;
    assert.match(before, /^engine \d+$/);
    assert.match(after, /^engine \d+$/);
    assert.notEqual(after, before);
    await weir.traced((traces) => traces.length === 3);  // or the last may end with weir
    const { exit, traces } = await weir.stop();
    assert.deepEqual(exit, { code: 0, signal: null });
    assert.deepEqual(traces.map((one) => one.outcome).sort(), ["internalError", "ok", "ok"]);  // each loop writes its own
  });
}
