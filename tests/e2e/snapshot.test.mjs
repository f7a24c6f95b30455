// A version's top-level scope runs once, in a throwaway engine; isolates start from the heap it left, from its code cache or
// from the source, and a script cannot tell which.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { values } from "./snapshot/values.mjs";
import { root, startWeir } from "./weir.mjs";

const kStartsFrom = ["snapshot", "code-cache", "source"];

const classes = readFileSync(join(root, "tests/e2e/snapshot/classes.js"), "utf8");

const recordsOf = (weir) => {
  const folder = join(weir.folder, "data/versions");
  const records = {};
  for (const file of readdirSync(folder)) {
    if (!file.endsWith(".json")) continue;
    const record = JSON.parse(readFileSync(join(folder, file), "utf8"));
    records[record.script] = { ...record, key: file.slice(0, -5) };
  }
  return records;
};

// Isolates of one heap share what it drew at random in its top-level scope; others draw anew.
const bornOf = async (weir, script) => (await weir.request(script, "/born")).text;

const nameOf = (value) => value.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
const handler = `export default { async fetch() { return Response.json(await use()); } };`;

test("a script cannot tell what its isolate started from", async (t) => {
  // Values that leave no trace on others share a script, a module each.
  const together = Object.entries(values).filter(([name, value]) => !value.starts && !/^(patched|lateReplaced|lazy.*)$/.test(name));
  const scripts = {
    classes: { code: classes },
    together: {
      code: together.map(([name]) => `import { use as ${name} } from "./${name}.js";`).join("\n") +
        `const born = Math.random();
         export default { async fetch(request) {
           if (request.url.endsWith("/born")) return Response.json(born);
           const got = {};
           for (const [name, use] of Object.entries({ ${together.map(([name]) => name)} })) got[name] = await use();
           return Response.json(got);
         } };`,
      files: Object.fromEntries(together.map(([name, value]) => [`${name}.js`, `${value.code}\nexport { use };`])),
    },
    worker: {
      code: `const made = new Map([["a", 1]]); let n = 0; globalThis.shared = made;
        addEventListener("fetch", (event) => event.respondWith(Response.json([made.get("a"), shared === made, ++n, GREETING])));`,
      vars: { GREETING: "hallo" },
    },
    classy: {
      code: `let made = 0; class Base { #n = ++made; constructor(ctx, env) { this.env = env; } get n() { return this.#n; } }
        export default class extends Base { fetch() { return Response.json([this.n > 0, this.env.A, typeof this.scheduled]); } scheduled() {} }`,
      vars: { A: { b: [1, 2] } },
    },
  };
  for (const [name, value] of Object.entries(values)) {
    if (!together.some(([one]) => one === name)) scripts[nameOf(name)] = { code: `${value.code}\n${handler}` };
  }
  // A large script's heap is written without the code that only its top-level scope calls.
  for (const script of Object.values(scripts)) script.flags = ["nodejs_als"];
  for (const [name, script] of Object.entries(scripts)) scripts[`${name}-large`] = { ...script, code: `${script.code}\n// ${"-".repeat(130_000)}` };
  const names = Object.keys(scripts);
  const answers = {};
  const records = {};
  const born = {};
  for (const mode of kStartsFrom) {
    const weir = await startWeir(scripts, { flags: ["--start-from", mode, "--engines", "1"] });
    if (mode !== "source") await weir.checked(names.length);
    answers[mode] = {};
    for (const name of names) {
      const both = [await weir.request(name), await weir.request(name)];
      for (const { status, text } of both) assert.equal(status, 200, `${mode} ${name}: ${text}\n${weir.output()}`);
      answers[mode][name] = both.slice(0, name.startsWith("classes") ? 1 : 2).map(({ text }) => text);  // its objects are used up
    }
    born[mode] = [await bornOf(weir, "classes"), await bornOf(weir, "together")];
    records[mode] = mode === "source" ? {} : recordsOf(weir);
    await weir.stop({ keep: true });
    const again = await startWeir(scripts, { flags: ["--start-from", mode, "--engines", "1"], folder: weir.folder });
    born[`${mode} again`] = [await bornOf(again, "classes"), await bornOf(again, "together")];
    assert.doesNotMatch(again.output(), /is checked/, "what was checked once is checked again");
    await again.stop();
  }

  await t.test("every value gives the same", () => {
    assert.ok(together.length >= 40);
    assert.deepEqual(answers["code-cache"], answers.source);
    assert.deepEqual(answers.snapshot, answers.source);
  });
  await t.test("every class of the web API works, none is forgotten", () => {
    for (const mode of kStartsFrom) {
      const { failed, missing, count } = JSON.parse(answers[mode].classes[0]);
      assert.deepEqual(failed, {}, mode);
      assert.deepEqual(missing, [], "classes without a case in snapshot/classes.js");
      assert.ok(count >= 40, `only ${count} classes`);
    }
  });
  await t.test("it is a heap that isolates start from where it can be written, else a code cache, with the reason", () => {
    for (const name of names) {
      const { startsFrom, reason } = records.snapshot[name];
      const value = Object.entries(values).find(([one]) => nameOf(one) === name.replace(/-large$/, ""))?.[1];
      assert.equal(startsFrom, value?.starts ? "codeCache" : "snapshot", `${name}: ${reason}`);
      if (value?.starts) assert.match(reason, value.starts, name);
      else assert.equal(reason, "");
      assert.equal(records["code-cache"][name].startsFrom, "codeCache");
    }
    assert.deepEqual(born.snapshot, born["snapshot again"]);
    assert.notDeepEqual(born["code-cache"], born["code-cache again"]);
    assert.notDeepEqual(born.source, born["source again"]);
  });
});

