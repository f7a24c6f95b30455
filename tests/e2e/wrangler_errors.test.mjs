// What an upload is refused for: the number and words of each error, as the real CLI shows them and as the API says them.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { test } from "node:test";

import { callApi, environmentOf, releases, startProject } from "./wrangler.mjs";
import { startWeir } from "./weir.mjs";

const works = "export default { fetch() { return new Response('works'); } };";

/** A form as clients upload it; parts: name → [text, type]. */
function form(metadata, parts = {}) {
  const data = new FormData();
  if (metadata !== undefined) data.set("metadata", typeof metadata === "string" ? metadata : JSON.stringify(metadata));
  for (const [name, [text, type = "application/javascript+module"]] of Object.entries(parts))
    data.set(name, new File([text], name, { type }));
  return data;
}

for (const release of releases) {
  test(`${release}: errors as it shows them`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, files: { "src/index.js": works } });
    // The command line shows frames in a form of its own.
    const cases = [
      ["a syntax error", { "src/index.js": "export default {\n  fetch() { return new Response(/(/); }\n};" }, { no_bundle: true },
        [/Uncaught SyntaxError: .*\n\s+at null\.<anonymous> \(index\.js:\d+:\d+\)/, /\[code: 10021\]/]],
      ["an exception with its frames", { "src/index.js": "function setUp() {\n  missing();\n}\nsetUp();\n" + works }, { no_bundle: true },
        [/Uncaught ReferenceError: missing is not defined\n\s+at null\.<anonymous> \(index\.js:2:3\) in setUp\n\s+at null\.<anonymous> \(index\.js:4:1\)/, /\[code: 10021\]/]],
      ["too much CPU", { "src/index.js": "for (let i = 0; ; ++i) globalThis.i = i;\n" + works }, {},
        [/Script startup exceeded CPU time limit\./, /\[code: 10021\]/]],
      ["too much memory", { "src/index.js": "globalThis.all = []; for (;;) all.push(new Uint8Array(8 << 20).fill(1));\n" + works }, {},
        [/Script startup exceeded memory limits\./, /\[code: 10021\]/]],
      ["I/O in global scope", { "src/index.js": "await fetch('http://example.com/');\n" + works }, {},
        [/Disallowed operation called within global scope\./, /\[code: 10021\]/]],
      ["a missing module", { "src/index.js": "import './gone.js';\n" + works }, { no_bundle: true },
        [/No such module "\.\/gone\.js"/, /\[code: 10021\]/]],
      ["a module that is not served", { "src/index.js": "import 'node:fs';\n" + works }, { no_bundle: true, compatibility_flags: ["nodejs_compat"] },
        [/No such module "node:fs"\.\n\s+imported from "index\.js"\n\s+This module of Node\.js is not served here\. \[code: 10021\]/]],
      ["one that needs a flag", { "src/index.js": "import 'node:async_hooks';\n" + works }, { no_bundle: true },
        [/No such module "node:async_hooks"\.[^]*It needs the compatibility flag nodejs_als or nodejs_compat\. \[code: 10021\]/]],
      ["another one", { "src/index.js": "import 'cloudflare:sockets';\n" + works }, { no_bundle: true },
        [/No such module "cloudflare:sockets"\.[^]*This module of the platform is not served here\. \[code: 10021\]/]],
      ["no handlers", { "src/index.js": "export default { answer: 42 };" }, {},
        [/Worker has no event handlers\. Export a fetch handler, scheduled handler, or other supported handler and try again\. \[code: 10068\]/]],
      ["a binding that is not served", { "src/index.js": works }, { kv_namespaces: [{ binding: "KV", id: "0123456789abcdef0123456789abcdef" }] },
        [/binding KV is of type kv_namespace, which is not served here\. \[code: 10015\]/]],
      ["a variable that is too large", { "src/index.js": works }, { vars: { BIG: "x".repeat(5001) } },
        [/Text binding BIG is too large \(5001 bytes\)\. The limit is 5000 bytes\. Reduce the binding size and try again\. \[code: 10054\]/]],
      ["a service that is not there", { "src/index.js": works }, { services: [{ binding: "OTHER", service: "other" }] },
        [/Could not resolve service binding 'OTHER'\. Target script 'other' not found\. \[code: 10143\]/]],
      ["a date to come", { "src/index.js": works }, { compatibility_date: "2099-01-01" },
        [/Can't set compatibility date in the future: "2099-01-01"/, /\[code: 10021\]/]],
      ["too much CPU asked for", { "src/index.js": works }, { limits: { cpu_ms: 10_000_000 } }, [/\[code: 10205\]/]],
    ];
    // The older releases run what took too long or too much themselves, for a profile, and do not come back from a loop.
    const shown = release === releases[0] ? cases : cases.filter(([what]) => !what.startsWith("too much")).slice(0, 4);
    await project.shows("deploy: script errors as the release shows them", async () => {
      for (const [what, files, config, patterns] of shown) {
        for (const [name, text] of Object.entries(files)) project.write(name, text);
        project.configure(config);
        const { code, text } = await project.tryRun("deploy");
        assert.equal(code, 1, `${what}: ${text}`);
        for (const pattern of patterns) assert.match(text, pattern, what);
        assert.match(text, /A request to the Cloudflare API \(\/accounts\/[0-9a-f]{32}\/workers\/scripts\/hello\) failed\./, what);
      }
    });
    assert.equal(cases.length, 15);
    const scripts = await callApi(project.environment, "GET", "{A}/workers/scripts");
    assert.deepEqual(scripts.body.result, [], "nothing is stored unless it passes");
    project.write("src/index.js", works);
    project.configure({});
    await project.run("deploy");
    assert.equal((await weir.request("hello")).text, "works");
  });
}

