// What stands behind a script answers in its place: passThroughOnException(), and a service worker that does not respond.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { command, startWeir, tryCommand } from "./weir.mjs";

const module = (body) => ({ code: `export default { async fetch(request, env, ctx) { ${body} } }` });
const worker = (body) => ({ code: `addEventListener("fetch", (event) => { ${body} });` });
const kHung = /had hung and would never generate a response/;

const scripts = {
  throws: module(`ctx.passThroughOnException(); throw new RangeError("failed");`),
  later: module(`ctx.passThroughOnException(); await scheduler.wait(1); throw new RangeError("failed later");`),
  strict: module(`throw new RangeError("failed");`),
  hangs: module(`ctx.passThroughOnException(); await new Promise(() => {});`),
  wrong: module(`ctx.passThroughOnException(); return "no response";`),
  reads: module(`ctx.passThroughOnException(); await request.text(); throw new Error("read");`),
  parts: module(`ctx.passThroughOnException(); if (request.body) await request.body.getReader().read(); throw new Error("read a part");`),
  clones: module(`ctx.passThroughOnException(); const text = await request.clone().text(); throw new Error("cloned " + text.length);`),
  passed: module(`ctx.passThroughOnException(); await fetch(request); throw new Error("passed on");`),
  spins: { ...module(`ctx.passThroughOnException(); for (;;);`), limits: { cpu_ms: 50 } },
  grows: { ...module(`ctx.passThroughOnException(); const all = []; for (;;) all.push(new Array(1e5).fill(1));`), limits: { memory_mb: 64 } },
  started: module(`ctx.passThroughOnException();
    return new Response(new ReadableStream({ async pull(c) { if (this.again) throw new Error("within the body"); this.again = true; c.enqueue(new TextEncoder().encode("begun")); } }));`),
  waits: module(`ctx.passThroughOnException(); ctx.waitUntil(scheduler.wait(20).then(() => console.log("waited"))); throw new Error("failed");`),
  event: worker(`event.passThroughOnException(); event.respondWith((async () => { await scheduler.wait(1); throw new TypeError("in an event"); })());`),
  silent: worker(`event.waitUntil(scheduler.wait(1).then(() => console.log("waited")));`),
  starts: worker(`fetch(event.request.headers.get("x-origin"));`),
  asks: worker(`event.waitUntil(event.request.text());`),
  prevents: worker(`event.preventDefault();`),
  cronly: { code: `addEventListener("scheduled", () => {});` },
  caller: { ...module(`try { return await env.CALLEE.fetch("http://inner/", { method: "POST", body: "x" }); } catch (e) { return new Response(e.name + ": " + e.message + " " + e.remote); }`), services: { CALLEE: "throws" } },
  reports: module(`const report = new URL(request.headers.get("x-report")); ctx.waitUntil(fetch(report).then((r) => r.text()).then((text) => console.log(text))); throw new Error("reported");`),
  callsreports: { ...module(`try { return await env.CALLEE.fetch("http://inner/", { headers: request.headers }); } catch (e) { return new Response(e.message); }`), services: { CALLEE: "reports" } },
  frontthrows: module(`ctx.passThroughOnException(); throw new RangeError("failed");`),
  frontreads: module(`ctx.passThroughOnException(); await request.text(); throw new Error("read");`),
  frontsilent: worker(`event.waitUntil(scheduler.wait(1));`),
  domain: module(`ctx.passThroughOnException(); const { pathname } = new URL(request.url); if (pathname === "/fails") throw new Error("fails");
    return Response.json({ method: request.method, path: pathname, via: request.headers.get("cf-ew-via"), body: await request.text() });`),
  cron: { code: `export default { async scheduled(controller, env, ctx) { ctx.passThroughOnException(); ctx.waitUntil(scheduler.wait(5).then(() => console.log("waited"))); throw new Error("in a cron"); }, fetch() { return new Response("cron"); } }`, crons: ["0 0 1 1 *"] },
  asksworker: { ...module(`try { return await env.CALLEE.fetch("http://inner/"); } catch (e) { return new Response(e.message); }`), services: { CALLEE: "silent" } },
};

