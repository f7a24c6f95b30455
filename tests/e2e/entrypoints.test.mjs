// The module "cloudflare:workers": bindings imported, classes of handlers, waitUntil() without a context.
import assert from "node:assert/strict";
import { test } from "node:test";
import { command, startWeir } from "./weir.mjs";
import { callApi, environmentOf, startProject } from "./wrangler.mjs";

const scripts = {
  handler: {
    code: `import { env, waitUntil } from "cloudflare:workers";
      import * as all from "cloudflare:workers";
      export default { async fetch(request, given) {
        const path = new URL(request.url).pathname;
        if (path === "/wait") { waitUntil(scheduler.wait(5).then(() => console.log("waited"))); return new Response("sent"); }
        if (path === "/back") return env.BACK.fetch("http://x/");
        return Response.json({ v: env.V, same: env === given, names: Object.keys(env).sort(), exports: Object.keys(all).sort() });
      } }`,
    vars: { V: "value", N: 7 }, services: { BACK: "classes" },
  },
  toplevel: {
    code: `import { env } from "cloudflare:workers";
      const prefix = env.PREFIX.toUpperCase();
      const { deep } = env.CONFIG;
      export default { fetch() { return new Response(prefix + deep); } }`,
    vars: { PREFIX: "pre", CONFIG: { deep: 1 } },
  },
  names: {  // looks at names only: its heap can be written
    code: `import { env } from "cloudflare:workers";
      const names = Object.keys(env).sort().join();
      export default { fetch() { return new Response(names + " " + env.A); } }`,
    vars: { A: "a", B: "b" },
  },
  dynamic: {
    code: `export default { async fetch() { const { env, WorkerEntrypoint } = await import("cloudflare:workers"); return new Response(env.A + typeof WorkerEntrypoint); } }`,
    vars: { A: "late " },
  },
  classes: {
    code: `import { WorkerEntrypoint, DurableObject, RpcTarget } from "cloudflare:workers";
      let made = 0;
      export default class extends WorkerEntrypoint {
        n = ++made;
        async fetch(request) {
          const path = new URL(request.url).pathname;
          if (path === "/ctx") { const { waitUntil } = this.ctx; try { waitUntil(1); } catch (e) { return new Response(e.name + ": " + e.message); } }
          if (path === "/wait") { this.ctx.waitUntil(scheduler.wait(1).then(() => console.log("waited"))); return new Response("sent"); }
          return new Response(["default", this.env.V, this instanceof WorkerEntrypoint, this.n > 0, WorkerEntrypoint.name, typeof RpcTarget].join(" "));
        }
      }
      export class Named extends WorkerEntrypoint { fetch(request) { return new Response("named " + this.env.V + " " + new URL(request.url).pathname); } }
      export class Object1 extends DurableObject { fetch() { return new Response("never"); } }
      export class Methods extends WorkerEntrypoint { add(a, b) { return a + b; } }`,
    vars: { V: "v" },
  },
  only: { code: `import { WorkerEntrypoint } from "cloudflare:workers"; export class Api extends WorkerEntrypoint { fetch() { return new Response("only named"); } }` },
  calls: {
    code: `export default { async fetch(request, env) { const binding = env[new URL(request.url).pathname.slice(1)]; try { return await binding.fetch("http://inner/p"); } catch (e) { return new Response(e.name + ": " + e.message); } } }`,
    services: { NAMED: { script: "classes", entrypoint: "Named" }, OBJECT: { script: "classes", entrypoint: "Object1" }, METHODS: { script: "classes", entrypoint: "Methods" }, NOBODY: { script: "classes", entrypoint: "Nobody" }, ONLY: { script: "only", entrypoint: "Api" } },
  },
  globalio: {
    code: `import { env, waitUntil } from "cloudflare:workers"; let said; try { waitUntil(Promise.resolve()); } catch (e) { said = e.message; } export default { fetch() { return new Response(said); } }`,
  },
};

