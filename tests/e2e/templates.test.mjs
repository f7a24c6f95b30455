// Projects as `npm create cloudflare` and `npm create vite` make them, deployed with the real wrangler and requested. A template is
// copied as that command copies it: its placeholders filled in, nothing else changed; what it depends on comes from the lock file.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import http from "node:http";
import { join, relative } from "node:path";
import { test } from "node:test";

import { callApi, startProject } from "./wrangler.mjs";
import { root, startWeir } from "./weir.mjs";

const placeholders = { "<WORKER_NAME>": "hello", "<PACKAGE_NAME>": "hello", "<COMPATIBILITY_DATE>": "2026-11-17" };

/** path → bytes of a folder in node_modules. */
function filesOf(folder) {
  const from = join(root, "node_modules", folder);
  const files = readdirSync(from, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  assert.ok(files.length > 0, from);
  return Object.fromEntries(files.map((one) => {
    const path = join(one.parentPath, one.name);
    let bytes = readFileSync(path);
    if (/\.(jsonc?|toml|[jt]sx?)$/.test(path)) {
      bytes = Object.entries(placeholders).reduce((text, [name, value]) => text.replaceAll(name, value), bytes.toString());
    }
    return [relative(from, path).replace("__dot__", "."), bytes];
  }));
}

const cloudflare = (name) => filesOf(`create-cloudflare/templates/${name}`);

async function deployed(t, files, packages) {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files, config: null, packages });
  assert.match((await project.run("deploy")).stdout, /Uploaded hello/);
  const get = async (path, options) => (await weir.request("hello", path, options)).text;
  return { weir, project, get };
}

for (const language of ["js", "ts"]) {
  test(`hello-world, ${language}`, async (t) => {
    const { get } = await deployed(t, cloudflare(`hello-world/${language}`));
    assert.equal(await get("/"), "Hello World!");
  });

  test(`hello-world-with-assets, ${language}`, async (t) => {
    const { get } = await deployed(t, cloudflare(`hello-world-with-assets/${language}`));
    assert.match(await get("/"), /<title>Hello, World!<\/title>/);
    assert.equal(await get("/message"), "Hello, World!");
    assert.match(await get("/random"), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/);
    assert.equal(await get("/else"), "Not Found");
  });
}

test("hello-world-assets-only", async (t) => {
  const { get } = await deployed(t, cloudflare("hello-world-assets-only/templates"));
  assert.match(await get("/"), /<h1 id="heading">Hello, World!<\/h1>/);
});

test("scheduled", async (t) => {
  const { project, get } = await deployed(t, cloudflare("scheduled/ts"));
  assert.match(await get("/"), /^To test the scheduled handler.*__scheduled\?cron=/);
  const { schedules } = (await callApi(project.environment, "GET", "{A}/workers/scripts/hello/schedules")).body.result;
  assert.deepEqual(schedules.map((one) => one.cron), ["* * * * *"]);
});

test("common, with itty-router", async (t) => {
  const origin = http.createServer((request, response) => response.end(`origin ${request.url}`));
  await new Promise((done) => origin.listen(0, "127.0.0.1", done));
  t.after(() => origin.close());
  const { weir, get } = await deployed(t, cloudflare("common/ts"), { "itty-router": "itty-router-3" });
  assert.match(await get("/"), /^Try making requests to/);
  assert.equal(await get("/api/todos"), "Todos Index!");
  assert.equal(await get("/api/todos/7"), "Todo #7");
  assert.equal(await get("/api/todos", { method: "POST", body: '{"a":1}' }), 'Creating Todo: {"a":1}');
  const redirect = await weir.request("hello", "/redirect?redirectUrl=https://example.com/x");
  assert.deepEqual([redirect.status, redirect.headers.location], [302, "https://example.com/x"]);
  const proxied = await weir.request("hello", `/proxy?modify&proxyUrl=http://127.0.0.1:${origin.address().port}/there`);
  assert.deepEqual([proxied.text, proxied.headers["x-my-header"]], ["origin /there", "My Header Value"]);
});

test("hono", async (t) => {
  const { weir, get } = await deployed(t, cloudflare("hono/workers/templates"), { hono: "hono" });
  assert.equal(await get("/message"), "Hello Hono!");
  assert.match(await get("/"), /<html/);
  assert.equal((await weir.request("hello", "/else")).status, 404);
});

