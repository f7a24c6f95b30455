// Many bad tenants at random beside a good one, for a while: every good request succeeds, every bad one gets what is its own,
// every request leaves one trace, and afterwards weir holds no more descriptors and neither it nor its engine much more memory
// than before. Nothing depends on how fast the machine is. WEIR_SOAK_SECONDS makes it longer or shorter, WEIR_SOAK_SEED repeats
// a run.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import http from "node:http";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { enginesOf } from "./processes.mjs";
import { command, instrumented, startWeir } from "./weir.mjs";
import { callApi, environmentOfAccount, uploadForm } from "./wrangler.mjs";

const seconds = Number(process.env.WEIR_SOAK_SECONDS ?? 45);
const seed = Number(process.env.WEIR_SOAK_SEED ?? Date.now() % 2 ** 31);
const kBadClients = 3;
const kGoodClients = 2;

let state = seed;
const random = (below) => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >>> 8) % below;
};

const page = (code) => `error code: ${code}\n`;
const kLimit = ["exceededCpu", "exceededMemory"];  // whichever comes first
/** name → [code, status and text of the answer, outcomes of its traces]; cut: the client leaves within the answer, or before. */
const kinds = {
  fine: [`return new Response("fine")`, 200, "fine", ["ok"]],
  throws: [`throw new Error("thrown")`, 500, page(1101), ["exception"]],
  hangs: [`await new Promise(() => {})`, 500, page(1101), ["exception"]],
  spins: [`for (;;) {}`, 503, page(1102), ["exceededCpu"]],
  fills: [`for (;;) new Array(1000).fill(0)`, 503, page(1102), kLimit],
  grows: [`const a = []; for (;;) a.push({}, "x" + a.length)`, 503, page(1102), kLimit],
  buffers: [`const a = []; for (;;) a.push(new Uint8Array(1 << 16).fill(1))`, 503, page(1102), kLimit],
  floods: [`(function f() { Promise.resolve().then(f); })(); await scheduler.wait(100000)`, 503, page(1102), kLimit],
  timers: [`for (let i = 0; i < 1000; i++) setTimeout(() => {}, 1e6); return new Response("armed")`, 200, "armed", ["ok"]],
  late: [`ctx.waitUntil(scheduler.wait(2).then(() => { for (;;) {} })); return new Response("sent")`, 200, "sent", ["exceededCpu"]],
  streams: [`return new Response(new ReadableStream({ async pull(c) { await scheduler.wait(1); c.enqueue(new Uint8Array(5000)); } }))`, "cut", "", ["responseStreamDisconnected"]],
  leaves: [`await scheduler.wait(1e6)`, "cut", "", ["canceled"]],
  stringify: [`let a = []; for (let i = 0; i < 40; i++) a = [a, a]; JSON.stringify(a)`, 503, page(1102), kLimit],
  stuck: [`Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)`, 503, page(1102), ["exceededCpu"]],
  recurses: [`(function f() { f(); })()`, 500, page(1101), ["exception"]],
  logs: [`for (let i = 0; i < 2000; i++) console.log("x".repeat(500)); return new Response("logged")`, 200, "logged", ["ok"]],
  self: [`return fetch(new URL("/inner", request.url))`, 500, page(1019), ["ok"], ["global_fetch_strictly_public"]],  // through the front door, until 1019
};
const rare = new Set(["stuck"]);  // costs an engine each time

/** Makes an account with one script, both of this name: a tenant of its own. */
async function addTenant(weir, name, code, flags = []) {
  await command(weir, "account", "add", name, "--subdomain", name, "--plan", "paid", "--limit", "cpu_ms=50", "--limit", "memory_mb=32");
  const upload = uploadForm(code, { compatibility_flags: flags });
  const { body } = await callApi(await environmentOfAccount(weir, name), "PUT", `{A}/workers/scripts/${name}`, { body: upload });
  assert.equal(body.success, true, JSON.stringify(body));
}

// By kind. Sockets apart: connections from a script to its own host are kept for the next.
function descriptors(pid) {
  const count = { other: 0, sockets: 0 };
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    let target = "";
    try {
      target = readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {}  // closed meanwhile
    if (target) count[target.startsWith("socket:") ? "sockets" : "other"]++;
  }
  return count;
}
const residentMb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
const engineMb = (pid) => enginesOf(pid).reduce((sum, child) => sum + residentMb(child.pid), 0);

