// How long an isolate lives: one that was killed finishes what it has, one that is idle goes when memory is short, and what
// runs is never dropped.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

// Answers with its isolate's name and how often that isolate was asked. POST answers when its body has ended.
const isolate = `let name, asked = 0;
export default { async fetch(request) {
  name ??= crypto.randomUUID();
  const number = ++asked;
  const { pathname } = new URL(request.url);
  if (pathname === "/spin") for (;;) {}
  if (pathname === "/grow") { const all = []; for (;;) all.push({}); }
  if (pathname === "/hold") await request.text();
  return Response.json({ name, number });
} };`;

/** A POST to /hold that has begun; finish() ends its body and resolves with { status, text }. */
async function hold(weir, script) {
  const answer = Promise.withResolvers();
  const request = http.request({ port: weir.port, host: "127.0.0.1", method: "POST", path: "/hold", agent: false,
    headers: { host: `${script}.local.workers.localhost:${weir.port}`, "transfer-encoding": "chunked" } }, (response) => {
    let text = "";
    response.on("data", (part) => (text += part));
    response.on("end", () => answer.resolve({ status: response.statusCode, text }));
    response.on("error", answer.reject);
  });
  request.on("error", answer.reject);
  request.write("begun");
  return {
    answer: answer.promise,
    finish() {
      request.end("over");
      return answer.promise;
    },
  };
}

const ask = async (weir, script, path = "/") => {
  const response = await weir.request(script, path);
  assert.equal(response.status, 200, response.text);
  return JSON.parse(response.text);
};

test("an isolate that was killed finishes what it has", async (t) => {
  const weir = await startWeir({
    cpu: { code: isolate, limits: { cpu_ms: 50 } },
    memory: { code: isolate, limits: { memory_mb: 32, cpu_ms: 60000 } },
  }, { flags: ["--engines", "1"] });
  let cases = 0;
  for (const [script, path] of [["cpu", "/spin"], ["memory", "/grow"]]) {
    await t.test(script, async () => {
      const first = await ask(weir, script);
      const held = await hold(weir, script);
      // Until it has surely arrived: the isolate has been asked once more.
      let number = first.number;
      do {
        const next = await ask(weir, script);
        assert.equal(next.name, first.name);
        assert.ok(next.number <= number + 2);
        if (next.number === number + 2) break;
        number = next.number;
      } while (true);
      const killed = await weir.request(script, path);
      assert.equal(killed.status, 503);
      assert.match(killed.text, /1102/);
      const fresh = await ask(weir, script);
      assert.notEqual(fresh.name, first.name, "the next request has another isolate");
      assert.equal(fresh.number, 1);
      const { status, text } = await held.finish();
      assert.equal(status, 200, text);
      assert.equal(JSON.parse(text).name, first.name, "the one that was held has its own");
      assert.equal((await ask(weir, script)).name, fresh.name);
      cases++;
    });
  }
  await t.test("but not in any number of isolates", async () => {
    const held = [];
    for (let i = 0; i < 5; i++) {
      const { number } = await ask(weir, "cpu");
      held.push(await hold(weir, "cpu"));
      while ((await ask(weir, "cpu")).number < number + 2) {}
      assert.equal((await weir.request("cpu", "/spin")).status, 503);
    }
    // Five condemned isolates; the three oldest were cut, with the reason of their isolate.
    for (const one of held.slice(0, 3)) assert.match((await one.answer).text, /1102/);
    for (const one of held.slice(3)) assert.equal((await one.finish()).status, 200);
    cases++;
  });
  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  const outcomes = (script) => Object.groupBy(traces.filter((trace) => trace.scriptName === script), (trace) => trace.outcome);
  assert.equal(outcomes("cpu").exceededCpu.length, 1 + 5 + 3);
  assert.equal(outcomes("memory").exceededMemory.length, 1);
  assert.equal(cases, 3);
});

test("memory that is short takes idle isolates, least recently used first, and none that runs", async () => {
  const large = `const kept = globalThis.kept = []; for (let i = 0; i < 16; i++) kept.push(new Uint8Array(1 << 20).fill(i));\n${isolate}`;
  const scripts = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`s${i}`, { code: large }]));
  // Room for three of them.
  const weir = await startWeir(scripts, { flags: ["--engines", "1", "--engine-memory-mb", "64"] });
  const first = await ask(weir, "s0");
  const held = await hold(weir, "s0");
  while ((await ask(weir, "s0")).number < 3) {}
  const names = {};
  for (let i = 1; i < 8; i++) names[i] = (await ask(weir, `s${i}`)).name;
  assert.equal((await ask(weir, "s0")).name, first.name, "it runs, and stays");
  assert.equal((await ask(weir, "s7")).name, names[7], "the last one used stays");
  assert.notEqual((await ask(weir, "s1")).name, names[1], "the first one used went");
  const { status, text } = await held.finish();
  assert.equal(status, 200);
  assert.equal(JSON.parse(text).name, first.name);
  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.ok(traces.every((trace) => trace.outcome === "ok"), JSON.stringify(traces.find((trace) => trace.outcome !== "ok")));
});
