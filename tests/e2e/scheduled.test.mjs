// Cron triggers: the handler, its trace, and what a developer fires by hand. The minute itself is cron_clock_test's.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { command, startWeir, tryCommand } from "./weir.mjs";
import { callApi, environmentOf, uploadForm } from "./wrangler.mjs";

const path = "/cdn-cgi/handler/scheduled";

test("a module's scheduled()", async (t) => {
  const weir = await startWeir({ one: { code: `let last; export default {
    async scheduled(controller, env, ctx) {
      if (controller.cron === "throw") throw new TypeError("no backup");
      if (controller.cron === "hang") await new Promise(() => {});
      ctx.waitUntil(scheduler.wait(5).then(() => console.log("waited")));
      last = [controller.cron, controller.scheduledTime, typeof controller.noRetry, controller.constructor.name];
    },
    fetch() { return Response.json(last); } };` } }, { dev: "one" });
  await t.test("gets its cron and its time", async () => {
    const response = await weir.request("one", `${path}?cron=*%2F5+*+*+*+*&time=1800000000000`);
    assert.deepEqual([response.status, response.text], [200, "ok\n"]);
    assert.deepEqual(JSON.parse((await weir.request("one")).text), ["*/5 * * * *", 1800000000000, "function", "ScheduledController"]);
  });
  await t.test("its failure is an outcome", async () => {
    assert.deepEqual((({ status, text }) => [status, text])(await weir.request("one", `${path}?cron=throw`)), [500, "exception\n"]);
    assert.deepEqual((({ status, text }) => [status, text])(await weir.request("one", `${path}?cron=hang`)), [500, "exception\n"]);
  });
  await t.test("a query that cannot be read is not a trigger", async () => {
    assert.equal((await weir.request("one", `${path}?time=soon`)).status, 200, "the script's own answer");
  });
  const { traces } = await weir.stop();
  await t.test("each run has its trace", () => {
    const runs = traces.filter((trace) => trace.event.cron !== undefined);
    assert.deepEqual(runs.map((run) => run.outcome), ["ok", "exception", "exception"]);
    assert.deepEqual(runs[0].event, { scheduledTime: 1800000000000, cron: "*/5 * * * *" });
    assert.deepEqual(runs[0].logs.map((log) => log.message), [["waited"]]);
    assert.equal(runs[1].exceptions[0].message, "no backup");
    assert.match(runs[2].exceptions[0].message, /had hung/);
  });
});

test("a service worker, and a script without the handler", async (t) => {
  await t.test("an event", async () => {
    const weir = await startWeir({ two: { code: `addEventListener("scheduled", (event) => { event.waitUntil(Promise.resolve(console.log(event.cron, event.scheduledTime, event.type))); });` } }, { dev: "two" });
    assert.equal((await weir.request("two", `${path}?cron=x&time=1`)).text, "ok\n");
    const { traces } = await weir.stop();
    assert.deepEqual(traces[0].logs[0].message, ["x", 1, "scheduled"]);
  });
  await t.test("no handler", async () => {
    const weir = await startWeir({ three: { code: `export default { fetch() { return new Response("x"); } };` } }, { dev: "three" });
    assert.equal((await weir.request("three", path)).text, "exception\n");
    const { traces } = await weir.stop();
    assert.equal(traces[0].exceptions[0].message, "Handler does not export a scheduled() function");
    assert.match(traces[0].logs[0].message[0], /^Received a ScheduledEvent but we lack a handler for ScheduledEvents \(a\.k\.a\. Cron Triggers\)\./);
  });
});

test("crons in weir.toml", async (t) => {
  await t.test("are read", async () => {
    const weir = await startWeir({ a: { code: `export default { scheduled() {} }`, crons: ["*/5 * * * *", "0 0 L * FRI"] } });
    await weir.stop();
  });
  await t.test("one that cannot be read names file, line and key", async () => {
    await assert.rejects(startWeir({ a: { code: "", crons: ["61 * * * *"] } }), /weir\.toml:4:\d+: script\[0\]\.crons: cron: '61' is no minute/);
  });
  await t.test("nobody fires one from outside where several scripts are served", async () => {
    const weir = await startWeir({ a: { code: `export default { scheduled() {}, fetch() { return new Response("script"); } }` } });
    assert.equal((await weir.request("a", path)).text, "script");
    await weir.stop();
  });
});

