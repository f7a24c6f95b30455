// Engines crash, hang, break the protocol, outgrow their memory and lose threads; weir, the other engines and the next
// request go on.
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { enginesOf, processOf, stopProcess, until } from "./processes.mjs";
import { command, root, startWeir } from "./weir.mjs";
import { callApi, environmentOf, startProject, uploadForm } from "./wrangler.mjs";

// Answers "/held" when `release` is called, everything else at once; tells how many are held.
async function startUpstream(t) {
  const held = [];
  let onHeld = () => {};
  const server = http.createServer((request, response) => {
    held.push(response);
    onHeld();
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/held`,
    count: () => held.length,
    async reached(count) {
      while (held.length < count) await new Promise((come) => (onHeld = come));
    },
    release() {
      for (const response of held.splice(0)) response.end("released");
    },
  };
}

const kCode = `
let id;
export default {
  async fetch(request, env) {
    id ??= crypto.randomUUID();
    const { pathname } = new URL(request.url);
    if (pathname === "/hold") return new Response(await (await fetch(env.UPSTREAM)).text());
    if (pathname === "/burn") {
      let sum = 0;
      for (let i = 0; i < 30_000_000; i++) sum = (sum * 31 + i) | 0;
      return new Response(id + " " + (sum & 1));
    }
    if (pathname.startsWith("/call/")) {
      try {
        return new Response(await (await env[pathname.slice(6)].fetch("http://callee/hold")).text());
      } catch (error) {
        return Response.json([error.name, error.message, { ...error }]);
      }
    }
    if (pathname === "/park") "x".repeat(5e8).split("");
    return new Response(id);
  },
};`;

// On a busy machine an engine may be late; what is asserted of one engine must not then run on another.
const kHome = ["--replica-queue-ms", "60000"];

const scriptsOf = (count, upstream) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, { code: kCode, vars: { UPSTREAM: upstream.url } }]));

// Which engine runs a script: the one whose CPU time rises when it computes.
async function engineOf(weir, script, host) {
  const before = new Map(enginesOf(weir.pid).map((one) => [one.pid, one.ticks]));
  const burnt = await weir.request(script, "/burn", { host });
  assert.equal(burnt.status, 200, burnt.text);
  await weir.request(script, "/burn", { host });
  const spent = enginesOf(weir.pid).map((one) => ({ pid: one.pid, ticks: one.ticks - (before.get(one.pid) ?? one.ticks) }));
  return spent.sort((a, b) => b.ticks - a.ticks)[0].pid;
}

// Two scripts that run on different engines.
async function twoApart(weir, names) {
  const first = { script: names[0], pid: await engineOf(weir, names[0]) };
  for (const script of names.slice(1)) {
    const pid = await engineOf(weir, script);
    if (pid !== first.pid) return [first, { script, pid }];
  }
  throw new Error("every script is on one engine");
}

// Asks a script again and again until stopped; what went wrong, and how many went right.
function steady(weir, script) {
  const result = { right: 0, wrong: [] };
  let going = true;
  const ended = (async () => {
    while (going) {
      try {
        const response = await weir.request(script, "/");
        if (response.status === 200) result.right++;
        else result.wrong.push(`${response.status} ${response.text}`);
      } catch (error) {
        result.wrong.push(String(error));
      }
    }
  })();
  return {
    result,
    async stop() {
      going = false;
      await ended;
      return result;
    },
  };
}

for (const { signal, reason } of [{ signal: "SIGKILL", reason: /ended by itself \(killed by SIGKILL\); 5 invocations ended with it/ },
                                  { signal: "SIGSTOP", reason: /did not answer and was killed \(killed by SIGKILL\); 5 invocations ended with it/ }]) {
  test(`an engine under load gets ${signal}`, async (t) => {
    const upstream = await startUpstream(t);
    const names = Object.keys(scriptsOf(8, upstream));
    const weir = await startWeir(scriptsOf(8, upstream), { flags: ["--engines", "2", ...kHome, "--engine-look-ms", "50", "--engine-silent-ms", "1000"] });
    const [victim, bystander] = await twoApart(weir, names);
    const lost = Array.from({ length: 5 }, () => weir.request(victim.script, "/hold", { headers: { "user-agent": "curl/8" } }));
    const kept = Array.from({ length: 5 }, () => weir.request(bystander.script, "/hold"));
    await upstream.reached(10);
    const load = steady(weir, bystander.script);
    await until("some load", () => load.result.right > 0);

    process.kill(victim.pid, signal);
    for (const response of await Promise.all(lost)) {
      assert.equal(response.status, 500);
      assert.equal(response.text, "error code: 1104\n");
    }
    const next = await weir.request(victim.script, "/");
    assert.equal(next.status, 200);
    await until("another engine", () => {
      const pids = enginesOf(weir.pid).map((one) => one.pid);
      return pids.length === 2 && !pids.includes(victim.pid);
    });
    assert.ok(enginesOf(weir.pid).some((one) => one.pid === bystander.pid));
    await until("the script to be back on its slot", async () => (await engineOf(weir, victim.script)) !== bystander.pid);

    const during = load.result.right;
    await until("load after the death", () => load.result.right > during + 10);
    const { wrong } = await load.stop();
    assert.deepEqual(wrong, []);
    upstream.release();
    for (const response of await Promise.all(kept)) assert.equal(response.text, "released");
    await weir.said(reason);

    const { exit, traces } = await weir.stop();
    assert.equal(exit.code, 0);
    const internal = traces.filter((trace) => trace.outcome === "internalError");
    assert.equal(internal.length, 5);
    assert.ok(internal.every((trace) => trace.scriptName === victim.script));
  });
}

test("a script whose engine ends tells its caller to try again", async (t) => {
  const upstream = await startUpstream(t);
  const scripts = scriptsOf(8, upstream);
  for (const one of Object.values(scripts)) one.services = Object.fromEntries(Object.keys(scripts).map((name) => [name, name]));
  const weir = await startWeir(scripts, { flags: ["--engines", "2", ...kHome] });
  t.after(() => weir.stop());
  const [caller, callee] = await twoApart(weir, Object.keys(scripts));
  const answer = weir.request(caller.script, `/call/${callee.script}`);
  await upstream.reached(1);
  process.kill(callee.pid, "SIGKILL");
  assert.equal((await answer).text, '["Error","Network connection lost.",{"retryable":true}]');
  const traces = await weir.traced((all) => all.filter((one) => /\/(call|hold)/.test(one.event.request.url)).length === 2);
  const outcomes = traces.filter((one) => /\/(call|hold)/.test(one.event.request.url)).map((one) => [one.scriptName, one.outcome]);
  assert.deepEqual(outcomes.sort(), [[caller.script, "ok"], [callee.script, "internalError"]].sort());
});

test("what an engine had not begun begins in another, or is daemonDown where it cannot", async (t) => {
  const upstream = await startUpstream(t);
  const weir = await startWeir(scriptsOf(8, upstream), { flags: ["--engines", "2", "--loops", "1", ...kHome] });
  t.after(() => weir.stop());
  const [, control] = await weir.said(/control: (http:\S+)\/health/);
  const [victim] = await twoApart(weir, Object.keys(scriptsOf(8, upstream)));
  const begun = weir.request(victim.script, "/hold", { headers: { "user-agent": "curl/8" } });
  await upstream.reached(1);
  await stopProcess(victim.pid);
  const lone = weir.request(victim.script, "/lone");
  const bodies = ["small", Buffer.alloc(300_000)].map((body) => weir.request(victim.script, "/body", { method: "POST", body, headers: { "user-agent": "curl/8" } }));
  await until("all four with the engine", async () =>
    (await (await fetch(`${control}/health`)).json()).engines.some((engine) => engine.invocations === 4));
  process.kill(victim.pid, "SIGKILL");
  assert.equal((await lone).status, 200);
  for (const answer of [begun, ...bodies]) assert.deepEqual([(await answer).status, (await answer).text], [500, "error code: 1104\n"]);
  const traces = await weir.traced((all) => all.filter((one) => /\/(hold|lone|body)$/.test(one.event.request.url)).length === 4);
  const of = (path) => traces.filter((one) => one.event.request.url.endsWith(path)).map((one) => [one.outcome, one.event.response?.status]);
  assert.deepEqual([of("/hold"), of("/lone"), of("/body")], [[["internalError", 500]], [["ok", 200]], [["daemonDown", 500], ["daemonDown", 500]]]);
});

test("requests that come while there is no engine wait for one", async (t) => {
  const upstream = await startUpstream(t);
  const weir = await startWeir(scriptsOf(1, upstream), { flags: ["--engines", "1", ...kHome] });
  const before = (await weir.request("s0", "/")).text;
  await weir.traced((traces) => traces.length === 1);
  const [engine] = enginesOf(weir.pid);
  process.kill(engine.pid, "SIGKILL");
  // Requests of before may have begun in the dead engine.
  await weir.said(/ended by itself \(killed by SIGKILL\)/);
  const answers = await Promise.all(Array.from({ length: 20 }, () => weir.request("s0", "/")));
  const after = new Set(answers.map((answer) => answer.text));
  assert.deepEqual(answers.map((answer) => answer.status), Array(20).fill(200));
  assert.ok(!after.has(before), "the answers are the new engine's");
  const { traces } = await weir.stop();
  assert.equal(traces.filter((trace) => trace.outcome === "ok").length, 21);
});

// What the rogue engine (rogue_engine.cc) does when it is asked to, what the client sees, and what weir says of it.
const rogueCases = [
  { path: "/segv", says: /ended by itself \(killed by SIGSEGV\)/ },
  { path: "/bus", says: /ended by itself \(killed by SIGBUS\)/ },
  { path: "/exit", says: /ended by itself \(exited with status 7\)/ },
  { path: "/hang", says: /did not answer and was killed/ },
  { path: "/grow", says: /outgrew its memory and was killed/ },
  { path: "/unknown-kind", says: /broke the protocol and was killed/ },
  { path: "/cut-message", says: /broke the protocol and was killed/ },
  { path: "/huge", says: /broke the protocol and was killed/ },
  { path: "/tail", says: /broke the protocol and was killed/ },
  { path: "/bad-status", says: /broke the protocol and was killed/ },
  { path: "/chunk-before-response", says: /broke the protocol and was killed/ },
  { path: "/respond-twice", says: /broke the protocol and was killed/, client: "once" },
  { path: "/unknown-stream", says: /broke the protocol and was killed/ },
  { path: "/cut-response", says: /broke the protocol and was killed/, client: "cut" },
];

test("an engine that misbehaves costs its own invocations only", async (t) => {
  const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
  const weir = await startWeir(Object.fromEntries(names.map((name) => [name, { code: "export default {}" }])),
    { flags: ["--engines", "2", "--loops", "1", ...kHome, "--engine-dir", join(root, "build/rogue"), "--engine-look-ms", "50", "--engine-silent-ms", "1000", "--engine-memory-mb", "100",
               "--engine-restart-max-ms", "100"] });
  let ran = 0;
  let invocations = 0;
  for (const { path, says, client } of rogueCases) {
    await t.test(path, async () => {
      // Two rounds with the same answers: no slot was without its engine in between.
      let before;
      const [victim, bystander] = await until("two engines", async () => {
        const answers = [];
        for (const name of names) answers.push((await weir.request(name, "/")).text);
        invocations += names.length;
        const settled = new Set(answers).size === 2 && String(answers) === String(before);
        before = answers;
        return settled && [names[0], names[answers.findIndex((text) => text !== answers[0])]];
      });
      const held = weir.request(victim, "/hold", { headers: { "user-agent": "curl/8" } });
      const load = steady(weir, bystander);
      await until("some load", () => load.result.right > 0);
      const printed = weir.output().length;
      const attack = weir.request(victim, path, { headers: { "user-agent": "curl/8" } });
      if (client === "cut") {
        await assert.rejects(attack);
      } else {
        const response = await attack;
        assert.equal(response.text, client ?? "error code: 1104\n");
      }
      assert.equal((await held).text, "error code: 1104\n");
      const next = await weir.request(victim, "/");
      assert.equal(next.status, 200);
      assert.match(next.text, /^engine \d+$/);
      const during = load.result.right;
      await until("load after the death", () => load.result.right > during + 3);
      const { right, wrong } = await load.stop();
      assert.deepEqual(wrong, []);
      invocations += right + 3;
      await until(`the report of ${says}`, () => says.test(weir.output().slice(printed)));
      ran++;
    });
  }
  const { exit, traces } = await weir.stop();
  assert.equal(ran, rogueCases.length);
  assert.equal(exit.code, 0);
  assert.equal(traces.length, invocations);
  assert.equal(traces.filter((trace) => trace.outcome === "internalError").length, 2 * rogueCases.length);
});

test("a script that costs an engine a thread has it replaced under what runs there", async (t) => {
  const upstream = await startUpstream(t);
  const weir = await startWeir({ ...scriptsOf(1, upstream), bad: { code: kCode, vars: { UPSTREAM: upstream.url }, limits: { cpu_ms: 2000 } } },
    { flags: ["--engines", "1", ...kHome] });
  const before = (await weir.request("s0", "/")).text;
  const [old] = enginesOf(weir.pid);
  const held = weir.request("s0", "/hold");
  await upstream.reached(1);
  const load = steady(weir, "s0");
  await until("some load", () => load.result.right > 0);
  const bad = await weir.request("bad", "/park");
  assert.equal(bad.status, 503);
  assert.match(bad.text, /1102/);
  await until("a new engine for the neighbour", async () => (await weir.request("s0", "/")).text !== before);
  assert.ok(processOf(old.pid), "the old engine still runs what it was running");
  assert.deepEqual((await load.stop()).wrong, []);
  upstream.release();
  assert.equal((await held).text, "released");
  await until("the old engine's end", () => processOf(old.pid) === null);
  assert.equal(enginesOf(weir.pid).length, 1);
  await weir.said(/was replaced, because a script cost it a thread/);
  const { traces } = await weir.stop();
  assert.equal(traces.filter((trace) => trace.outcome !== "ok").length, 1);
});

test("a script that does so again and again runs apart", async (t) => {
  const upstream = await startUpstream(t);
  const weir = await startWeir({ ...scriptsOf(1, upstream), bad: { code: kCode, limits: { cpu_ms: 2000 } } },
    { flags: ["--engines", "1", ...kHome, "--quarantine-parks", "2"] });
  for (let i = 0; i < 2; i++) assert.match((await weir.request("bad", "/park")).text, /1102/);
  await weir.said(/script [0-9a-f]{32}\/bad has cost engines their threads repeatedly and runs apart from now on, on engine 1/);
  assert.equal((await weir.request("bad", "/")).status, 200);
  await until("two engines", () => enginesOf(weir.pid).length === 2);
  const apart = await engineOf(weir, "bad");
  const neighbours = await engineOf(weir, "s0");
  assert.notEqual(apart, neighbours);
  // From here on it harms only itself.
  const held = weir.request("s0", "/hold");
  await upstream.reached(1);
  assert.match((await weir.request("bad", "/park")).text, /1102/);
  await until("another engine apart", () => {
    const pids = enginesOf(weir.pid).map((one) => one.pid);
    return pids.length === 2 && !pids.includes(apart);
  });
  assert.ok(processOf(neighbours));
  upstream.release();
  assert.equal((await held).text, "released");
  await weir.stop();
});

test("a script of another account that is called the same does not", async (t) => {
  const weir = await startWeir({}, { flags: ["--engines", "1", ...kHome, "--quarantine-parks", "2"] });
  t.after(() => weir.stop());
  await command(weir, "account", "add", "other", "--subdomain", "other", "--plan", "paid");
  const hosts = [];
  const everywhere = (await command(weir, "token", "create", "ops", "--every-account")).stdout.trim();
  for (const account of ["local", "other"]) {
    const project = await startProject(t, weir, { files: { "src/index.js": kCode }, config: { name: "bad", limits: { cpu_ms: 2000 } } });
    const deployed = await project.tryRunWith({ env: { ...await environmentOf(weir, "--account", account), CLOUDFLARE_API_TOKEN: everywhere } }, "deploy");
    assert.equal(deployed.code, 0, deployed.text);
    hosts.push(`bad.${account}.workers.localhost`);
  }
  const ask = (host, path) => weir.request(null, path, { host });
  for (const host of hosts) while ((await ask(host, "/")).status !== 200);
  for (let i = 0; i < 2; i++) assert.match((await ask(hosts[0], "/park")).text, /1102/);
  await weir.said(/script [0-9a-f]{32}\/bad has cost engines their threads repeatedly and runs apart from now on, on engine 1/);
  for (const host of hosts) assert.equal((await ask(host, "/")).status, 200);
  await until("two engines", () => enginesOf(weir.pid).length === 2);
  assert.notEqual(await engineOf(weir, "bad", hosts[0]), await engineOf(weir, "bad", hosts[1]));
});

test("a version whose engine is behind gets a replica, and goes home when it is calm", async (t) => {
  const upstream = await startUpstream(t);
  const weir = await startWeir(scriptsOf(1, upstream), { flags: ["--engines", "2", "--loops", "1", "--replica-queue-ms", "10"] });
  const home = (await weir.request("s0", "/")).text;
  for (let i = 0; i < 20; i++) assert.equal((await weir.request("s0", "/")).text, home);
  const seen = new Set();
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 6; i++) seen.add((await weir.request("s0", "/burn")).text.split(" ")[0]);
  }));
  assert.equal(seen.size, 2, "both engines ran it under load");
  assert.ok(seen.has(home));
  for (let i = 0; i < 20; i++) assert.equal((await weir.request("s0", "/")).text, home);
  await weir.stop();
});

test("an engine that checks uploads yields to traffic", async (t) => {
  const weir = await startWeir({ hello: { code: `export default { fetch() { return new Response("hello"); } };` } });
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const upload = uploadForm("export default { fetch() { return new Response('up'); } };");
  const { body } = await callApi(environment, "PUT", "{A}/workers/scripts/up", { body: upload });
  assert.equal(body.success, true, JSON.stringify(body));
  // The next one stands ready afterwards.
  const groupOf = (pid) => {
    try {
      return /nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, "utf8"))?.[1];  // undefined: not in a session's group
    } catch {
      return undefined;  // a kernel without them
    }
  };
  const [serving] = enginesOf(weir.pid);
  const yields = ({ pid, nice }) => nice === 10 && [undefined, "10"].includes(groupOf(pid));
  await until("what makes the engine for the next check, at low priority", () => enginesOf(weir.pid, "nursery").some(yields));
  assert.equal(serving.nice, processOf(process.pid).nice);
  assert.notEqual(groupOf(serving.pid), "10");
});

test("kill -9 of weir leaves no engine, and a data directory that starts", async (t) => {
  const upstream = await startUpstream(t);
  let folder;
  const rounds = 20;
  let served = 0;
  for (let round = 0; round < rounds; round++) {
    const weir = await startWeir(scriptsOf(2, upstream), { flags: ["--engines", "2"], ...(folder && { folder }) });
    folder = weir.folder;
    const engines = enginesOf(weir.pid).map((one) => one.pid);
    assert.equal(engines.length, 2);
    const load = [steady(weir, "s0"), steady(weir, "s1")];
    await until("some load", () => load.every((one) => one.result.right > 0));
    await weir.kill();
    for (const one of load) served += (await one.stop()).right;
    await until("the engines' end", () => engines.every((pid) => processOf(pid) === null || processOf(pid).state === "Z"));
  }
  const weir = await startWeir(scriptsOf(2, upstream), { flags: ["--engines", "2"], folder });
  assert.equal((await weir.request("s0", "/")).status, 200);
  const lines = readFileSync(join(folder, "data/traces.jsonl"), "utf8").split("\n").slice(0, -1);
  for (const line of lines) JSON.parse(line);
  assert.ok(served >= 2 * rounds);
  const { exit } = await weir.stop();
  assert.equal(exit.code, 0);
  rmSync(folder, { recursive: true, force: true });
});