test("the heap of a large script holds no code that only its top-level scope calls, and what is called again works", async () => {
  const large = (name) => `function ${name}(x) { let s = 0;
    ${Array.from({ length: 3000 }, (_, i) => `s += x * ${i} + s % ${i + 7};`).join("\n")} return s; }`;
  const code = (scope) => `${large("once")} ${large("always")}
    function* numbers() { yield once.length; yield 2; yield 3; }
    const suspended = numbers();
    suspended.next();
    let resolve;
    const pending = (async () => { const value = await new Promise((r) => (resolve = r)); return value + 1; })();
    class Counter { #n = Counter.start(); static #made = 0; static start() { return ++Counter.#made; } get n() { return this.#n; } }
    const adders = [1, 2].map((a) => function add(b) { return a + b; });
    const counters = [new Counter(), new Counter()];
    const sum = adders.reduce((s, add) => add(s), 0);
    const early = ${scope};
    export default { async fetch(request) {
      if (request.url.endsWith("/early")) return Response.json(early);
      resolve(4);
      const again = request.url.endsWith("/again") ? [once(2), adders.map((add) => add(5)), new Counter().n, suspended.next().value] : [];
      return Response.json([always(3), counters.map((one) => one.n), sum, await pending, ...again]);
    } };`;
  const weir = await startWeir({ called: { code: code("once(2)") }, uncalled: { code: code("0") } }, { flags: ["--engines", "1"] });
  await weir.checked(2);
  const { called, uncalled } = recordsOf(weir);
  for (const { startsFrom, reason } of [called, uncalled]) assert.equal(startsFrom, "snapshot", reason);
  // Its bytecode is 60 KB and more.
  assert.ok(called.imageBytes - uncalled.imageBytes < 20_000, `${called.imageBytes} beside ${uncalled.imageBytes}`);
  const ask = async (path) => JSON.parse((await weir.request("called", path)).text);
  const [always, ...rest] = await ask("/");
  assert.deepEqual(rest, [[1, 2], 3, 5]);
  const [, , , , once, added, third, next] = await ask("/again");
  assert.equal(once, await ask("/early"));
  assert.ok(once > 0 && always > 0);
  assert.deepEqual([added, third, next], [[6, 7], 3, 2]);
  await weir.stop();
});

