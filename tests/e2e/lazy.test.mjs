// Classes of the web API that are evaluated when a script first looks at them (src/web/core/lazy.js): nothing of that shows.
// What becomes of them in a heap that is written: snapshot/values.mjs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, startWeir } from "./weir.mjs";

const read = (file) => readFileSync(join(root, "tests/e2e/lazy", file), "utf8");
const shape = read("shape.js");

// One of each chunk.
const kFirsts = ["TextDecoder", "MessageEvent", "FormData", "ReadableStream", "TransformStream", "WebSocket"];

test("a script that has changed every builtin finds the same classes", async (t) => {
  const script = { code: read("tampered.js"), files: { "shape.js": shape } };
  const weir = await startWeir({ plain: script, tampered: script });
  t.after(() => weir.stop());
  const plain = await weir.request("plain");
  const tampered = await weir.request("tampered", "/tampered");
  assert.equal(tampered.status, 200, tampered.text);
  assert.ok(parseInt(tampered.text) > 1000, tampered.text);
  assert.equal(tampered.text.replace(/^\d+/, "0"), plain.text);
  for (const name of kFirsts) assert.match(plain.text, new RegExp(`^${name} c-w function ${name}/\\d`, "m"));
});

test("a class whose evaluation overflows the stack is whole afterwards", async (t) => {
  const code = `import { shapeOf } from "./shape.js";
    const names = ${JSON.stringify(kFirsts)};
    let failed = 0;
    function look(name) {
      try { look(name); } catch {}
      try { globalThis[name]; } catch (error) { if (error instanceof RangeError) failed++; else throw error; }
    }
    export default { fetch(request) {
      const counts = [];
      if (request.url.endsWith("/deep")) for (const name of names) { failed = 0; look(name); counts.push(failed); }
      return Response.json([counts, shapeOf(names)]);
    } };`;
  const script = { code, files: { "shape.js": shape } };
  const weir = await startWeir({ plain: script, deep: script });
  t.after(() => weir.stop());
  const plain = JSON.parse((await weir.request("plain")).text);
  const [counts, got] = JSON.parse((await weir.request("deep", "/deep")).text);
  assert.equal(got, plain[1]);
  for (const [i, name] of kFirsts.entries()) assert.ok(counts[i] > 0, `${name} was evaluated where there was no room`);
});

test("looking at a class runs nothing of the script, and what was put in its place stays", async (t) => {
  const code = `
    const answers = {
      "/jobs": async () => {
        let ran = 0;
        Promise.resolve().then(() => ran++);
        queueMicrotask(() => ran++);
        const got = names.map((name) => [typeof globalThis[name], ran]);
        await null;
        return [got, ran];
      },
      "/order": () => {
        const before = Object.getOwnPropertyNames(globalThis);
        for (const name of before) globalThis[name];
        return [before.join() === Object.getOwnPropertyNames(globalThis).join(), names.filter((name) => Object.keys(globalThis).includes(name))];
      },
      "/replaced": () => {
        for (const name of names) globalThis[name] = name;
        return names.map((name) => JSON.stringify(Object.getOwnPropertyDescriptor(globalThis, name)));
      },
      "/deleted": () => names.map((name) => [delete globalThis[name], name in globalThis, typeof globalThis[name]]),
      "/defined": () => names.map((name) => {
        Object.defineProperty(globalThis, name, { value: 1, enumerable: true });
        return JSON.stringify(Object.getOwnPropertyDescriptor(globalThis, name));
      }),
    };
    const names = ${JSON.stringify(kFirsts)};
    export default { async fetch(request) { return Response.json(await answers[new URL(request.url).pathname]()); } };`;
  const paths = ["jobs", "order", "replaced", "deleted", "defined"];
  const weir = await startWeir(Object.fromEntries(paths.map((path) => [path, { code: `${code}//${path}` }])));
  t.after(() => weir.stop());
  const got = {};
  for (const path of paths) {
    const { text, status } = await weir.request(path, `/${path}`);
    assert.equal(status, 200, text);
    got[path] = JSON.parse(text);
  }
  assert.deepEqual(got.jobs, [kFirsts.map(() => ["function", 0]), 2]);
  assert.deepEqual(got.order, [true, []]);
  const property = (value, enumerable) => JSON.stringify({ value, writable: true, enumerable, configurable: true });
  assert.deepEqual(got.replaced, kFirsts.map((name) => property(name, false)));
  assert.deepEqual(got.deleted, kFirsts.map(() => [true, false, "undefined"]));
  assert.deepEqual(got.defined, kFirsts.map(() => property(1, true)));
});

// Of `name`, a class that was not looked at before. Headers is evaluated with the platform: the others must give what it gives.
const kOperations = {
  inherited: `const o = Object.create(globalThis); o[name] = 5; return [own(o, name), own(globalThis, name)];`,
  receiver: `const r = {}; return [Reflect.set(globalThis, name, 1, r), own(r, name), own(globalThis, name)];`,
  proxy: `const p = new Proxy(globalThis, {}); p[name] = 3; return [globalThis[name], own(p, name)];`,
  enumerable: `return [Reflect.defineProperty(globalThis, name, { enumerable: true }), own(globalThis, name)];`,
  accessor: `return [Reflect.defineProperty(globalThis, name, { get: () => 7, configurable: true }), globalThis[name], own(globalThis, name)];`,
  constant: `Object.defineProperty(globalThis, name, { writable: false }); globalThis[name] = 1;`,
  fixed: `Object.defineProperty(globalThis, name, { configurable: false }); return delete globalThis[name];`,
  incremented: `globalThis[name]++; return own(globalThis, name);`,
  listed: `const all = Object.getOwnPropertyDescriptors(globalThis); return [all[name], name in globalThis, Object.hasOwn(globalThis, name)];`,
  rest: `const { [name]: value, ...rest } = globalThis; return [value, name in rest, globalThis.propertyIsEnumerable(name)];`,
  tooLate: `globalThis[name]; delete globalThis[name]; return [own(globalThis, name), typeof globalThis[name]];`,
};

test("no operation on the global scope tells a class that was not looked at from another", async (t) => {
  const scripts = {};
  for (const [operation, body] of Object.entries(kOperations)) {
    const code = `
      const own = Object.getOwnPropertyDescriptor;
      const run = (name) => { ${body} };
      const shown = (name) => {
        let value;
        try { value = run(name); } catch (error) { value = String(error); }
        return JSON.stringify(value, (_, part) => (typeof part === "function" ? "function " + part.name : part)).replaceAll(name, "NAME");
      };
      const all = () => ["Headers", ...${JSON.stringify(kFirsts)}].map(shown);`;
    scripts[`${operation.toLowerCase()}-top`] = { code: `${code} const got = all(); export default { fetch: () => Response.json(got) };` };
    scripts[`${operation.toLowerCase()}-later`] = { code: `${code} export default { fetch: () => Response.json(all()) };` };
  }
  const weir = await startWeir(scripts);
  t.after(() => weir.stop());
  await weir.saidTimes(/^weir: script \S+ is checked/gm, Object.keys(scripts).length);  // isolates start from heaps that were written
  for (const name of Object.keys(scripts)) {
    const { status, text } = await weir.request(name);
    assert.equal(status, 200, text);
    const [first, ...others] = JSON.parse(text);
    assert.deepEqual(others, kFirsts.map(() => first), name);
  }
});
