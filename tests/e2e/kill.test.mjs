// Scripts that must be stopped by force, one after the other, beside a steady neighbour on the same engine: each costs its
// own request the right page and its own trace the right outcome, the next request to it is served by a fresh isolate, and
// the neighbour loses nothing.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const kCpu = "Worker exceeded CPU time limit.";
const kMemory = "Worker exceeded memory limit.";
const cpu = { cpu_ms: 100 };
const memory = { memory_mb: 32, cpu_ms: 60000 };

/** A script that answers /ok with how often it was asked, and runs `body` for anything else. */
const bad = (body, top = "") => `${top} let asked = 0;
export default { async fetch(request, env, ctx) {
  if (new URL(request.url).pathname === "/ok") return new Response("isolate asked " + ++asked);
  ${body};
  return new Response("came back");
} };`;

// A case that V8 stops must show where (stack); one that loses a thread to V8 need not.
const cpuCases = {
  loop: { body: `for (;;) {}`, stack: /at fetch \(index\.js:4/ },
  "loop-around-loop": { body: `for (;;) { new Array(1000).fill(0); }`, stack: /index\.js:4/ },
  finally: { body: `for (;;) { try { for (;;) {} } catch { console.log("caught"); } finally { console.log("finally"); } }`, stack: /index\.js:4/ },
  regexp: { body: `/^(a+)+$/.test("a".repeat(40) + "b")`, stack: /index\.js:4/ },
  microtasks: { body: `(function f() { Promise.resolve().then(f); })(); await new Promise(() => {})`, stack: /at f \(index\.js:4/ },
  sort: { body: `const a = Array.from({ length: 1e5 }, (_, i) => i * 7919 % 100003); for (;;) a.sort((x, y) => x - y)`, stack: /index\.js:4/ },
  "getter-headers": { body: `new Headers({ get a() { for (;;) {} } })`, stack: /at get a \(index\.js:4[^]*Headers/ },
  "getter-clone": { body: `structuredClone({ get a() { for (;;) {} } })`, stack: /at get a \(index\.js:4[^]*structuredClone/ },
  "getter-log": { body: `console.log({ get a() { for (;;) {} } })`, stack: /at get a \(index\.js:4/ },
  "getter-error": { body: `throw { get message() { for (;;) {} } }`, stack: null },
  "tostring-response": { body: `new Response({ toString() { for (;;) {} } })`, stack: /at toString \(index\.js:4/ },
  "tostring-url": { body: `new URL({ toString() { for (;;) {} } })`, stack: /at toString \(index\.js:4/ },
  proxy: { body: `new Response("", { headers: new Proxy({}, { ownKeys() { for (;;) {} } }) })`, stack: /at ownKeys \(index\.js:4/ },
  timer: { body: `await new Promise(() => setTimeout(() => { for (;;) {} }, 1))`, stack: /index\.js:4/ },
  logs: { body: `for (;;) console.log("x".repeat(1000))`, stack: null },  // they leave no room for what ended it
  // What V8 does not interrupt.
  "json-huge": { body: `let a = []; for (let i = 0; i < 40; i++) a = [a, a]; JSON.stringify(a)`, stack: null, outcomes: ["exceededCpu", "exceededMemory"] },
  "index-of": { body: `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)`, stack: null },
  "sort-native": { body: `const a = []; for (let i = 0; i < 2e6; i++) a.push(i * 7919 % 1000003); a.sort()`, stack: null, outcomes: ["exceededCpu", "exceededMemory"] },
  digest: { body: `const b = new Uint8Array(5e7); for (;;) await crypto.subtle.digest("SHA-256", b)`, stack: null },
  split: { body: `"x".repeat(5e8).split("")`, stack: null, outcomes: ["exceededCpu", "exceededMemory"] },
  fill: { body: `new Array(2 ** 27).fill(0).map((x) => ({}))`, stack: null, outcomes: ["exceededCpu", "exceededMemory"] },
};

const memoryCases = {
  objects: { body: `const o = {}; for (let i = 0;; i++) o["k" + i] = { i }` },
  arrays: { body: `const a = []; for (;;) a.push({}, [], "x" + a.length)` },
  "array-of-arrays": { body: `const a = []; for (;;) a.push(new Array(1000).fill({}))` },
  maps: { body: `const m = new Map(); for (let i = 0;; i++) m.set(i, { i })` },
  strings: { body: `const a = []; for (;;) { const s = "q".repeat(1 << 16) + a.length; a.push(s.split("1").join("2")); }` },
  promises: { body: `const a = []; for (;;) a.push(new Promise(() => {}).then(() => {}))` },
  closures: { body: `const a = []; for (let i = 0;; i++) a.push(class { static x = i; m() {} })` },
  spread: { body: `function* g() { for (;;) yield 1; } [...g()]` },
  buffers: { body: `const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1))` },
  "small-buffers": { body: `const a = []; for (;;) a.push(new Uint8Array(1000).fill(1))` },
  "caught-buffers": { body: `const a = []; for (;;) try { a.push(new ArrayBuffer(4 << 20)); } catch { console.log("caught"); }` },
  json: { body: `let a = ["x".repeat(30)]; for (let i = 0; i < 16; i++) a = [a, a]; const kept = []; for (;;) kept.push(JSON.stringify(a))` },
  bigint: { body: `const a = []; for (let b = 3n;; b *= b) a.push(b, b + 1n)` },
  padding: { body: `const a = []; for (;;) a.push("x".padStart(1e6 + a.length).split(" ", 1e5))` },
  "timer-growth": { body: `await new Promise(() => setTimeout(() => { const a = []; for (;;) a.push({}); }, 1))` },
  writes: { body: `const s = new TransformStream(), w = s.writable.getWriter(); (async () => { for (;;) w.write(new Uint8Array(65536)); })(); return new Response(s.readable)` },
};

// (memory (export "mem") 1)  (func (export "grow") (param i32) (result i32) local.get 0  memory.grow)
// (func (export "loop") (loop  i32.const 1  memory.grow  drop  br 0))
const growing = Buffer.from("0061736d010000000109" + "0260017f017f600000" + "03030200010503010001" + "0715" +
  "03036d656d020004" + "67726f77000004" + "6c6f6f700001" + "0a15" + "02" + "06002000" + "40000b" + "0c00034041014000" + "1a0c000b0b", "hex");
// The same loop, run by the module's start function.
const growingAtStart = Buffer.from("0061736d01000000" + "010401600000" + "03020100" + "0503010001" + "080100" + "0a0e" + "01" +
  "0c00034041014000" + "1a0c000b0b", "hex");
const importing = { top: `import wasm from "./m.wasm";`, files: { "m.wasm": growing } };
Object.assign(memoryCases, {
  "wasm-grow": { ...importing, body: `const i = new WebAssembly.Instance(wasm); for (;;) i.exports.mem.grow(4)` },
  "wasm-grow-inside": { ...importing, body: `new WebAssembly.Instance(wasm).exports.loop()` },
  "wasm-grow-at-start": { ...importing, files: { "m.wasm": growingAtStart }, body: `new WebAssembly.Instance(wasm)` },
  "wasm-instances": { ...importing, body: `const a = []; for (;;) { const i = new WebAssembly.Instance(wasm); i.exports.grow(16); a.push(i); }` },
  "wasm-memories": { body: `const a = []; for (;;) a.push(new WebAssembly.Memory({ initial: 16 }))` },
  "wasm-many-small": { body: `const a = []; for (;;) a.push(new WebAssembly.Memory({ initial: 0 }))` },
  "resizable-buffers": { body: `const a = []; for (;;) { const b = new ArrayBuffer(1, { maxByteLength: 1 << 20 }); b.resize(1 << 20); a.push(b); }` },
});

// What is the script's own exception, and no reason to stop it.
const exceptionCases = {
  recursion: { body: `(function f() { f(); })()`, error: ["RangeError", "Maximum call stack size exceeded"] },
  flat: { body: `const a = []; a.push(a); a.flat(Infinity)`, error: ["RangeError", "Maximum call stack size exceeded"] },
  "bigint-shift": { body: `1n << 8589934591n`, error: ["RangeError", "Maximum BigInt size exceeded"] },
  join: { body: `new Array(1e9).join("x")`, error: ["RangeError", "Invalid string length"] },
  "wasm-huge": { ...importing, body: `const { mem, grow } = new WebAssembly.Instance(wasm).exports;
    if (grow(4000) !== -1) return new Response("grew"); mem.grow(4000)`, error: ["RangeError", "WebAssembly.Memory.grow(): Unable to grow instance memory"] },
  "huge-buffer": { body: `new ArrayBuffer(1e12)`, error: ["RangeError", "Invalid array buffer length"] },
};

/** Asks the neighbour all the time; every answer has to be right. */
function startNeighbour(weir) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const state = { answers: 0, wrong: [], waiting: [] };
  let stopped = false;
  const run = (async () => {
    for (let i = 0; !stopped; i++) {
      const question = `q${i}`;
      try {
        const text = await new Promise((found, failed) => {
          const request = http.get({ port: weir.port, host: "127.0.0.1", agent, path: `/?${question}`,
            headers: { host: `neighbour.local.workers.localhost:${weir.port}` } }, (response) => {
            let body = "";
            response.setEncoding("utf8");
            response.on("data", (part) => (body += part));
            response.on("end", () => found(`${response.statusCode} ${body}`));
            response.on("error", failed);
          });
          request.setTimeout(30_000, () => request.destroy(new Error("no answer")));
          request.on("error", failed);
        });
        if (text !== `200 {"question":"${question}","sum":499500}`) state.wrong.push(`${question}: ${text}`);
      } catch (error) {
        state.wrong.push(`${question}: ${error}`);
      }
      state.answers++;
      state.waiting.splice(0).forEach((done) => done());
    }
  })();
  return {
    state,
    /** Once it has had that many more answers. */
    async answers(count) {
      const until = state.answers + count;
      while (state.answers < until) await new Promise((done) => state.waiting.push(done));
    },
    async stop() {
      stopped = true;
      await run;
      agent.destroy();
    },
  };
}

const neighbour = { code: `export default { async fetch(request) {
  let sum = 0; for (let i = 0; i < 1000; i++) sum += i;
  await scheduler.wait(1);
  return Response.json({ question: new URL(request.url).search.slice(1), sum });
} };` };

async function isTheSame(weir, script) {
  assert.equal((await weir.request(script, "/ok")).text, "isolate asked 1");
  assert.equal((await weir.request(script, "/ok")).text, "isolate asked 2", `${script}: the isolate goes on`);
}

async function isFresh(weir, script) {
  const response = await weir.request(script, "/ok");
  assert.equal(response.text, "isolate asked 1", `${script}: the next request is served by a fresh isolate`);
}

async function run(t, cases, limits, check, after = isFresh) {
  const scripts = { neighbour };
  for (const [name, one] of Object.entries(cases)) scripts[name] = { code: bad(one.body, one.top), files: one.files, limits };
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  const beside = startNeighbour(weir);
  await beside.answers(1);
  for (const [name, one] of Object.entries(cases)) {
    await t.test(name, async () => {
      await check(weir, name, one);
      await after(weir, name);
      await beside.answers(2);
      assert.deepEqual(beside.state.wrong, [], "the neighbour lost something");
    });
  }
  await beside.stop();
  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  const of = (name) => traces.filter((trace) => trace.scriptName === name);
  assert.equal(of("neighbour").length, beside.state.answers);
  assert.ok(of("neighbour").every((trace) => trace.outcome === "ok"));
  for (const name of Object.keys(cases)) assert.equal(of(name).length, after === isFresh ? 2 : 3, `${name}: a trace for each of its requests`);
  return (name) => of(name).find((trace) => !trace.event.request.url.endsWith("/ok"));
}

const stopped = async (weir, name) => {
  const response = await weir.request(name);
  assert.equal(response.status, 503, response.text);
  assert.match(response.text, /1102/);
};

test("CPU: what runs too long", async (t) => {
  const trace = await run(t, cpuCases, cpu, stopped);
  for (const [name, one] of Object.entries(cpuCases)) {
    const { outcome, exceptions, logs, cpuTime } = trace(name);
    assert.ok((one.outcomes ?? ["exceededCpu"]).includes(outcome), `${name}: ${outcome}`);
    const last = exceptions.at(-1);
    if (name !== "logs") assert.ok([kCpu, kMemory].includes(last?.message), `${name}: ${JSON.stringify(exceptions)}`);
    if (one.stack) assert.match(last.stack ?? "", one.stack, name);
    if (name === "logs") assert.ok(logs.length > 100, `logs: ${logs.length}`);
    else assert.deepEqual(logs, [], `${name}: neither catch nor finally runs`);
    assert.ok(cpuTime >= 90 || outcome === "exceededMemory", `${name}: ${cpuTime}`);
  }
});

test("memory: what grows too much", async (t) => {
  const trace = await run(t, memoryCases, memory, stopped);
  for (const name of Object.keys(memoryCases)) {
    const { outcome, exceptions, logs } = trace(name);
    assert.equal(outcome, "exceededMemory", `${name}: ${JSON.stringify(exceptions)}`);
    assert.equal(exceptions.at(-1)?.message, kMemory, name);
    assert.ok(logs.length <= 4, `${name}: catch does not go on`);
  }
});

test("exceptions: what no limit has to stop", async (t) => {
  const trace = await run(t, exceptionCases, undefined, async (weir, name) => {
    const response = await weir.request(name);
    assert.equal(response.status, 500, response.text);
    assert.match(response.text, /1101/);
  }, isTheSame);
  for (const [name, one] of Object.entries(exceptionCases)) {
    const { outcome, exceptions } = trace(name);
    assert.equal(outcome, "exception", name);
    assert.deepEqual([exceptions[0].name, exceptions[0].message], one.error, name);
  }
});

test("start-up: what its top-level scope does is the script's own", async (t) => {
  const handler = `export default { fetch() { return new Response("came back"); } };`;
  const cases = {
    spins: { code: `for (;;) {}\n${handler}`, outcome: "exceededCpu", message: /^Script startup exceeded CPU time limit\.\n {2}at index\.js:1/ },
    grows: { code: `const a = []; for (;;) a.push({});\n${handler}`, outcome: "exceededMemory", message: /^Script startup exceeded memory limits\./ },
    stuck: { code: `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);\n${handler}`, outcome: "exceededCpu", message: /^Script startup exceeded CPU time limit\./ },
  };
  const scripts = { neighbour };
  for (const [name, { code }] of Object.entries(cases)) scripts[name] = { code, limits: { memory_mb: 32, startup_cpu_ms: 200 } };
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  const beside = startNeighbour(weir);
  await beside.answers(1);
  for (const name of Object.keys(cases)) {
    await t.test(name, async () => {
      for (const response of await Promise.all(Array.from({ length: 4 }, () => weir.request(name)))) {
        assert.equal(response.status, 503, response.text);
        assert.match(response.text, /1102/);
      }
      await beside.answers(2);
      assert.deepEqual(beside.state.wrong, [], "the neighbour lost something");
    });
  }
  await beside.stop();
  const { exit, traces } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  for (const [name, { outcome, message }] of Object.entries(cases)) {
    const own = traces.filter((trace) => trace.scriptName === name);
    assert.equal(own.length, 4, name);
    for (const trace of own) {
      assert.equal(trace.outcome, outcome, name);
      assert.match(trace.exceptions.at(-1).message, message);
    }
  }
});