test("what V8 adds to a context late is what stands in for it", async () => {
  const code = `
    const late = new Set(["SharedArrayBuffer", "WebAssembly", "SuppressedError", "DisposableStack", "AsyncDisposableStack"]);
    function keys() {
      const found = [];
      const add = (name, object) => { for (const key of Reflect.ownKeys(object)) found.push(name + "." + String(key)); };
      add("globalThis", globalThis);
      for (const name of Object.getOwnPropertyNames(globalThis)) {
        const value = late.has(name) ? null : globalThis[name];
        if (value === null || (typeof value !== "object" && typeof value !== "function") || value === globalThis) continue;
        add(name, value);
        if (typeof value === "function" && value.prototype) add(name + ".prototype", value.prototype);
        if (name === "Intl") for (const one of Object.getOwnPropertyNames(value)) add("Intl." + one, value[one]);
      }
      for (const proto of [(function* () {})(), (async function* () {})(), [][Symbol.iterator](), new Map().entries(), "a".matchAll(/a/g)]) add("iterator", Object.getPrototypeOf(proto));
      return found.sort();
    }
    const top = keys();
    export default { fetch() { return Response.json({ top, now: keys() }); } };`;
  const weir = await startWeir({ keys: { code } });
  await weir.checked(1);
  assert.equal(recordsOf(weir).keys.startsFrom, "snapshot", recordsOf(weir).keys.reason);
  const { top, now } = JSON.parse((await weir.request("keys")).text);
  assert.ok(top.length > 1000);
  assert.deepEqual(top, now);
  await weir.stop();
});

test("modules that were evaluated in the top-level scope stay the same modules", async () => {
  const add = Buffer.from("0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b", "hex");
  const code = `
    import { count, tick } from "./counter.js";
    import text from "./hello.txt";
    import data from "./bytes.bin";
    import json from "./value.json";
    const early = await import("./early.js");
    const error = await import("./broken.js").then(() => null, (e) => e);
    tick();
    export default { async fetch(request) {
      if (request.url.endsWith("/wasm")) {
        const { default: module } = await import("./add.wasm");
        return Response.json((await WebAssembly.instantiate(module)).exports.add(2, 3));
      }
      const late = await import("./late.js");
      const sub = await import("./deep/sub.js");
      return Response.json({
        same: early === await import("./early.js"), error: error.message, sameError: error === await import("./broken.js").catch((e) => e),
        count: count(), lateCount: late.count(), slow: late.slow, lateSame: late === await import("./late.js"), sub: sub.up(),
        text, data: [...new Uint8Array(data)], sameData: data === (await import("./bytes.bin")).default, json: json.n,
        none: await import("./none.js").catch((e) => e.message),
      });
    } };`;
  const files = {
    "counter.js": `let n = 0; export const tick = () => ++n; export const count = () => n;`,
    "early.js": `export const made = {};`,
    "broken.js": `throw new Error("broken " + Math.random());`,
    "late.js": `import { count, tick } from "./counter.js"; tick(); let slow = 0; await new Promise((r) => setTimeout(r, 1)); slow = 1; export { count, slow };`,
    "hello.txt": "text", "bytes.bin": Buffer.from([1, 2, 3]), "value.json": `{"n": 7}`, "add.wasm": add,
    "deep/sub.js": `import { count } from "../counter.js"; export const up = () => count();`,
  };
  const expected = { same: true, error: undefined, sameError: true, count: 2, lateCount: 2, slow: 1, lateSame: true, sub: 2,
    text: "text", data: [1, 2, 3], sameData: true, json: 7, none: `No such module "./none.js".\n  imported from "index.js"` };
  for (const mode of kStartsFrom) {
    const weir = await startWeir({ modules: { code, files } }, { flags: ["--start-from", mode] });
    if (mode !== "source") await weir.checked(1);
    if (mode === "snapshot") assert.equal(recordsOf(weir).modules.startsFrom, "snapshot", recordsOf(weir).modules.reason);
    const first = JSON.parse((await weir.request("modules")).text);
    assert.match(first.error, /^broken 0\./);
    assert.deepEqual(first, { ...expected, error: first.error }, mode);
    assert.deepEqual(JSON.parse((await weir.request("modules")).text), first, mode);
    assert.equal((await weir.request("modules", "/wasm")).text, "5", mode);
    await weir.stop();
  }
});