test(`soak, ${seconds} s, seed ${seed}`, async () => {
  const scripts = { good: { code: `let n = 0; export default { async fetch(request) { n++; await scheduler.wait(random(3)); return Response.json({ q: new URL(request.url).search, ok: n > 0 }); } };
    function random(below) { return Math.floor(Math.random() * below); }` } };
  const weir = await startWeir(scripts, { flags: ["--engines", "1", "--quarantine-parks", "0"] });
  for (const [name, [body, , , , flags]] of Object.entries(kinds)) {
    await addTenant(weir, name, `export default { async fetch(request, env, ctx) { ${body}; } };`, flags);
  }
  const agent = new http.Agent({ keepAlive: true, maxSockets: kBadClients + kGoodClients });
  const sent = {};
  const wrong = [];
  let stopped = false;

  /** Resolves with the answer, or with what went wrong; a response that does not end is given up after a few chunks. */
  const ask = (script, path) => new Promise((found) => {
    sent[script] = (sent[script] ?? 0) + 1;
    const request = http.get({ port: weir.port, host: "127.0.0.1", agent, path,
      headers: { host: `${script}.${script in kinds ? script : "local"}.workers.localhost:${weir.port}` } }, (response) => {
      let text = "", chunks = 0;
      response.on("data", (part) => {
        text += part;
        if (kinds[script]?.[1] === "cut" && ++chunks > 3) request.destroy();
      });
      response.on("end", () => found({ status: response.statusCode, text }));
      response.on("close", () => found({ cut: true }));
      response.on("error", () => {});
    });
    request.setTimeout(60_000, () => request.destroy(new Error("no answer")));
    request.on("error", (error) => found(error.message === "left" ? { cut: true } : { error }));
    if (script === "leaves") setTimeout(() => request.destroy(new Error("left")), random(20));
  });
  const good = async (id) => {
    for (let i = 0; !stopped; i++) {
      const q = `?${id}-${i}`;
      const answer = await ask("good", `/${q}`);
      if (answer.status !== 200 || answer.text !== JSON.stringify({ q, ok: true })) wrong.push(`${q}: ${JSON.stringify(answer)} ${answer.error}`);
    }
  };
  const names = Object.keys(kinds);
  const bad = async () => {
    while (!stopped) {
      const name = names[random(names.length)];
      if (rare.has(name) && random(4) !== 0) continue;
      const answer = await ask(name, "/");
      const [, status, text] = kinds[name];
      const own = status === "cut" ? answer.cut : answer.status === status && answer.text === text;
      if (!own) wrong.push(`${name}: ${JSON.stringify(answer)} ${answer.error}`);
    }
  };

  // The start: everything was loaded once, what costs an engine first.
  for (const name of [...rare, ...names.filter((name) => !rare.has(name))]) await ask(name, "/");
  await ask("good", "/?warm");
  const before = { descriptors: descriptors(weir.pid), mb: residentMb(weir.pid), engines: engineMb(weir.pid) };
  const clients = [];
  for (let i = 0; i < kGoodClients; i++) clients.push(good(i));
  for (let i = 0; i < kBadClients; i++) clients.push(bad());
  await wait(seconds * 1000);
  stopped = true;
  await Promise.all(clients);
  agent.destroy();
  assert.deepEqual(wrong, []);

  // Engines that were replaced and connections that were cut are let go, at some time.
  const settled = AbortSignal.timeout(60_000);
  for (;;) {
    const now = { descriptors: descriptors(weir.pid), mb: residentMb(weir.pid), engines: engineMb(weir.pid) };
    if (now.descriptors.other <= before.descriptors.other && now.descriptors.sockets <= before.descriptors.sockets + 2 * kBadClients &&
        (instrumented || (now.mb < before.mb + 50 && now.engines < before.engines + 100))) break;
    assert.ok(!settled.aborted, `before ${JSON.stringify(before)}, after ${JSON.stringify(now)}`);
    await wait(50);
  }
  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  for (const [name, count] of Object.entries(sent)) {
    const invocations = traces.filter((trace) => trace.scriptName === name).length;
    // A chain is 16 invocations, fewer where an engine that is replaced cuts it.
    if (name === "leaves") assert.ok(invocations <= count, `${name}: ${invocations} of ${count}`);  // some left before they were read
    else if (name === "self") assert.ok(invocations >= count && invocations <= 16 * count, `${name}: ${invocations} of ${count}`);
    else assert.equal(invocations, count, `${name}: requests and traces`);
  }
  for (const { scriptName, outcome } of traces) {
    if (!(kinds[scriptName]?.[3] ?? ["ok"]).includes(outcome)) wrong.push(`${scriptName}: ${outcome}`);
  }
  assert.deepEqual(wrong, []);
  console.log(`soak: ${traces.length} invocations, ${sent.good} of them good, ${Object.keys(sent).length} scripts`);
  assert.ok(sent.good > 50);
});
