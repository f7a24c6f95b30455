// The control address: health, metrics, and who may ask.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { enginesOf, processOf, until } from "./processes.mjs";
import { startWeir } from "./weir.mjs";

const scripts = {
  good: { code: `export default { async fetch(request) { await request.text(); return new Response("hello"); } }` },
  throws: { code: `export default { fetch() { throw new Error("no"); } }` },
  litters: { code: `export default { fetch() {
    const kept = [];
    for (let i = 0; i < 40; i++) kept.push(new Array(100_000).fill(i));
    return new Response(String(kept.length));
  } }` },
};

async function start(flags = []) {
  const weir = await startWeir(scripts, { flags: ["--engines", "2", "--control", "127.0.0.1:0", "--engine-look-ms", "50", ...flags] });
  const [, port] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)\/health/);
  const ask = (path, { method = "GET", headers = {} } = {}) => new Promise((found, failed) => {
    const request = http.request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => found({ status: response.statusCode, headers: response.headers, text }));
    });
    request.on("error", failed);
    request.end();
  });
  return { weir, ask, health: async () => JSON.parse((await ask("/health")).text) };
}

function samplesOf(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    assert.ok(!samples.has(line.slice(0, space)), `${line} is told once`);
    samples.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return samples;
}

test("health tells of every engine, and of what becomes of one", async () => {
  const { weir, ask, health } = await start();
  const response = await ask("/health");
  assert.equal(response.status, 200);
  assert.equal(response.headers["content-type"], "application/json");
  const first = JSON.parse(response.text);
  const confined = first.engines.every((engine) => engine.confinements.missing.length === 0);
  assert.equal(first.status, confined ? "ok" : "degraded");
  assert.match(first.version, /^\d+\.\d+\.\d+$/);
  assert.equal(first.draining, false);
  assert.deepEqual(first.engines.map((engine) => engine.pid).sort(), enginesOf(weir.pid).map((one) => one.pid).sort());
  for (const engine of first.engines) {
    assert.equal(engine.status, "serving");
    assert.equal(engine.restarts, 0);
    assert.equal(engine.confinements.active.length + engine.confinements.missing.length, 16);
    assert.match(engine.v8, /^\d+\.\d+/);
  }
  const victim = first.engines[0];
  process.kill(victim.pid, "SIGKILL");
  await until("the restart in /health", async () => {
    const [engine] = (await health()).engines;
    return engine.restarts === 1 && engine.status === "serving" && engine.pid !== victim.pid && engine.lastEnd === "crashed, killed by SIGKILL";
  });
  await until("memory and isolates in /health", async () => {
    await weir.request("good", "/");
    const { engines } = await health();
    return engines.some((engine) => engine.isolates >= 1) && engines.every((engine) => engine.processBytes > 1 << 20);
  });
  assert.equal((await weir.stop()).exit.code, 0);
});

test("while it drains it is unavailable, and says so", async () => {
  const { weir, ask } = await start();
  const held = weir.request("good", "/", { method: "POST", headers: { "content-length": "5" } }).catch(() => {});
  await until("the request", async () => JSON.parse((await ask("/health")).text).engines.some((engine) => engine.invocations > 0));
  process.kill(weir.pid, "SIGTERM");
  const response = await until("the drain", async () => {
    const answer = await ask("/health");
    return answer.status === 503 && answer;
  });
  assert.equal(JSON.parse(response.text).draining, true);
  await weir.kill();
  await held;
});

test("an isolate that rests gives back what it does not need", async () => {
  const { weir, ask } = await start();
  assert.equal((await weir.request("litters")).text, "40");  // 32 MB, garbage now
  await until("its garbage is gone, and it is there", async () => {
    const samples = samplesOf((await ask("/metrics")).text);
    const sum = (name) => samples.get(`${name}{slot="0"}`) + samples.get(`${name}{slot="1"}`);
    const bytes = sum("weir_engine_isolate_bytes");
    return sum("weir_engine_isolates") === 1 && bytes > 0 && bytes < 8 << 20;
  });
  assert.equal((await weir.request("litters")).text, "40");
  await weir.stop();
});

