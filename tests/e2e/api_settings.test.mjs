// Settings of a deployed Worker as API clients change them, and zones that an account makes itself.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callApi, environmentOf, startProject } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

const code = `export default { fetch(request, env) { return Response.json(env); } };`;

function upload(environment, name, metadata = {}, parts = { "index.js": [code, "application/javascript+module"] }) {
  const form = new FormData();
  form.set("metadata", JSON.stringify({ main_module: "index.js", compatibility_date: "2026-01-01", ...metadata }));
  for (const [part, [text, type]] of Object.entries(parts)) form.set(part, new File([text], part, { type }));
  return callApi(environment, "PUT", `{A}/workers/scripts/${name}`, { body: form });
}

test("PATCH settings is one change", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const call = async (method, path, body) => (await callApi(environment, method, `{A}/workers/scripts/hello${path}`, { body })).body;
  const served = async () => JSON.parse((await weir.request("hello")).text);
  assert.equal((await upload(environment, "hello", { bindings: [{ name: "A", type: "plain_text", text: "a" }, { name: "S", type: "secret_text", text: "s" }],
    placement: { mode: "smart" }, observability: { enabled: true, head_sampling_rate: 0.5 }, logpush: true, tail_consumers: [{ service: "tail" }] })).status, 200);
  const first = (await call("GET", "/settings")).result;
  assert.deepEqual(first.observability, { enabled: true, head_sampling_rate: 0.5 });
  assert.deepEqual(first.placement, { mode: "smart" });
  assert.deepEqual(first.tail_consumers, [{ service: "tail" }]);
  assert.equal(first.logpush, true);
  const versions = async () => (await call("GET", "/versions")).result.items.length;

  // The bindings are wrong: the settings that are right stay as they were, and the other way round.
  const refused = await call("PATCH", "/settings", { logpush: false, bindings: [{ name: "A", type: "plain_text", text: "x".repeat(5001) }] });
  assert.equal(refused.errors[0].code, 10054);
  const wrong = await call("PATCH", "/settings", { logpush: "no", bindings: [{ name: "A", type: "plain_text", text: "b" }] });
  assert.equal(wrong.errors[0].code, 10026);
  const noDate = await call("PATCH", "/settings", { tags: ["new"], compatibility_date: "2026-02-30" });
  assert.equal(noDate.errors[0].message, "Invalid compatibility date: 2026-02-30");
  assert.deepEqual((await call("GET", "/settings")).result, first);
  assert.deepEqual(await served(), { A: "a", S: "s" });
  assert.equal(await versions(), 1);

  const changed = await call("PATCH", "/settings", { logpush: false, tags: ["new"], compatibility_date: "2026-02-03", compatibility_flags: ["nodejs_als"],
    limits: { cpu_ms: 50 }, bindings: [{ name: "A", type: "plain_text", text: "b" }, { name: "S", type: "secret_text" }] });
  assert.equal(changed.success, true, JSON.stringify(changed));
  assert.equal(changed.result.logpush, false);
  assert.deepEqual(changed.result.tags, ["new"]);
  assert.equal(changed.result.compatibility_date, "2026-02-03");
  assert.deepEqual(changed.result.compatibility_flags, ["nodejs_als"]);
  assert.deepEqual(changed.result.limits, { cpu_ms: 50 });
  assert.deepEqual(await served(), { A: "b", S: "s" });
  assert.equal(await versions(), 2);

  // What is of the version alone keeps the bindings, secrets too; what is of the script alone makes no version.
  assert.equal((await call("PATCH", "/settings", { compatibility_date: "2026-02-04" })).result.compatibility_date, "2026-02-04");
  assert.deepEqual(await served(), { A: "b", S: "s" });
  assert.equal(await versions(), 3);
  assert.deepEqual((await call("PATCH", "/settings", { observability: { enabled: false } })).result.observability, { enabled: false });
  assert.equal(await versions(), 3);
  assert.equal((await callApi(environment, "PATCH", "{A}/workers/scripts/nobody/settings", { body: { compatibility_date: "2026-02-04" } })).body.errors[0].code, 10007);
});

test("what has no effect is said with the answer", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const { body } = await upload(environment, "hello", { placement: { mode: "smart" }, compatibility_flags: ["url_standard"] });
  assert.deepEqual(body.messages.map((one) => one.message), [
    "The compatibility flag url_standard became the default as of 2022-10-31 so does not need to be specified anymore.",
    "placement is kept and has no effect: a Worker runs on the machine that weir runs on."]);
  const project = await startProject(t, weir, { files: { "src/index.js": code }, config: { compatibility_flags: ["no_such_flag", "nor_this_one"] } });
  const { text, code: exit } = await project.tryRun("deploy");
  assert.equal(exit, 1);
  assert.match(text, /No such compatibility flag: no_such_flag\n\s+No such compatibility flag: nor_this_one \[code: 10021\]/);
});

