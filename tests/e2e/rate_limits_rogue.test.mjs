// An engine that asks for counts of rate limits as nobody may is killed; one that asks for ever so many costs no memory.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { peakMb, until } from "./processes.mjs";
import { instrumented, root, startWeir } from "./weir.mjs";

const script = { code: "export default {}", rate_limits: { LIMITER: { namespace_id: "1", limit: 1, period: 60 } } };
const start = (...flags) => startWeir({ any: script }, { flags: ["--engine-dir", join(root, "build/rogue"), "--engines", "1", ...flags] });

const lies = ["no-limiter", "unknown-limiter", "out-of-turn", "period", "nothing", "long-key", "twice"];

test("a wrong question for a count costs the engine its life and nothing else", async (t) => {
  const weir = await start("--engine-restart-max-ms", "100");
  t.after(() => weir.stop());
  let engine = (await weir.request("any", "/")).text;
  for (const lie of lies) {
    const printed = weir.output().length;
    const answer = await weir.request("any", `/rate/${lie}`, { headers: { "user-agent": "curl/8" } });
    assert.equal(answer.text, "error code: 1104\n", lie);
    const next = (await weir.request("any", "/")).text;
    assert.match(next, /^engine \d+$/);
    assert.notEqual(next, engine, lie);
    engine = next;
    await until(`the report of ${lie}`, () => /broke the protocol and was killed/.test(weir.output().slice(printed)));
  }
});

test("a flood of keys is counted within the memory there is for it", async (t) => {
  const weir = await start();
  t.after(() => weir.stop());
  // Of one limit and namespace: what weir itself keeps says whether a key is counted for the first time.
  assert.equal((await weir.request("any", "/rate/one")).text, "counted 1 within 1");
  assert.equal((await weir.request("any", "/rate/one")).text, "counted 1 within 0");
  const before = peakMb(weir.pid);
  assert.equal((await weir.request("any", "/rate/many-keys")).text, "counted 200000 within 200000");
  // Two hundred megabytes of keys have gone by.
  const more = peakMb(weir.pid) - before;
  if (!instrumented) assert.ok(more < 40, `${more} MiB more`);
  assert.equal((await weir.request("any", "/rate/many-keys")).text, "counted 200000 within 200000", "all but the last are forgotten");
});

test("an engine that asks without end and hears no answer is killed", async (t) => {
  const weir = await start("--engine-look-ms", "50", "--engine-silent-ms", "1000", "--engine-restart-max-ms", "100");
  t.after(() => weir.stop());
  const engine = (await weir.request("any", "/")).text;
  const answer = await weir.request("any", "/rate/deaf", { headers: { "user-agent": "curl/8" } });
  assert.equal(answer.text, "error code: 1104\n");
  await weir.said(/did not answer and was killed/);
  assert.notEqual((await weir.request("any", "/")).text, engine);
});