test("errors of the API", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const put = (body, { name = "hello", ...options } = {}) => callApi(environment, "PUT", `{A}/workers/scripts/${name}`, { body, ...options });
  const main = { "index.js": [works] };
  const module = (more = {}) => ({ main_module: "index.js", compatibility_date: "2026-01-01", ...more });
  const text = (name, text = "x") => ({ name, type: "plain_text", text });
  const cases = [
    [415, 10001, await put("{}", { headers: { "content-type": "application/json" } })],
    [400, 10006, await put("nothing like it", { headers: { "content-type": "multipart/form-data; boundary=x" } })],
    [400, 10006, await put(form(undefined, main))],
    [400, 10006, await put(form(module({ main_module: "other.js" }), main))],
    [400, 10006, await put(form({ compatibility_date: "2026-01-01" }, main))],
    [400, 10006, await put(form(module({ body_part: "index.js" }), main))],
    [400, 10006, await put(form(module(), { ...main, "../up.js": ["export {}"] }))],
    [400, 10016, await put(form(module(), main), { name: "Hello" })],
    [400, 10016, await put(form(module(), main), { name: "hello-" })],
    [400, 10016, await put(form(module(), main), { name: "h".repeat(64) })],
    [400, 10026, await put(form("{ not json", main))],
    [400, 10026, await put(form("[]", main))],
    [400, 10026, await put(form(module({ bindings: {} }), main))],
    [400, 10052, await put(form(module({ bindings: [{ type: "plain_text", text: "x" }] }), main))],
    [400, 10053, await put(form(module({ bindings: [text("A"), text("A")] }), main))],
    [400, 10054, await put(form(module({ bindings: [{ name: "S", type: "secret_text", text: "x".repeat(5001) }] }), main))],
    [400, 10055, await put(form(module({ bindings: Array.from({ length: 129 }, (_, i) => text(`V${i}`)) }), main))],
    [400, 10057, await put(form(module({ bindings: [{ name: "A", type: "inherit" }] }), main))],
    [400, 10162, await put(form(module(), { ...main, "a.bin": ["x", "application/x-other"] }))],
    [400, 10021, await put(form(module({ compatibility_date: "yesterday" }), main))],
    [400, 10021, await put(form(module({ bindings: [{ name: "DB", type: "plain_text" }] }), main))],
    [403, 10015, await put(form(module({ bindings: [{ name: "DB", type: "d1", id: "x" }] }), main))],
    [403, 10015, await put(form(module({ bindings: [{ name: "NEW", type: "of_tomorrow" }] }), main))],
    [403, 10015, await put(form(module({ migrations: { new_tag: "v1", steps: [{ new_classes: ["A"] }] } }), main))],
    [404, 10007, await callApi(environment, "POST", "{A}/workers/scripts/hello/versions", { body: form(module(), main) })],
    [404, 10007, await callApi(environment, "GET", "{A}/workers/services/hello")],
    [404, 10007, await callApi(environment, "GET", "{A}/workers/scripts/hello/deployments")],
    [404, 10007, await callApi(environment, "DELETE", "{A}/workers/scripts/hello")],
    [404, 10032, await callApi(environment, "GET", "{A}/workers/subdomains/nobodys")],
    [404, 7003, await callApi(environment, "GET", "{A}/workers/nothing")],
    [405, 7001, await callApi(environment, "PATCH", "{A}/workers/scripts")],
    [403, 10000, await callApi(environment, "GET", "{A}/workers/scripts", { token: "guessed" })],
    [400, 9106, await callApi(environment, "GET", "/user", { token: "" })],
    [403, 9109, await callApi(environment, "GET", "/accounts/0123456789abcdef0123456789abcdef/workers/scripts")],
  ];
  for (const [index, [status, code, answer]] of cases.entries()) {
    const said = `case ${index}: ${answer.status} ${JSON.stringify(answer.body)}`;
    assert.equal(answer.status, status, said);
    assert.equal(answer.body.success, false, said);
    assert.equal(answer.body.result, null, said);
    assert.equal(answer.body.errors[0].code, code, said);
    assert.ok(answer.body.errors[0].message.length > 10, said);
  }
  const said = (index) => cases[index][2].body.errors[0].message;
  assert.equal(said(3), "Failed to parse Worker upload. The upload format is invalid or corrupted. Verify your script is valid " +
    "JavaScript/TypeScript and the multipart form is correctly structured, then try again.");
  assert.equal(said(7), "Invalid Worker name. Names must start with a letter, be lowercase, and contain only alphanumeric characters and dashes.");
  assert.equal(said(10), "Could not parse request body. Verify the request format matches the API specification and try again.");
  assert.equal(said(13), "Binding must have a name. Add a name property to the binding and try again.");
  assert.match(said(14), /^Binding name A is already in use\. /);
  assert.equal(said(16), "Too many text bindings (129). The limit is 128. Remove some bindings and try again.");
  assert.match(said(17), /^inherit binding 'A' is invalid/);
  assert.equal(said(20), "binding DB of type plain_text must have a valid `text` specified");
  assert.equal(said(24), "This Worker does not exist on your account. Verify the Worker name is correct and try again. To create a new Worker, " +
    "use wrangler deploy or the dashboard.");
  assert.equal(said(31), "Authentication failed. Verify your API token or credentials are valid and not expired, then try again.");
});