test("CommonJS modules", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const files = {
    "src/index.mjs": `import lib from "./lib/a.cjs"; import once from "./lib/once.cjs"; import text from "./note.txt";
      export default { fetch(request) { const path = new URL(request.url).pathname;
        if (path === "/later") return Response.json([lib.later(), once.count]);
        if (path === "/missing") { try { lib.missing(); } catch (e) { return new Response(e.message); } }
        return Response.json({ ...lib.data, text, count: once.count }); } };`,
    "src/lib/a.cjs": `const b = require("./b.cjs"); const once = require("./once.cjs"); const esm = require("../esm.mjs"); const text = require("../note.txt");
      exports.early = "early"; exports.data = { b: b.name, cycle: b.seen, strict: (function () { return this === undefined; })(), self: this === exports,
        esm: esm, text, again: require("./once.cjs") === once };
      exports.later = () => require("./later.cjs"); exports.missing = () => require("./none.cjs");`,
    "src/lib/b.cjs": `const a = require("./a.cjs"); module.exports = { name: "b", seen: Object.keys(a) };`,
    "src/lib/once.cjs": `module.exports = { count: (globalThis.counted = (globalThis.counted ?? 0) + 1) };`,
    "src/lib/later.cjs": `module.exports = "later";`,
    "src/esm.mjs": `export const named = "n"; export default "d";`,
    "src/note.txt": "a note\n",
  };
  const project = await startProject(t, weir, { files, config: { main: "src/index.mjs", no_bundle: true, find_additional_modules: true,
    rules: [{ type: "CommonJS", globs: ["**/*.cjs"] }, { type: "ESModule", globs: ["**/*.mjs"] }, { type: "Text", globs: ["**/*.txt"] }] } });
  await project.run("deploy");
  assert.deepEqual(JSON.parse((await weir.request("hello")).text),
    { b: "b", cycle: [], strict: false, self: true, esm: "d", again: true, text: "a note\n", count: 1 });
  assert.deepEqual(JSON.parse((await weir.request("hello", "/later")).text), ["later", 1]);
  assert.equal((await weir.request("hello", "/missing")).text, 'No such module "./none.cjs".\n  imported from "lib/a.cjs"');
  const version = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/versions");
  assert.equal(version.body.result.items[0].start.from, "snapshot", version.body.result.items[0].start.reason);

  const refused = async (bad) => {
    const { body } = await upload(project.environment, "bad", {}, { "index.js": [`import "./bad.cjs";\n${code}`, "application/javascript+module"], "bad.cjs": [bad, "application/javascript"] });
    return body.errors[0].message;
  };
  assert.match(await refused("const x = ;"), /^Uncaught SyntaxError: .*\n\s+at bad\.cjs:1:11/);
  assert.match(await refused("\nthrow new RangeError('no');"), /^Uncaught RangeError: no\n\s+at bad\.cjs:2:7/);
  assert.match(await refused("require(1)"), /require\(\) takes the name of a module/);
  assert.match(await refused("for (;;) {}"), /Script startup exceeded CPU time limit/);
  const python = await upload(project.environment, "bad", { main_module: "main.py" }, { "main.py": ["x", "text/x-python"] });
  assert.equal(python.body.errors[0].code, 10015);
  assert.match(python.body.errors[0].message, /main\.py is a Python module/);
});

