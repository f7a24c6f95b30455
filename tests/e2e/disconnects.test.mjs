// Clients that leave, as a script and its trace see it: request.signal and its flags, and that every ending of an
// invocation is told as the client saw it. What stops when a client leaves: http_endings.test.mjs.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { connect } from "./raw.mjs";
import { startWeir } from "./weir.mjs";

const kGone = "AbortError: The client has disconnected";

const watches = `export default { async fetch(request, env, ctx) {
  const { ORIGIN: origin } = env;
  const copy = new Request(request);
  const told = [];
  for (const [name, { signal }] of Object.entries({ request, copy })) {
    signal.addEventListener("abort", () => told.push(name + " " + signal.reason.name + ": " + signal.reason.message));
  }
  request.signal.onabort = (event) => told.push(event.type + " " + request.signal.aborted);
  const ends = async (what, fetched) => console.log(what, await fetched.then((r) => r.text(), (error) => error.name + ": " + error.message));
  const subrequest = (path, of, init) => fetch(new Request(origin + path, of), init);
  ctx.waitUntil(Promise.all([
    ends("passed on", subrequest("/passed", request)),
    ends("asked for", fetch(origin + "/asked", { signal: request.signal })),
    ends("unrelated", fetch(origin + "/unrelated")),
  ]).then(() => console.log(told.join(", "))));
  await new Promise((resolve) => setTimeout(resolve, 600_000));
} };`;

const rules = {
  since: { date: "2026-11-17", aborts: true, passes: false },
  before: { date: "2026-11-16", aborts: false, passes: false },
  named: { date: "2025-01-01", flags: ["enable_request_signal"], aborts: true, passes: false },
  opposite: { date: "2026-11-17", flags: ["disable_request_signal"], aborts: false, passes: false },
  passes: { date: "2026-11-17", flags: ["request_signal_passthrough"], aborts: true, passes: true },
};

async function startHolding(t) {
  const held = [];
  const origin = http.createServer((request, response) => {
    held.push(response);
    response.on("close", () => held.splice(held.indexOf(response), 1));
  }).listen(0, "127.0.0.1");
  await once(origin, "listening");
  t.after(() => { origin.close(); origin.closeAllConnections(); });
  return { held, url: `http://localhost:${origin.address().port}` };
}
const until = async (ready) => { while (!ready()) await new Promise(setImmediate); };

test("request.signal", async (t) => {
  const { held, url } = await startHolding(t);
  const scripts = Object.fromEntries(Object.entries(rules).map(([name, { date, flags }]) => [name, { code: watches, date, flags, vars: { ORIGIN: url } }]));
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  t.after(() => weir.stop());
  for (const [name, { aborts, passes }] of Object.entries(rules)) {
    await t.test(name, async () => {
      const client = await connect(weir.port);
      client.send(`GET / HTTP/1.1\r\nHost: ${name}.local.workers.localhost\r\n\r\n`);
      await until(() => held.length === 3);
      client.socket.destroy();
      await until(() => held.length === 3 - (aborts ? 1 : 0) - (passes ? 1 : 0));
      // One more request: whatever the loss has brought about has come about.
      assert.equal((await weir.request("nobody")).status, 404);
      assert.deepEqual(held.map((response) => response.req.url).sort(),
        ["/asked", "/passed", "/unrelated"].filter((path) => !(aborts && path === "/asked") && !(passes && path === "/passed")));
      for (const response of [...held]) response.end("answered");
      const trace = (await weir.traced((all) => all.some((one) => one.scriptName === name))).find((one) => one.scriptName === name);
      assert.deepEqual([trace.outcome, trace.exceptions], ["canceled", []]);
      const said = trace.logs.map((log) => log.message.join(" "));
      assert.deepEqual(said.slice(0, 3).sort(), [`asked for ${aborts ? kGone : "answered"}`, `passed on ${passes ? kGone : "answered"}`, "unrelated answered"]);
      assert.deepEqual(said[3].split(", ").filter(Boolean).sort(), aborts ? ["abort true", `copy ${kGone}`, `request ${kGone}`] : []);
      await until(() => held.length === 0);
    });
  }
});