test("metrics count what clients and scripts did", async () => {
  const { weir, ask } = await start();
  for (let i = 0; i < 5; i++) await weir.request("good", "/", { method: "POST", body: "12345" });
  for (let i = 0; i < 3; i++) await weir.request("throws", "/");
  await weir.request("nobody", "/");
  // A line is in the file a moment before it is counted.
  const response = await until("eight traces", async () => {
    const asked = await ask("/metrics");
    return samplesOf(asked.text).get("weir_traces_written_total") === 8 ? asked : null;
  });
  assert.match(response.headers["content-type"], /^text\/plain; version=0\.0\.4/);
  const samples = samplesOf(response.text);
  assert.equal(samples.get('weir_requests_total{outcome="ok"}'), 5);
  assert.equal(samples.get('weir_requests_total{outcome="exception"}'), 3);
  assert.equal(samples.get('weir_http_requests_total{class="2xx"}'), 5);
  assert.equal(samples.get('weir_http_requests_total{class="5xx"}'), 3);
  assert.equal(samples.get('weir_http_requests_total{class="4xx"}'), 1);
  assert.equal(samples.get('weir_error_pages_total{code="1101"}'), 3);
  assert.equal(samples.get('weir_error_pages_total{code="1042"}'), 1);
  assert.equal(samples.get("weir_http_request_bytes_total"), 25);
  assert.ok(samples.get("weir_http_response_bytes_total") >= 25);
  assert.ok(samples.get("weir_connections_total") >= 1);
  assert.ok(samples.get("weir_connections") <= samples.get("weir_connections_total"));
  assert.equal(samples.get("weir_exceptions_total"), 3);
  assert.equal(samples.get("weir_cpu_seconds_count"), 8);
  assert.equal(samples.get("weir_engines_started_total"), 2);
  assert.equal(samples.get('weir_engine_up{slot="0"}'), 1);
  assert.equal(samples.get('weir_engine_up{slot="1"}'), 1);
  assert.equal(samples.get("weir_traces_written_total"), 8);
  assert.ok([...samples.keys()].some((name) => name.startsWith("weir_isolates_started_total")));
  const [engine] = enginesOf(weir.pid);
  process.kill(engine.pid, "SIGKILL");
  await until("the death in /metrics", async () =>
    samplesOf((await ask("/metrics")).text).get('weir_engines_died_total{reason="crashed"}') === 1);
  await until("the death", () => processOf(engine.pid) === null);
  await weir.stop();
});

test("other names, paths and methods are refused", async () => {
  const { weir, ask } = await start();
  const port = new URL((await weir.said(/control: (http:\/\/127\.0\.0\.1:\d+)/))[1]).port;
  assert.equal((await ask("/health", { headers: { host: `attacker.example:${port}` } })).status, 403);
  assert.equal((await ask("/metrics", { headers: { host: "attacker.example" } })).status, 403);
  assert.equal((await ask("/health", { headers: { host: `localhost:${port}` } })).status, 200);
  assert.equal((await ask("/health?verbose=1")).status, 200);
  assert.equal((await ask("/")).status, 404);
  const post = await ask("/health", { method: "POST" });
  assert.equal(post.status, 405);
  assert.equal(post.headers.allow, "GET, HEAD");
  const head = await ask("/metrics", { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(head.text, "");
  await weir.stop();
  await assert.rejects(startWeir(scripts, { flags: ["--engines", "1", "--control", "0.0.0.0:0"] }),
    /weir ended with 2: weir: --control 0\.0\.0\.0:0: others can reach 0\.0\.0\.0:0; name a loopback address, or allow it with --control-any-address\n$/);
});