test("weir trigger cron fires one in a running weir", async (t) => {
  const runs = (name) => `export default { scheduled({ cron, scheduledTime }) { if (cron === "throw") throw new Error("no"); console.log("${name}", cron, scheduledTime > 1e12); } }`;
  const weir = await startWeir({ one: { code: runs("one"), crons: ["0 0 1 1 *"] }, two: { code: runs("two"), crons: ["0 0 1 1 *", "0 0 2 1 *"] }, none: { code: runs("none") } },
    { flags: ["--control", "127.0.0.1:0"] });
  t.after(() => weir.stop());
  const [, port] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)/);
  const trigger = (...args) => tryCommand(weir, "trigger", "cron", ...args, "--control", `127.0.0.1:${port}`);
  await t.test("the only one it has, or the one that is named", async () => {
    assert.deepEqual(await trigger("one"), { code: 0, stdout: "one: ok\n", stderr: "" });
    assert.deepEqual(await trigger("two", "0 0 2 1 *", "--json"), { code: 0, stdout: '{"cron":"0 0 2 1 *","outcome":"ok"}\n', stderr: "" });
    assert.deepEqual(await trigger("none", "any text"), { code: 0, stdout: "none: ok\n", stderr: "" });
    const traces = await weir.traced((all) => all.length >= 3);
    assert.deepEqual(traces.map((one) => one.logs[0].message), [["one", "0 0 1 1 *", true], ["two", "0 0 2 1 *", true], ["none", "any text", true]]);
  });
  await t.test("what goes wrong is one line", async () => {
    assert.deepEqual(await trigger("one", "throw"), { code: 1, stdout: "one: exception\n", stderr: "" });
    assert.deepEqual(await trigger("two"), { code: 1, stdout: "", stderr: "weir: script two has several crons: name the one to fire\n" });
    assert.deepEqual(await trigger("none"), { code: 1, stdout: "", stderr: "weir: script none has no crons: name the one to fire\n" });
    assert.deepEqual(await trigger("nobody"), { code: 1, stdout: "", stderr: "weir: there is no script nobody that could run\n" });
    assert.deepEqual(await tryCommand(weir, "trigger", "cron", "one"), { code: 0, stdout: "one: ok\n", stderr: "" }, "the address is in the data directory");
    const nobody = await tryCommand({ folder: "/nowhere" }, "trigger", "cron", "one");
    assert.deepEqual(nobody, { code: 2, stdout: "", stderr: "weir: --data /nowhere/data: no weir with a control address serves it; start weir serve, or name its address with --control\n" });
    const unheard = await tryCommand(weir, "trigger", "cron", "one", "--control", "127.0.0.1:1");
    assert.equal(unheard.code, 2);
    assert.match(unheard.stderr, /^weir: no weir answers at --control 127\.0\.0\.1:1: .*; start it, or name its control address\n$/);
  });
  await t.test("it takes a token that may change the script", async () => {
    const post = (headers) => fetch(`http://127.0.0.1:${port}/trigger/cron`, { method: "POST", headers });
    const token = async (...args) => JSON.parse((await command(weir, "token", "create", ...args, "--json")).stdout).value;
    const bearer = (text) => ({ authorization: `Bearer ${text}`, "weir-script": "one" });
    const good = readFileSync(join(weir.folder, "data/token"), "utf8").trim();
    const ran = async () => (await weir.traced((all) => all.length >= 5)).length;
    const before = await ran();  // all that was fired so far
    assert.equal((await post({})).status, 400);
    assert.equal((await fetch(`http://127.0.0.1:${port}/trigger/cron`)).status, 405);
    for (const [headers, status] of [[{ "weir-script": "one" }, 400], [bearer("wrong"), 403], [bearer(await token("reads", "--read-only")), 403],
      [bearer(await token("others", "--script", "two")), 403], [{ ...bearer(good), "weir-account": "nobody" }, 403]]) {
      assert.equal((await post(headers)).status, status, JSON.stringify(headers));
    }
    assert.equal(await ran(), before, "nothing ran");
    assert.equal((await post(bearer(await token("own", "--script", "one")))).status, 200);
    assert.equal((await post({ ...bearer(good), "weir-account": "local" })).status, 200);
    const stranger = await tryCommand({ folder: "/nowhere" }, "trigger", "cron", "one", "--control", `127.0.0.1:${port}`);
    assert.deepEqual(stranger, { code: 2, stdout: "", stderr: "weir: --data /nowhere/data: there is no token in it; name the directory of the weir that is asked, or set CLOUDFLARE_API_TOKEN\n" });
  });
  await t.test("scripts are an account's", async () => {
    await command(weir, "account", "add", "other");
    assert.deepEqual(await trigger("one", "--account", "local"), { code: 0, stdout: "one: ok\n", stderr: "" });
    const stranger = await trigger("one", "--account", "other");
    assert.deepEqual([stranger.code, /there is no such account for these credentials/.test(stranger.stderr)], [2, true]);
    process.env.CLOUDFLARE_API_TOKEN = JSON.parse((await command(weir, "token", "create", "every", "--every-account", "--json")).stdout).value;
    t.after(() => delete process.env.CLOUDFLARE_API_TOKEN);
    const everywhere = (...args) => tryCommand(null, "trigger", "cron", "one", ...args, "--control", `127.0.0.1:${port}`);
    assert.deepEqual(await everywhere("--account", "other"), { code: 1, stdout: "", stderr: "weir: there is no script one that could run\n" });
    assert.deepEqual(await everywhere("--account", "local"), { code: 0, stdout: "one: ok\n", stderr: "" });
    assert.equal((await everywhere("--account", "missing")).code, 2);
  });
});