test("what require() gives, by compatibility date and flag", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: {
    "src/index.mjs": `import tell from "./tell.cjs"; export default { fetch(request, env) { return Response.json(tell(env)); } };`,
    "src/tell.cjs": `const shape = (value) => value === null || typeof value !== "object" ? value : Object.prototype.toString.call(value).slice(8, -1) + " " + Object.keys(value);
      const early = require("./named.mjs");
      early.added = 1;
      const patched = early.added === 1;
      function tell(env) { const late = require("./named.mjs"); late.raise();
        return { both: shape(require("./both.mjs")), named: shape(late), same: late === early, patched, live: late.count, empty: shape(require("./empty.mjs")),
          whole: shape(require("./whole.mjs")), cjs: shape(require("./b.cjs")), text: shape(require("./note.txt")),
          builtin: require("cloudflare:workers").env?.PLAIN === env.PLAIN }; }
      module.exports = tell;`,
    "src/both.mjs": `export const named = 1; export default { x: 1 };`,
    "src/named.mjs": `export let count = 1; export function raise() { ++count; }`,
    "src/empty.mjs": `export default undefined; export const named = 1;`,
    "src/whole.mjs": `const all = { whole: 1 }; export { all as "module.exports" }; export default 1;`,
    "src/b.cjs": `module.exports = { b: 1 };`, "src/note.txt": "a note" } });
  const common = { main: "src/index.mjs", no_bundle: true, find_additional_modules: true, vars: { PLAIN: "plain" },
    rules: [{ type: "CommonJS", globs: ["**/*.cjs"] }, { type: "ESModule", globs: ["**/*.mjs"] }, { type: "Text", globs: ["**/*.txt"] }] };
  const unwrapped = { both: "Object x", whole: "Object whole", cjs: "Object b", text: "a note", same: true, builtin: true };  // empty: undefined
  const copied = { ...unwrapped, named: "Module count,raise,added", patched: true, live: 1 };
  const live = { ...unwrapped, named: "Module count,raise", patched: false, live: 2 };
  const old = { both: "Module default,named", named: "Module count,raise", same: true, patched: false, live: 2, empty: "Module default,named",
    whole: "Object whole", cjs: "Module default", text: "Module default", builtin: true };
  for (const [compatibility_date, compatibility_flags, expected] of [["2026-01-22", [], copied], ["2026-01-21", [], live], ["2026-02-01", ["require_returns_namespace"], live],
    ["2025-01-01", ["require_returns_default_export"], copied], ["2022-10-30", [], old], ["2026-02-01", ["require_returns_namespace", "export_commonjs_namespace"], old]]) {
    project.configure({ ...common, compatibility_date, compatibility_flags });
    await project.run("deploy");
    assert.deepEqual(JSON.parse((await weir.request("hello")).text), expected, `${compatibility_date} ${compatibility_flags}`);
    const { body } = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/versions");
    assert.equal(body.result.items[0].start.from, "snapshot", body.result.items[0].start.reason);
  }
});

test("an account makes zones itself when it may, and pages through them", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const call = async (method, path, body) => callApi(environment, method, path, { body });
  const account = { id: environment.CLOUDFLARE_ACCOUNT_ID };
  assert.equal((await call("POST", "/zones", { name: "mine.org", account })).body.errors[0].code, 10023);
  await command(weir, "account", "add", "second");
  await command(weir, "zone", "add", "shop.example.com", "--account", "second");
  await command(weir, "account", "set", "local", "--limit", "zones=3");
  assert.equal((await call("POST", "/zones", { name: "example.com", account })).body.errors[0].code, 1061, "another's zone lies inside");
  assert.equal((await call("POST", "/zones", { name: "a.org", account, origin: "http://127.0.0.1:1" })).body.errors[0].code, 10023, "origins stay the operator's");
  const second = JSON.parse((await command(weir, "account", "list", "--json")).stdout).find((one) => one.name === "second");
  assert.equal((await call("POST", "/zones", { name: "b.org", account: { id: second.id } })).body.errors[0].code, 9109);
  const made = await call("POST", "/zones", { name: "a.org", account });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  for (const name of ["b.org", "c.org"]) assert.equal((await call("POST", "/zones", { name, account })).status, 200);
  assert.equal((await call("POST", "/zones", { name: "d.org", account })).body.errors[0].code, 1099);
  const names = (answer) => answer.body.result.map((one) => one.name);
  const page = await call("GET", "/zones?per_page=2");
  assert.deepEqual(names(page), ["a.org", "b.org"]);
  assert.deepEqual(page.body.result_info, { page: 1, per_page: 2, count: 2, total_count: 3, total_pages: 2, cursor: "2" });
  const last = await call("GET", `/zones?per_page=2&cursor=${page.body.result_info.cursor}`);
  assert.deepEqual(names(last), ["c.org"]);
  assert.equal(last.body.result_info.cursor, undefined);
  assert.deepEqual(names(await call("GET", "/zones?per_page=1&page=3")), ["c.org"]);
  assert.equal((await call("GET", "/zones?cursor=x")).body.errors[0].code, 10004);
  assert.equal((await call("DELETE", `/zones/${made.body.result.id}`)).status, 200);
  assert.deepEqual(names(await call("GET", "/zones")), ["b.org", "c.org"]);
  assert.equal((await call("DELETE", "/zones/shop.example.com")).status, 404);
});