test("values of bindings are in no file of the data directory, and reach every isolate", async () => {
  const secret = "s3cret-4711";
  const scripts = {
    module: { code: `export default { fetch(request, env) { return Response.json([env.TOKEN, typeof TOKEN]); } };`, vars: { TOKEN: secret } },
    worker: { code: `addEventListener("fetch", (e) => e.respondWith(new Response(TOKEN)));`, vars: { TOKEN: secret } },
    reads: { code: `const token = TOKEN; addEventListener("fetch", (e) => e.respondWith(new Response(token + TOKEN)));`, vars: { TOKEN: secret } },
    takes: { code: `var TOKEN; globalThis.OTHER = "mine"; addEventListener("fetch", (e) => e.respondWith(new Response(TOKEN + OTHER)));`, vars: { TOKEN: secret, OTHER: secret } },
    typed: { code: `const kind = typeof TOKEN; addEventListener("fetch", (e) => e.respondWith(new Response(kind)));`, vars: { TOKEN: secret } },
  };
  const weir = await startWeir(scripts);
  await weir.checked(5);
  assert.equal((await weir.request("module")).text, `["${secret}","undefined"]`);
  assert.equal((await weir.request("worker")).text, secret);
  assert.equal((await weir.request("reads")).text, secret + secret);
  assert.equal((await weir.request("takes")).text, `${secret}mine`);
  assert.equal((await weir.request("typed")).text, "string");
  const records = recordsOf(weir);
  for (const [name, from] of Object.entries({ module: "snapshot", worker: "snapshot", takes: "snapshot", reads: "codeCache", typed: "codeCache" })) {
    assert.equal(records[name].startsFrom, from, `${name}: ${records[name].reason}`);
  }
  assert.match(records.reads.reason, /reads the binding "TOKEN"/);
  const folder = join(weir.folder, "data/versions");
  let searched = 0;
  for (const file of readdirSync(folder)) {
    assert.ok(!readFileSync(join(folder, file)).includes(secret), file);
    searched++;
  }
  assert.equal(searched, 11);  // five records, five images, the hash seed
  // Another value is no other image in module syntax.
  await weir.stop({ keep: true });
  scripts.module.vars.TOKEN = "other";
  const again = await startWeir(scripts, { folder: weir.folder });
  assert.equal((await again.request("module")).text, `["other","undefined"]`);
  assert.doesNotMatch(again.output(), /is checked/);
  await again.stop();
});

test("two isolates of one heap draw different random numbers", async () => {
  const code = `const top = Math.random(); const zero = Date.now();
    export default { fetch() { return Response.json({ top, zero, now: Date.now() > 1e12, random: [Math.random(), Math.random()], bytes: [...crypto.getRandomValues(new Uint8Array(8))], uuid: crypto.randomUUID() }); } };`;
  const weir = await startWeir({ dice: { code } });
  await weir.checked(1);
  const first = JSON.parse((await weir.request("dice")).text);
  await weir.stop({ keep: true });
  const again = await startWeir({ dice: { code } }, { folder: weir.folder });
  const second = JSON.parse((await again.request("dice")).text);
  await again.stop();
  assert.equal(first.top, second.top);
  for (const one of [first, second]) assert.deepEqual([one.zero, one.now], [0, true]);
  const numbers = [first, second].flatMap((one) => [...one.random, one.uuid, one.bytes.join()]);
  assert.equal(new Set(numbers).size, 8, numbers.join(" "));
});