test("a run that takes longer than it may", async (t) => {
  const code = `let runs = 0; export default {
    async scheduled({ cron }, env, ctx) {
      runs++;
      console.log("began", cron);
      if (cron === "quick") return;
      if (cron === "waits") return ctx.waitUntil(new Promise(() => setInterval(() => {}, 10)));
      if (cron === "throws") { ctx.waitUntil(scheduler.wait(3_600_000)); throw new Error("early"); }
      if (cron === "fetches") await fetch(env.ORIGIN);
      try { await scheduler.wait(3_600_000); } catch { console.log("caught"); } finally { console.log("finally"); }
    },
    async fetch(request) {
      if (new URL(request.url).pathname === "/slow") await scheduler.wait(1000);
      return new Response(String(runs));
    } }`;
  const gone = [];
  const origin = http.createServer((request) => gone.push(new Promise((done) => request.socket.once("close", done).on("error", () => {})))).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const weir = await startWeir({ slow: { code, limits: { scheduled_ms: 200 }, vars: { ORIGIN: `http://localhost:${origin.address().port}/` } } });
  t.after(() => weir.stop());
  const trigger = (...args) => tryCommand(weir, "trigger", "cron", ...args);
  const tracesOf = async (name, count) => (await weir.traced((all) => all.filter((one) => one.scriptName === name && one.event.cron).length >= count))
    .filter((one) => one.scriptName === name && one.event.cron);
  await t.test("ends as exceededWallTime, whatever it waits for", async () => {
    assert.deepEqual(await trigger("slow", "never"), { code: 1, stdout: "slow: exceededWallTime\n", stderr: "" });
    assert.deepEqual(await trigger("slow", "waits", "--json"), { code: 1, stdout: '{"cron":"waits","outcome":"exceededWallTime"}\n', stderr: "" });
    assert.equal((await trigger("slow", "throws")).stdout, "slow: exceededWallTime\n");
    assert.equal((await trigger("slow", "fetches")).stdout, "slow: exceededWallTime\n");
    await gone[0];
    assert.equal((await trigger("slow", "quick")).stdout, "slow: ok\n");
    const traces = await tracesOf("slow", 5);
    assert.deepEqual(traces.map((one) => one.outcome), [...Array(4).fill("exceededWallTime"), "ok"]);
    for (const one of traces.slice(0, 4)) {
      assert.deepEqual(one.logs.map((log) => log.message), [["began", one.event.cron]], "neither catch nor finally runs");
      assert.ok(one.wallTime >= 200, `${one.wallTime}`);
      assert.deepEqual(one.exceptions.map((e) => e.message), one.event.cron === "throws" ? ["early"] : []);
    }
  });
  await t.test("its isolate goes on, and requests have no such limit", async () => {
    assert.equal((await weir.request("slow", "/slow")).text, "5");
  });
  await t.test("the metrics have it", async () => {
    const [, port] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)/);
    assert.match(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), /outcome="exceededWallTime"[^\n]*\} 4\n/);
  });
  await t.test("for what is deployed it is the account's", async () => {
    const environment = await environmentOf(weir);
    await command(weir, "account", "set", "local", "--limit", "scheduled_ms=300");
    assert.equal((await callApi(environment, "PUT", "{A}/workers/scripts/deployed", { body: uploadForm(code) })).status, 200);
    while ((await trigger("deployed", "quick")).code !== 0);
    assert.deepEqual(await trigger("deployed", "never"), { code: 1, stdout: "deployed: exceededWallTime\n", stderr: "" });
    const { wallTime } = (await tracesOf("deployed", 2)).find((one) => one.event.cron === "never");
    assert.ok(wallTime >= 300, `${wallTime}`);
    const refused = await tryCommand(weir, "account", "set", "local", "--limit", "scheduled_ms=0");
    assert.deepEqual([refused.code, /scheduled_ms/.test(refused.stderr)], [1, true], refused.stderr);
  });
});