for (const from of ["snapshot", "source"]) {
  test(`cloudflare:workers, started from ${from}`, async (t) => {
    const weir = await startWeir(scripts, { flags: ["--start-from", from] });
    t.after(() => weir.stop());
    if (from === "snapshot") await weir.traced(() => true);
    const text = async (script, path = "/") => (await weir.request(script, path)).text;
    for (let round = 0; round < 2; round++) {
      await t.test(`round ${round}: bindings are imported`, async () => {
        const seen = JSON.parse(await text("handler"));
        assert.deepEqual(seen, { v: "value", same: true, names: ["BACK", "N", "V"], exports: ["DurableObject", "RpcTarget", "WorkerEntrypoint", "env", "waitUntil"] });
        assert.equal(await text("handler", "/back"), "default v true true WorkerEntrypoint function");
        assert.equal(await text("toplevel"), "PRE1");
        assert.equal(await text("names"), "A,B a");
        assert.equal(await text("dynamic"), "late function");
        assert.match(await text("globalio"), /^Disallowed operation called within global scope\./);
      });
      await t.test(`round ${round}: classes are entrypoints`, async () => {
        assert.match(await text("classes", "/ctx"), /^TypeError: Illegal invocation: function called with incorrect `this` reference/);
        assert.equal(await text("classes", "/wait"), "sent");
        assert.equal(await text("calls", "/NAMED"), "named v /p");
        assert.equal(await text("calls", "/ONLY"), "only named");
        assert.equal(await text("calls", "/OBJECT"), "TypeError: The entrypoint name Object1 refers to a Durable Object class, but the incoming request is trying to invoke it as a stateless worker.");
        assert.equal(await text("calls", "/METHODS"), "Error: Handler does not export a fetch() function.");
        assert.match(await text("calls", "/NOBODY"), /^TypeError: The entrypoint name Nobody was not found in this worker\./);
        assert.equal(await text("handler", "/wait"), "sent");
      });
    }
    await t.test("what was waited for happened", () => weir.traced((traces) =>
      traces.filter((one) => one.scriptName === "handler" && one.logs.some((log) => log.message[0] === "waited")).length >= 2));
  });
}

test("bindings that wrangler deploys are imported, at the top level too", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, {
    files: { "src/index.js": `import { env, WorkerEntrypoint } from "cloudflare:workers";
      const greeting = env.GREETING.toUpperCase();
      export default class extends WorkerEntrypoint { fetch() { return new Response(greeting + " " + env.NAME + " " + (this.env === env)); } }` },
    config: { vars: { GREETING: "hello", NAME: "weir" } },
  });
  await project.run("deploy");
  for (let i = 0; i < 2; i++) assert.equal((await weir.request("hello")).text, "HELLO weir true");
  const versions = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/versions");
  assert.notEqual(versions.body.result.items[0].start.from, "snapshot", "its heap has read a value");
  // Without a look at a value its heap is kept.
  project.write("src/index.js", `import { env } from "cloudflare:workers"; export default { fetch() { return new Response(env.GREETING + " " + env.NAME); } }`);
  await project.run("deploy");
  for (let i = 0; i < 2; i++) assert.equal((await weir.request("hello")).text, "hello weir");
  const after = await callApi(project.environment, "GET", "{A}/workers/scripts/hello/versions");
  assert.equal(after.body.result.items[0].start.from, "snapshot");
});