test("an image that is torn, rotten or another engine's is not used", async (t) => {
  const code = `const born = Math.random(); export default { fetch() { return Response.json(born); } };`;
  let weir = await startWeir({ hello: { code } });
  await weir.checked(1);
  const folder = weir.folder;
  const record = recordsOf(weir).hello;
  const image = join(folder, "data/versions", `${record.key}.image`);
  const json = join(folder, "data/versions", `${record.key}.json`);
  const whole = readFileSync(image);
  const born = (await weir.request("hello")).text;
  await weir.stop({ keep: true });
  const restart = async (what, checksAgain) => {
    weir = await startWeir({ hello: { code } }, { folder });
    if (checksAgain) await weir.checked(1);
    const { status, text } = await weir.request("hello");
    assert.equal(status, 200, what);
    assert.notEqual(text, born, what);
    if (!checksAgain) assert.doesNotMatch(weir.output(), /is checked/, what);
    await weir.stop({ keep: true });
  };
  await t.test("torn", async () => {
    truncateSync(image, whole.length >> 1);
    await restart("torn", true);
    assert.equal(statSync(image).size > whole.length >> 1, true);
  });
  await t.test("rotten: noticed by the engine, which starts from the source", async () => {
    const bytes = readFileSync(image);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(image, bytes);
    await restart("rotten", false);
  });
  await t.test("gone", async () => {
    rmSync(image);
    await restart("gone", true);
  });
  await t.test("of another engine", async () => {
    writeFileSync(json, JSON.stringify({ ...JSON.parse(readFileSync(json, "utf8")), engine: "another" }));
    await restart("of another engine", true);
  });
  await t.test("of another hash seed", async () => {
    rmSync(join(folder, "data/versions/hash-seed"));
    await restart("of another hash seed", true);
  });
  await t.test("said to be of another hash seed: noticed by the engine", async () => {
    writeFileSync(json, JSON.stringify({ ...JSON.parse(readFileSync(json, "utf8")), hashMark: 1 }));
    await restart("of another hash mark", false);
  });
  rmSync(folder, { recursive: true });
});

