// Bodies through the platform: as many at once as clients like, in both directions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

test("more bodies at once than a ring holds", async (t) => {
  const weir = await startWeir({
    count: { code: `export default { async fetch(request) { return new Response(String((await request.arrayBuffer()).byteLength)); } }` },
  }, { flags: ["--engines", "1"] });
  const body = Buffer.alloc(1 << 20, 7);
  const answers = await Promise.all(Array.from({ length: 64 }, () => weir.request("count", "/", { method: "POST", body })));
  assert.equal(answers.length, 64);
  for (const answer of answers) assert.equal(answer.text, String(body.length));
  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.equal(traces.filter((trace) => trace.outcome === "ok").length, 64);
  assert.doesNotMatch(weir.output(), /starting another|engine 0/);
});