test("a script that has methods only is one, and says so when an event comes", async (t) => {
  const methods = {
    object: { code: `export default { add(a, b) { return a + b; }, answer: 42 }` },
    instance: { code: `class Api { get broken() { throw new Error("looked at"); } add(a, b) { return a + b; } } export default new Api()` },
    classes: { code: `import { WorkerEntrypoint } from "cloudflare:workers"; class Base extends WorkerEntrypoint { "dashed-name"() {} } export default class extends Base {}` },
    named: { code: `export const api = { fetch() { return new Response("named"); } }; export const settings = { on: true }` },
    calls: { code: `export default { fetch(request, env) { return env.API.fetch("http://inner/"); } }`, services: { API: { script: "named", entrypoint: "api" } } },
  };
  const weir = await startWeir({ ...methods, nothing: { code: `export default { answer: 42 }` }, numbers: { code: `export default class { }` } });
  t.after(() => weir.stop());
  for (const name of ["object", "instance", "classes", "named"]) assert.equal((await weir.request(name)).status, 500, name);
  assert.equal((await weir.request("calls")).text, "named");
  for (const name of ["nothing", "numbers"]) assert.equal((await weir.request(name)).status, 500, name);
  const traces = await weir.traced((all) => all.length >= 8);
  for (const name of ["object", "instance", "classes", "named"]) {
    const trace = traces.find((one) => one.scriptName === name);
    assert.deepEqual(trace.exceptions.map((one) => one.message), ["Handler does not export a fetch() function."], name);
    assert.deepEqual(trace.logs.map((one) => [one.level, ...one.message]),
      [["warn", "Received a FetchEvent but we lack a handler for FetchEvents. Did you remember to export a fetch() function?"]], name);
  }
  for (const name of ["nothing", "numbers"]) {
    assert.match(traces.find((one) => one.scriptName === name).exceptions[0].message, /No event handlers were registered\. This script does nothing\./);
  }
});

test("wrangler deploys a script that has methods only", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: { "src/index.js": `import { WorkerEntrypoint } from "cloudflare:workers"; export default class extends WorkerEntrypoint { add2(a, b) { return a + b; } }` } });
  await project.run("deploy");
  const { items: [{ id }] } = (await callApi(project.environment, "GET", "{A}/workers/scripts/hello/versions")).body.result;
  const { resources } = (await callApi(project.environment, "GET", `{A}/workers/scripts/hello/versions/${id}`)).body.result;
  assert.deepEqual(resources.script.handlers, ["add2"]);
  project.write("src/index.js", `export default { alarm() {}, test() {} }`);
  await assert.rejects(project.run("deploy"), /10069/);
});

test("a module that the platform does not have is missing", async (t) => {
  const weir = await startWeir({ a: { code: `import "cloudflare:nothing"; export default { fetch() {} }` }, b: { code: `import { Nothing } from "cloudflare:workers"; export default { fetch() {} }` } });
  t.after(() => weir.stop());
  assert.equal((await weir.request("a")).status, 500);
  assert.equal((await weir.request("b")).status, 500);
  const traces = await weir.traced((all) => all.length >= 2);
  assert.match(traces.find((one) => one.scriptName === "a").exceptions[0].message, /No such module "cloudflare:nothing"/);
  assert.match(traces.find((one) => one.scriptName === "b").exceptions[0].message, /does not provide an export named 'Nothing'/);
});

test("a service binding leads to a script of its own account", async (t) => {
  const says = (text) => ({ code: `export default { fetch() { return new Response("${text}"); } }` });
  const weir = await startWeir({ callee: says("local's"), lone: says("local's alone") });
  t.after(() => weir.stop());
  await command(weir, "account", "add", "other", "--subdomain", "other", "--plan", "paid");
  const everywhere = (await command(weir, "token", "create", "ops", "--every-account")).stdout.trim();
  const env = { ...await environmentOf(weir, "--account", "other"), CLOUDFLARE_API_TOKEN: everywhere };
  const deploy = async (name, code, services = []) => {
    const project = await startProject(t, weir, { files: { "src/index.js": code }, config: { name, services } });
    return project.tryRunWith({ env }, "deploy");
  };
  assert.equal((await deploy("callee", says("other's").code)).code, 0);
  const asks = `export default { async fetch(request, env) { return new Response(await (await env.CALLEE.fetch(request)).text()); } }`;
  assert.equal((await deploy("caller", asks, [{ binding: "CALLEE", service: "callee" }])).code, 0);
  const ask = () => weir.request(null, "/", { host: "caller.other.workers.localhost" });
  while ((await ask()).status !== 200);
  assert.equal((await ask()).text, "other's");
  const refused = await deploy("caller", asks, [{ binding: "CALLEE", service: "lone" }]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.text, /lone/);
  assert.equal((await ask()).text, "other's");
});
