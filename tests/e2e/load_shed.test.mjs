// An engine that has as much to do or to keep as it may takes nothing more: 1105, outcome loadShed, and what it has goes on.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const kShed = "error code: 1105\n";
// What is asserted of one engine must not happen on another.
const kHome = ["--engines", "1", "--loops", "1", "--replica-queue-ms", "60000"];

const countBy = (answers) => {
  const counts = {};
  for (const { status, text } of answers) counts[`${status} ${text}`] = (counts[`${status} ${text}`] ?? 0) + 1;
  return counts;
};

test("what waits for a busy isolate is bounded in bytes", async (t) => {
  const code = `export default { async fetch(request) {
    if (new URL(request.url).pathname === "/spin") for (;;);
    return new Response(String((await request.text()).length));
  } }`;
  const weir = await startWeir({ busy: { code, limits: { cpu_ms: 5000 } }, other: { code } }, { flags: kHome });
  assert.equal((await weir.request("busy", "/", { method: "POST", body: "x" })).text, "1");
  const spin = weir.request("busy", "/spin");
  const body = "b".repeat(60_000);
  // 24 MB for 16 MB of room; they wait until the CPU limit has ended the turn before them.
  const answers = await Promise.all(Array.from({ length: 400 }, () => weir.request("busy", "/", { method: "POST", body })));
  assert.deepEqual([(await spin).status, (await spin).text], [503, "error code: 1102\n"]);
  const counts = countBy(answers);
  assert.deepEqual(Object.keys(counts).sort(), ["200 60000", `503 ${kShed}`], JSON.stringify(counts));
  assert.ok(counts["200 60000"] > 200, JSON.stringify(counts));
  assert.equal((await weir.request("busy", "/", { method: "POST", body: "after" })).text, "5");
  assert.equal((await weir.request("other", "/", { method: "POST", body: "other" })).text, "5");
  const { traces } = await weir.stop();
  assert.equal(traces.filter((one) => one.outcome === "loadShed").length, counts[`503 ${kShed}`]);
});

test("an engine over its memory takes no other script", async (t) => {
  const code = `const kept = []; export default { async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/hold") {
      for (let i = 0; i < 100; i++) kept.push(new Uint8Array(1 << 20).fill(i));
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      writer.write(new Uint8Array(1));
      request.body.pipeTo(new WritableStream({ close() { kept.length = 0; writer.close(); } }));
      return new Response(readable);
    }
    return new Response("runs");
  } }`;
  const weir = await startWeir({ holds: { code }, late: { code } }, { flags: [...kHome, "--engine-memory-mb", "64", "--engine-memory-percent", "2000"] });
  t.after(() => weir.stop());
  const client = http.request({ port: weir.port, host: "127.0.0.1", method: "POST", path: "/hold", headers: { host: "holds.local.workers.localhost" } });
  client.write("begin");
  const [response] = await once(client, "response");
  const over = once(response, "close");
  await once(response, "data");
  // Another turn of the isolate: what it holds since the one before is counted by then.
  assert.equal((await weir.request("holds")).text, "runs", "what it has goes on");
  const shed = await weir.request("late");
  assert.deepEqual([shed.status, shed.text], [503, kShed]);
  client.end();
  await over;
  // Once that is collected there is room again.
  while ((await weir.request("late")).status !== 200) await weir.request("holds");
  const traces = await weir.traced((all) => all.some((one) => one.scriptName === "late" && one.outcome === "ok"));
  assert.ok(traces.filter((one) => one.scriptName === "late").every((one) => ["loadShed", "ok"].includes(one.outcome)));
});