test("bodies are bounded, whole or compressed", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const path = "{A}/workers/scripts/hello/subdomain";
  const compressed = (bytes) => callApi(environment, "POST", path, { body: gzipSync(bytes), headers: { "content-encoding": "gzip" } });
  assert.equal((await compressed(Buffer.from("{}"))).body.errors[0].code, 10007, "it is read, and the script is not there");
  const bomb = await compressed(Buffer.alloc(64 << 20));
  assert.equal(bomb.body.errors[0].code, 10026);
  assert.match(bomb.body.errors[0].error_chain[0].message, /expands/);
  const cut = await callApi(environment, "POST", path, { body: gzipSync("{}").subarray(0, 12), headers: { "content-encoding": "gzip" } });
  assert.equal(cut.body.errors[0].code, 10026);
  const large = await callApi(environment, "POST", path, { body: Buffer.alloc(3 << 20, 32) });
  assert.equal(large.status, 413);
  const deep = await callApi(environment, "POST", path, { body: "[".repeat(100_000) });
  assert.equal(deep.body.errors[0].code, 10026);
});

test("two uploads of one script at once: one wins, the other is told", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const upload = (text) => callApi(environment, "PUT", "{A}/workers/scripts/hello", {
    body: form({ main_module: "index.js" }, { "index.js": [`export default { fetch() { return new Response("${text}"); } };`] }) });
  const answers = await Promise.all([upload("a"), upload("b"), upload("c")]);
  const won = answers.filter((one) => one.body.success);
  const lost = answers.filter((one) => !one.body.success);
  assert.ok(won.length >= 1, JSON.stringify(answers.map((one) => one.body)));
  for (const one of lost) {
    assert.equal(one.status, 409);
    assert.equal(one.body.errors[0].code, 10035);
    assert.equal(one.body.errors[0].message, "Multiple attempts to modify a resource at the same time. Wait a moment and retry your request.");
  }
  const versions = await callApi(environment, "GET", "{A}/workers/scripts/hello/versions");
  assert.equal(versions.body.result.items.length, won.length);
});