test("what stands behind a script", async (t) => {
  const weir = await startWeir(scripts, { flags: ["--control", "127.0.0.1:0"] });
  let stopped = false;
  t.after(() => stopped || weir.stop());
  const origin = http.createServer(async (request, response) => {
    let length = 0;
    let head = "";
    for await (const chunk of request) {
      if (length === 0) head = chunk.subarray(0, 20).toString();
      length += chunk.length;
    }
    response.writeHead(request.url === "/418" ? 418 : 200, { "x-origin": "1" });
    response.end(JSON.stringify({ method: request.method, url: request.url, length, head, headers: request.headers }));
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  const originUrl = `http://127.0.0.1:${origin.address().port}`;
  await command(weir, "zone", "add", "open.test", "--origin", originUrl);
  await command(weir, "zone", "add", "dead.test", "--origin", "http://127.0.0.1:1");
  for (const name of Object.keys(scripts)) {
    await command(weir, "route", "add", `${name}.open.test/*`, "--script", name);
    await command(weir, "route", "add", `${name}.dead.test/*`, "--script", name);
  }
  const ask = (script, path = "/", { zone = "open.test", ...init } = {}) => weir.request(null, path, { host: `${script}.${zone}`, ...init });
  for (let ready = false; !ready;) ready = (await ask("asksworker")).status === 200;
  const large = Buffer.alloc(3_000_000, "y");
  const fromOrigin = async (script, path, init) => {
    const answer = await ask(script, path, init);
    assert.equal(answer.headers["x-origin"], "1", `${script}: ${answer.status} ${answer.text.slice(0, 200)}`);
    return { status: answer.status, ...JSON.parse(answer.text), ray: answer.headers["cf-ray"] };
  };
  const failed = async (script, path, init) => {
    const answer = await ask(script, path, init);
    assert.deepEqual([answer.status, answer.text], [500, "error code: 1101\n"], script);
  };

  await t.test("passThroughOnException: the origin gets the request as it came, and answers", async () => {
    const seen = await fromOrigin("throws", "/418?a=b", { headers: { "x-mine": "1", "x-forwarded-for": "192.0.2.1" } });
    assert.deepEqual([seen.status, seen.method, seen.url], [418 === seen.status ? 418 : 200, "GET", "/418?a=b"]);
    assert.deepEqual([seen.headers.host, seen.headers["x-mine"], seen.headers["x-forwarded-for"], seen.headers["cf-worker"], seen.headers["cf-ew-via"]],
      ["throws.open.test", "1", "192.0.2.1, 127.0.0.1", undefined, undefined]);
    assert.match(seen.ray, /^[0-9a-f]{16}-WEI$/);
    assert.equal((await fromOrigin("throws", "/418")).status, 418);
    for (const script of ["later", "hangs", "wrong", "event", "waits"]) await fromOrigin(script);
    await failed("strict");
  });
  await t.test("a body that nobody has read goes with it, small and large", async () => {
    for (const body of ["small", large]) {
      for (const script of ["throws", "later", "hangs", "event"]) {
        const seen = await fromOrigin(script, "/", { method: "POST", body });
        assert.deepEqual([seen.method, seen.length, seen.head], ["POST", body.length, body.toString().slice(0, 20)], script);
      }
    }
    const chunked = await fromOrigin("throws", "/", { method: "PUT", body: large, headers: { "transfer-encoding": "chunked" } });
    assert.equal(chunked.length, large.length);
    assert.equal((await fromOrigin("clones", "/", { method: "POST", body: "small" })).length, 5);
  });
  await t.test("one that was read or passed on cannot go again", async () => {
    for (const body of ["small", large]) {
      for (const script of ["reads", "passed"]) await failed(script, "/", { method: "POST", body });
      await failed("parts", "/", { method: "POST", body: body.slice(0, 200_000) });
    }
    await failed("clones", "/", { method: "POST", body: large });
    for (const script of ["reads", "parts"]) await fromOrigin(script);  // a GET always can
  });
  await t.test("it is not for limits, nor for a response that has begun", async () => {
    for (const script of ["spins", "grows"]) {
      const limited = await ask(script);
      assert.deepEqual([limited.status, limited.text], [503, "error code: 1102\n"], script);
    }
    await assert.rejects(ask("started"), /aborted|socket hang up|ECONNRESET/);
  });
  await t.test("without an origin, or with one that is down, the client sees the failure", async () => {
    await failed("throws", "/", { zone: "local.workers.dev" });
    await failed("throws", "/", { zone: "dead.test" });
  });
  await t.test("a script that called gets the exception itself", async () => {
    assert.equal((await ask("caller")).text, "RangeError: failed true");
    assert.match((await ask("asksworker")).text, /^The script did not call respondWith\(\)/);
  });
  await t.test("what waits goes on behind a failure that the client knows of", async () => {
    const held = [];
    const reports = http.createServer((request, response) => held.push(response)).listen(0, "127.0.0.1");
    await once(reports, "listening");
    const headers = { "x-report": `http://localhost:${reports.address().port}/` };
    await failed("reports", "/", { headers });
    assert.equal((await ask("callsreports", "/", { headers })).text, "reported");
    while (held.length < 2) await new Promise(setImmediate);
    for (const response of held) response.end("report is in");
    const traces = await weir.traced((all) => all.filter((one) => one.scriptName === "reports").length >= 2);
    for (const one of traces.filter((one) => one.scriptName === "reports")) {
      assert.deepEqual([one.outcome, one.exceptions.length, one.logs.map((log) => log.message[0])], ["exception", 1, ["report is in"]]);
    }
    reports.close();
    reports.closeAllConnections();
  });
  await t.test("behind a route on a custom domain is the script of the domain", async () => {
    await command(weir, "domain", "add", "shop.open.test", "--script", "domain");
    await command(weir, "route", "add", "shop.open.test/throws*", "--script", "frontthrows");
    await command(weir, "route", "add", "shop.open.test/reads*", "--script", "frontreads");
    await command(weir, "route", "add", "shop.open.test/silent*", "--script", "frontsilent");
    await command(weir, "route", "add", "shop.open.test/strict*", "--script", "strict");
    const shop = (path, options) => weir.request(null, path, { host: "shop.open.test", ...options });
    while ((await shop("/strict")).status !== 500);
    assert.deepEqual(JSON.parse((await shop("/throws?a")).text), { method: "GET", path: "/throws", via: "15", body: "" });
    assert.equal(JSON.parse((await shop("/throws", { headers: { "cf-ew-via": "9" } })).text).via, "8");
    assert.equal((await shop("/throws", { headers: { "cf-ew-via": "1" } })).text, "error code: 1019\n", "the route's script was the last");
    assert.deepEqual(JSON.parse((await shop("/silent", { method: "POST", body: "small" })).text), { method: "POST", path: "/silent", via: "15", body: "small" });
    assert.equal(JSON.parse((await shop("/throws", { method: "POST", body: "large".repeat(100_000) })).text).body.length, 500_000);
    assert.equal((await shop("/reads", { method: "POST", body: "read" })).text, "error code: 1101\n");
    assert.equal((await shop("/fails")).text, "error code: 1101\n", "the domain itself has no origin");
    const traces = await weir.traced((all) => all.filter((one) => one.scriptName === "domain").length >= 4);
    const first = traces.find((one) => new URL(one.event?.request?.url ?? "http://x/").host === "shop.open.test" && one.scriptName === "frontthrows");
    assert.deepEqual([first.outcome, first.failedOpen], ["exception", true]);
  });
  await t.test("nor does a cron that fails end anything else", async () => {
    const [, port] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)/);
    assert.deepEqual(await tryCommand(weir, "trigger", "cron", "cron", "--control", `127.0.0.1:${port}`), { code: 1, stdout: "cron: exception\n", stderr: "" });
    const traces = await weir.traced((all) => all.some((one) => one.scriptName === "cron"));
    assert.deepEqual(traces.find((one) => one.scriptName === "cron").logs.map((log) => log.message[0]), ["waited"]);
    assert.equal((await ask("cron")).text, "cron");
    assert.doesNotMatch(weir.output(), /engine.*(died|killed|protocol)/);
  });
  await t.test("a service worker that does not respond lets the request through", async () => {
    assert.equal((await fromOrigin("silent", "/x", { method: "POST", body: large })).length, large.length);
    await fromOrigin("silent");
    await fromOrigin("cronly");
    await fromOrigin("starts", "/", { headers: { "x-origin": originUrl } });
    const down = await ask("silent", "/", { zone: "dead.test" });
    assert.deepEqual([down.status, down.text], [521, "error code: 521\n"]);
    await failed("silent", "/", { zone: "local.workers.dev" });
    await failed("prevents");
    await failed("asks", "/", { method: "POST", body: "small" });
    await failed("asks", "/", { method: "POST", body: large });
  });

  await weir.traced((traces) => traces.filter((one) => one.scriptName === "waits").length >= 1);
  const { traces } = await weir.stop();
  stopped = true;
  await t.test("traces keep the failure, and say that it was passed by", () => {
    const of = (script, zone = "open.test") => traces.filter((one) => one.scriptName === script && one.event.request.url.includes(zone));
    const brief = (one) => [one.outcome, one.failedOpen, one.event.response?.status, one.exceptions[0]?.message];
    assert.deepEqual(brief(of("throws").find((one) => one.event.request.url.endsWith("/418"))), ["exception", true, 418, "failed"]);
    assert.deepEqual(brief(of("strict")[0]), ["exception", undefined, 500, "failed"]);
    assert.deepEqual(brief(of("throws", "dead.test")[0]), ["exception", undefined, 500, "failed"]);
    assert.deepEqual(brief(of("reads").find((one) => one.event.request.method === "POST")), ["exception", undefined, 500, "read"]);
    assert.deepEqual(brief(of("spins")[0]).slice(0, 3), ["exceededCpu", undefined, 503]);
    assert.match(of("hangs")[0].exceptions[0].message, kHung);
    assert.equal(of("hangs")[0].failedOpen, true);
    assert.deepEqual(of("waits")[0].logs.map((log) => log.message), [["waited"]]);
    assert.deepEqual(brief(of("silent")[0]), ["ok", undefined, 200, undefined]);
    assert.deepEqual(of("silent")[0].logs.map((log) => log.message), [["waited"]]);
    assert.equal(brief(of("silent", "local.workers.dev")[0])[0], "exception");
    const [warning] = of("starts")[0].logs;
    assert.equal(warning.level, "warn");
    assert.match(warning.message[0], /^FetchEvent handler did not call respondWith\(\) before returning, but initiated some asynchronous task\. That task will be canceled and default handling will occur -- the request will be sent unmodified to your origin\. /);
    assert.equal(of("asks")[0].exceptions[0].message, "Script consumed request body but didn't call respondWith(). Can't forward request.");
    assert.equal(of("prevents")[0].exceptions[0].message, "preventDefault() called but respondWith() not called");
  });
});