for (const [flag, date] of [["nodejs_als", "2026-01-01"], ["nodejs_compat", "2026-03-01"], ["nodejs_compat", "2025-06-01"]]) {
  test(`hono's context storage, which is an AsyncLocalStorage, with ${flag} and ${date}`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const code = `import { Hono } from "hono";
      import { contextStorage, getContext } from "hono/context-storage";
      const app = new Hono();
      app.use(contextStorage());
      app.use(async (c, next) => { c.set("who", c.req.query("who")); await next(); });
      const later = async () => { await new Promise((done) => setTimeout(done, 1)); return getContext().var.who; };
      app.get("/", async (c) => c.text(await later()));
      export default app;`;
    const project = await startProject(t, weir, { files: { "src/index.js": code }, config: { compatibility_date: date, compatibility_flags: [flag] }, packages: { hono: "hono" } });
    assert.match((await project.run("deploy")).stdout, /Uploaded hello/);
    const people = ["ada", "bob", "eve", "dan"];
    assert.deepEqual(await Promise.all(people.map(async (who) => (await weir.request("hello", `/?who=${who}`)).text)), people);
  });
}

test("openapi, with chanfana, hono and zod", async (t) => {
  const { weir, get } = await deployed(t, cloudflare("openapi/ts"), { hono: "hono", zod: "zod", chanfana: "chanfana" });
  const { task, success } = JSON.parse(await get("/api/tasks/one"));
  assert.deepEqual([success, task.slug, task.name], [true, "one", "my task"]);
  assert.match(await get("/"), /<html/i);
  const { openapi, paths } = JSON.parse(await get("/openapi.json"));
  assert.match(openapi, /^3\./);
  assert.deepEqual(Object.keys(paths), ["/api/tasks", "/api/tasks/{taskSlug}"]);
  const body = JSON.stringify({ name: "n", slug: "s", completed: true, due_date: "2026-01-01" });
  const made = await weir.request("hello", "/api/tasks", { method: "POST", body, headers: { "content-type": "application/json" } });
  assert.equal(JSON.parse(made.text).task.slug, "s");
  const wrong = await weir.request("hello", "/api/tasks", { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  assert.equal(wrong.status, 400);
  assert.equal(JSON.parse(wrong.text).success, false);
});

// As create-cloudflare puts it together: create-vite's project, its own files over it, its plugin in the configuration of Vite.
test("react: a single-page application built by Vite, with a Worker", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const files = { ...filesOf("create-vite/template-react-ts"), ...cloudflare("react/workers/ts") };
  files["vite.config.ts"] = files["vite.config.ts"].replace("import { defineConfig }", 'import { cloudflare } from "@cloudflare/vite-plugin";\n$&')
    .replace("plugins: [react()", "$&, cloudflare()");
  const packages = Object.fromEntries(["react", "react-dom", "vite", "@vitejs/plugin-react", "@cloudflare/vite-plugin"].map((name) => [name, name]));
  const project = await startProject(t, weir, { files, config: null, packages });
  execFileSync(join(root, "scripts/node"), ["node_modules/vite/bin/vite.js", "build"],
    { cwd: project.folder, stdio: "pipe", env: { ...process.env, HOME: project.folder, WRANGLER_SEND_METRICS: "false", CI: "1" } });
  assert.match((await project.run("deploy")).stdout, /Uploaded hello/);

  const page = await weir.request("hello", "/");
  assert.match(page.text, /<div id="root"><\/div>/);
  const code = await weir.request("hello", /src="(\/assets\/[^"]+\.js)"/.exec(page.text)[1]);
  assert.equal(code.status, 200);
  assert.match(code.headers["content-type"], /javascript/);
  assert.match(code.text, /Name from API is/);
  assert.deepEqual(JSON.parse((await weir.request("hello", "/api/")).text), { name: "Cloudflare" });
  const deep = await weir.request("hello", "/some/page", { headers: { "sec-fetch-mode": "navigate" } });
  assert.equal(deep.text, page.text);
});

// What they need and weir does not serve yet is refused by its name.
for (const [name, pattern] of [
  ["queues/ts", /binding MY_QUEUE is of type queue, which is not served here\. \[code: 10015\]/],
  ["hello-world-durable-object/ts", /migrations.*not served here|binding MY_DURABLE_OBJECT.*not served here/],
  ["hello-world-workflows/ts", /workflow workflow-hello: workflows are not served here\. \[code: 10015\]/],
]) {
  test(`${name} is refused by name`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { files: cloudflare(name), config: null });
    const refused = await project.tryRun("deploy");
    assert.equal(refused.code, 1, refused.text);
    assert.match(refused.text, pattern);
    assert.deepEqual((await callApi(project.environment, "GET", "{A}/workers/scripts")).body.result, []);
  });
}