test("a script that cannot start is named with its place, and the others are served", async () => {
  const spin = "for (;;) {}";
  const scripts = {
    good: { code: `export default { fetch() { return new Response("good"); } };` },
    syntax: { code: `const a = 1;\nexport default { fetch() { return new Response("x") `, expect: [/^Uncaught SyntaxError: .*\n {2}at index\.js:2:\d+$/, 1101] },
    throws: { code: `const a = 1;\nfunction f() { throw new TypeError("boom"); }\nf();\nexport default {};`, expect: [/^Uncaught TypeError: boom\n {2}at index\.js:2:22 in f\n {2}at index\.js:3:1$/, 1101] },
    value: { code: `throw "text";`, expect: [/^Uncaught .*text/, 1101] },
    rejects: { code: `await Promise.reject(new RangeError("later"));\nexport default { fetch() {} };`, expect: [/^Uncaught RangeError: later\n {2}at index\.js:1:\d+/, 1101] },
    unsettled: { code: `await new Promise(() => {});\nexport default { fetch() {} };`, expect: [/^Uncaught Error: Top-level await in module is unsettled/, 1101] },
    spins: { code: `const a = 1;\nfunction f() {\n  ${spin}\n}\nf();\nexport default { fetch() {} };`, expect: [/^Script startup exceeded CPU time limit\.\n {2}at index\.js:3:\d+ in f\n {2}at index\.js:5:1$/, 1102] },
    queues: { code: `const f = () => queueMicrotask(f); f();\nexport default { fetch() {} };`, limits: { startup_cpu_ms: 50 }, expect: [/^Script startup exceeded CPU time limit\./, 1102] },
    stuck: { code: `new Array(2 ** 27).fill(0).map((x) => ({}));\nexport default { fetch() {} };`, limits: { startup_cpu_ms: 200 }, expect: [/^Script startup exceeded (CPU time limit|memory limits)\./, 1102] },
    grows: { code: `const all = []; for (;;) all.push(new Array(1000).fill({}));`, limits: { startup_cpu_ms: 10000, memory_mb: 64 }, expect: [/^Script startup exceeded memory limits\./, 1102] },
    buffers: { code: `const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));`, limits: { startup_cpu_ms: 10000 }, expect: [/^Script startup exceeded memory limits\./, 1102] },
    nothing: { code: `export default {};`, expect: [/^No event handlers were registered\. This script does nothing\./, 1101] },
    module: { code: `import "./none.js";\nexport default { fetch() {} };`, expect: [/^Uncaught Error: No such module "\.\/none\.js"\.\n {2}imported from "index\.js"/, 1101] },
    timer: { code: `setTimeout(() => {}, 1);\nexport default { fetch() {} };`, expect: [/^Uncaught Error: Disallowed operation called within global scope\..*\n {2}at index\.js:1:1$/, 1101] },
    control: { code: `throw new Error("\\u001b[31mred\\u0007");`, expect: [/^Uncaught Error: \?\[31mred\?/, 1101] },
  };
  const failing = Object.entries(scripts).filter(([, script]) => script.expect);
  assert.ok(failing.length >= 14);
  const weir = await startWeir(scripts);
  await weir.checked(Object.keys(scripts).length);
  assert.equal((await weir.request("good")).text, "good");
  const said = weir.output().split(/^weir: /m);
  for (const [name, { expect: [message, code] }] of failing) {
    const prefix = `script ${name} does not start: `;
    const lines = said.filter((one) => one.startsWith(prefix));
    assert.equal(lines.length, 1, `${name} is named once:\n${weir.output()}`);
    const where = `\n  where its time went: weir profile ${name} --startup`;
    if (name === "spins") assert.ok(lines[0].trimEnd().endsWith(where), lines[0]);
    assert.match(lines[0].slice(prefix.length).replace(where, "").trimEnd(), message, name);
    const response = await weir.request(name, "/", { headers: { accept: "text/plain" } });
    assert.equal(response.text.trim(), `error code: ${code}`, name);
  }
  assert.equal(Object.keys(recordsOf(weir)).length, 1);
  const { traces } = await weir.stop();
  for (const [name, { expect: [message, code] }] of failing) {
    const trace = traces.find((one) => one.scriptName === name);
    assert.match(trace.exceptions[0].message, message, name);
    assert.match(trace.outcome, code === 1101 ? /^exception$/ : /^exceeded(Cpu|Memory)$/, name);
  }
});

test("weir dev serves what works until what was saved does", async () => {
  const says = (text) => `const born = Math.random(); export default { fetch() { return Response.json(["${text}", born]); } };`;
  const weir = await startWeir({ one: { code: says("one") } }, { dev: "one" });
  const file = join(weir.folder, "one/index.js");
  const get = async () => JSON.parse((await weir.request("one")).text);
  await weir.said(/^checked /m);
  const [first, born] = await get();
  assert.equal(first, "one");
  writeFileSync(file, `const a = 1;\nthrow new Error("boom");`);
  await weir.said(/^weir: script dev does not start: Uncaught Error: boom\n {2}at index\.js:2:7$/m);
  assert.deepEqual(await get(), ["one", born]);
  writeFileSync(file, "export default {");
  await weir.said(/^weir: script dev does not start: Uncaught SyntaxError: .*\n {2}at index\.js:1:\d+$/m);
  assert.deepEqual(await get(), ["one", born]);
  writeFileSync(file, says("two"));
  await weir.said(/^reloaded /m);
  assert.equal((await get())[0], "two");
  writeFileSync(file, says("one"));  // known already: no check
  await weir.saidTimes(/^reloaded /gm, 2);
  assert.equal((await get())[0], "one");
  assert.equal((await weir.saidTimes(/is checked/g, 2)).length, 2);
  await weir.stop();
});

test("a first version that does not start answers with its page until it does", async () => {
  const weir = await startWeir({ one: { code: "throw 1;" } }, { dev: "one" });
  await weir.said(/^weir: script dev does not start: /m);
  assert.equal((await weir.request("one")).status, 500);
  writeFileSync(join(weir.folder, "one/index.js"), `export default { fetch() { return new Response("now"); } };`);
  await weir.said(/^checked /m);
  assert.equal((await weir.request("one")).text, "now");
  await weir.stop();
});
