// Projects with nodejs_compat, deployed with the real wrangler: what it leaves to the platform of Node's modules and globals depends on
// the compatibility date (it bundles a `process` of its own with an older one), and weir has what that asks for.
import assert from "node:assert/strict";
import { test } from "node:test";

import { releases } from "./matrix.mjs";
import { startProject } from "./wrangler.mjs";
import { startWeir } from "./weir.mjs";

async function deployed(t, code, { date, flags = ["nodejs_compat"], packages = {}, release = "wrangler", config = {}, before }) {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: { "src/index.js": code }, packages, release,
    config: { compatibility_date: date, compatibility_flags: flags, ...config } });
  await before?.(project);
  assert.match((await project.run("deploy")).stdout, /Uploaded hello/);
  return { weir, project, get: async (path = "/") => (await weir.request("hello", path)).text };
}

const hono = `import { Hono } from "hono";
  const app = new Hono();
  app.get("/", (c) => c.text("hono " + typeof process.nextTick + " " + process.platform));
  app.get("/name", (c) => c.text("named " + c.env.NAME + " " + process.env.NAME));
  export default app;`;

for (const date of ["2024-09-23", "2025-06-01", "2026-01-01", "2026-03-01"]) {
  test(`hono, with a compatibility date of ${date}`, async (t) => {
    const { get } = await deployed(t, hono, { date, packages: { hono: "hono" }, config: { vars: { NAME: "ada" } } });
    assert.equal(await get(), "hono function linux");
    // The bindings are in process.env from 2025-04-01.
    assert.equal(await get("/name"), date < "2025-04-01" ? "named ada undefined" : "named ada ada");
  });
}

// Release 3 bundles a `process` that needs node:net.
for (const release of releases.filter((one) => one !== "wrangler-3")) {
  test(`text bindings and secrets are process.env, with ${release}`, async (t) => {
    const code = `import { EventEmitter } from "node:events";
      import env from "node:process";
      const early = process.env.GREETING;  // the top-level scope has the bindings
      const bus = new EventEmitter();
      bus.on("ask", (done) => done(early + " " + process.env.SECRET + " " + process.env.LIST + " " + (process.env.NOBODY ?? "nobody")));
      export default { fetch: () => new Promise((done) => bus.emit("ask", (text) => done(new Response(text)))) };`;
    const { get } = await deployed(t, code, { date: "2025-06-01", release, config: { vars: { GREETING: "hi", LIST: [1, 2] } },
      before: async (project) => assert.equal((await project.runWith({ input: "hush" }, "secret", "put", "SECRET")).code, 0) });
    assert.equal(await get(), "hi hush [1,2] nobody");
  });
}

test("the globals are Node's, look like data, and stay what a script makes of them", async (t) => {
  const code = `import { Buffer as Imported } from "node:buffer";
    import process from "node:process";
    const early = Buffer.from("early");  // in the heap that is written
    export default { async fetch(request) {
      const told = [Buffer === Imported, process === globalThis.process, global === globalThis, early.toString("hex"), early instanceof Buffer];
      const order = [];
      const immediate = new Promise((done) => setImmediate((value) => { order.push(value); done(); }, "immediate"));
      clearImmediate(setImmediate(() => order.push("never")));
      process.nextTick(() => order.push("tick"));
      await immediate;
      told.push(order, Object.prototype.toString.call(process), process.getBuiltinModule("events") === (await import("node:events")).default,
        process.getBuiltinModule("node:zlib"), Object.getOwnPropertyDescriptor(globalThis, "setImmediate").writable);
      process.env.COUNT = 5;
      told.push((await import("node:console")).default === console, (await import("node:stream/web")).ReadableStream === ReadableStream);
      told.push(process.env.COUNT, Object.keys(process.env));
      if (request.url.endsWith("/exit")) process.exit(3);
      if (request.url.endsWith("/internal")) await import("node:internal/host");
      if (request.url.endsWith("/mine")) { globalThis.Buffer = 1; told.push(Buffer); }
      return Response.json(told);
    } };`;
  const weir = await startWeir({ globals: { code, date: "2026-03-01", flags: ["nodejs_compat"] } });
  t.after(() => weir.stop());
  const told = [true, true, true, "6561726c79", true, ["tick", "immediate"], "[object process]", true, null, true, true, true, "5", ["COUNT"]];
  for (const at of ["before", "after"]) {
    assert.deepEqual(JSON.parse((await weir.request("globals")).text), told, at);
    if (at === "before") await weir.saidTimes(/^weir: script globals is checked/gm, 1);
  }
  assert.equal((await weir.request("globals", "/exit")).status, 500);
  assert.equal((await weir.request("globals", "/internal")).status, 500);
  assert.deepEqual(JSON.parse((await weir.request("globals", "/mine")).text), [...told, 1]);
});

test("without the flag there is no module and no global of Node; with it what is not served is refused by its name", async (t) => {
  const weir = await startWeir({ plain: { code: 'export default { fetch: () => new Response([typeof process, typeof Buffer, typeof global, typeof setImmediate].join()) };', date: "2026-01-01" } });
  t.after(() => weir.stop());
  assert.equal((await weir.request("plain")).text, "undefined,undefined,undefined,undefined");
  const project = await startProject(t, weir, { files: { "src/index.js": 'import "node:events"; export default { fetch: () => new Response() };' }, config: {} });
  assert.match((await project.tryRun("deploy")).text, /No such module "node:events"[^]*It needs the compatibility flag nodejs_compat\./);
  const other = await startProject(t, weir, { files: { "src/index.js": 'import zlib from "node:zlib"; export default { fetch: () => new Response(typeof zlib) };' },
    config: { compatibility_flags: ["nodejs_compat"] } });
  assert.match((await other.tryRun("deploy")).text, /No such module "node:zlib"[^]*This module of Node\.js is not served here\./);
});