const module = (body, limits) => ({ code: `export default { async fetch(request, env, ctx) { ${body} } }`, limits });
const waits = `await fetch(env.ORIGIN);`;
// name -> script, what the client sees, outcome; `held`: an origin keeps it waiting, `leaves`: the client goes meanwhile.
const endings = {
  answers: [module(`${waits} return new Response("ok", { status: 201 });`), { status: 201, text: "ok", held: true }, "ok"],
  throws: [module(`${waits} throw new Error("no");`), { status: 500, text: "error code: 1101\n", held: true }, "exception"],
  hangs: [module(`${waits} await new Promise(() => {});`), { status: 500, text: "error code: 1101\n", held: true }, "exception"],
  spins: [module(`${waits} for (;;);`, { cpu_ms: 60 }), { status: 503, text: "error code: 1102\n", held: true, cpu: 60 }, "exceededCpu"],
  grows: [module(`${waits} const all = []; for (;;) all.push(new Array(1e5).fill(1));`, { memory_mb: 64 }), { status: 503, text: "error code: 1102\n", held: true }, "exceededMemory"],
  burns: [module(`let n = 0; for (let i = 0; i < 3e7; i++) n = (n * 31 + i) | 0; return new Response(String(n !== 1));`), { status: 200, text: "true", cpu: 5 }, "ok"],
  later: [module(`ctx.waitUntil(fetch(env.ORIGIN).then(() => Promise.reject(new Error("late")))); return new Response("ok");`), { status: 200, text: "ok", held: true, behind: true }, "exception"],
  aborts: [module(`${waits} ctx.abort();`), { status: 500, text: "error code: 1101\n", held: true }, "aborted"],
  leaves: [module(`${waits} return new Response("nobody reads this");`), { leaves: true, held: true }, "canceled"],
  streams: [module(`return new Response(new ReadableStream({ async pull(c) { if (this.again) await fetch(env.ORIGIN); this.again = true; c.enqueue(new Uint8Array(10)); } }));`), { status: 200, leaves: true, held: true }, "responseStreamDisconnected"],
  breaks: [module(`return new Response(new ReadableStream({ async pull(c) { if (this.again) { ${waits} throw new Error("mid body"); } this.again = true; c.enqueue(new Uint8Array(10)); } }));`), { status: 200, cut: true, held: true }, "exception"],
};

test("every ending is told as the client saw it", async (t) => {
  const { held, url } = await startHolding(t);
  const scripts = Object.fromEntries(Object.entries(endings).map(([name, [script]]) => [name, { ...script, vars: { ORIGIN: url } }]));
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  t.after(() => weir.stop());
  const [, control] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)/);
  for (const [name, [, sees, outcome]] of Object.entries(endings)) {
    await t.test(name, async () => {
      const client = await connect(weir.port);
      client.send(`GET / HTTP/1.1\r\nHost: ${name}.local.workers.localhost\r\n\r\n`);
      if (sees.behind) assert.equal((await client.response()).text, sees.text);
      let keptMs = 0;
      if (sees.held) {
        await until(() => held.length === 1);
        const since = performance.now();
        if (sees.status === 200 && !sees.behind) { await client.head(); await client.chunk(); }
        keptMs = performance.now() - since;
        if (sees.leaves) client.socket.destroy();
        else held[0].end();
      }
      if (sees.cut) assert.notEqual(await client.end(), undefined);
      else if (!sees.leaves && !sees.behind) {
        const { status, text } = await client.response();
        assert.deepEqual([status, text], [sees.status, sees.text]);
      }
      const trace = (await weir.traced((all) => all.some((one) => one.scriptName === name))).find((one) => one.scriptName === name);
      assert.deepEqual([trace.outcome, trace.event.response?.status], [outcome, sees.status]);
      assert.ok(trace.wallTime >= keptMs, `wall ${trace.wallTime} ms, kept ${keptMs} ms`);
      assert.ok(trace.cpuTime > 0 && trace.cpuTime >= (sees.cpu ?? 0) && trace.cpuTime <= trace.wallTime, `cpu ${trace.cpuTime} ms, wall ${trace.wallTime} ms`);
      assert.equal(trace.exceptions.length, ["ok", "canceled", "responseStreamDisconnected"].includes(outcome) ? 0 : 1);
      await until(() => held.length === 0);
    });
  }
  await t.test("clients that left are no errors", async () => {
    const page = await (await fetch(`http://127.0.0.1:${control}/metrics`)).text();
    const figure = (name) => Number(page.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1] ?? 0);
    const outcomes = Object.groupBy(Object.values(endings), ([, , outcome]) => outcome);
    for (const [outcome, all] of Object.entries(outcomes)) assert.equal(figure(`weir_requests_total{outcome="${outcome}"}`), all.length, `${outcome}: ${page}`);
    // throws, hangs and aborts; spins and grows: nobody else got a page.
    assert.deepEqual([figure('weir_error_pages_total{code="1101"}'), figure('weir_error_pages_total{code="1102"}')], [3, 2]);
    assert.equal(figure('weir_http_requests_total{class="5xx"}'), 5);
  });
});
