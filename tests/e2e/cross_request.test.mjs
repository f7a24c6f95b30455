// Promises that one request makes and another settles: handle_cross_request_promise_resolution and its opposite.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const kTooLate = "Warning: A promise was resolved or rejected from a different request context than the one it was created in. " +
  "However, the creating request has already been completed or canceled. Continuations for that request are unlikely to run " +
  "safely and have been canceled. If this behavior breaks your worker, consider setting the " +
  "`no_handle_cross_request_promise_resolution` compatibility flag for your worker.";
const kOther = "Cannot perform I/O on behalf of a different request.";

// /wait waits for what /go settles; /leave leaves something behind that waits.
const code = `let waiting = [], late = "nothing";
const gate = () => { const { promise, resolve, reject } = Promise.withResolvers(); waiting.push({ resolve, reject }); return promise; };
export default { async fetch(request) {
  switch (new URL(request.url).pathname) {
    case "/waiting": return new Response(String(waiting.length));
    case "/wait": {
      const busy = setTimeout(() => {}, 1e6);
      try { await gate(); } catch (error) { console.log("caught", error.message); }
      console.log("went on");
      return new Response(await request.text());
    }
    case "/leave":
      gate().then(async () => {
        console.log("late");
        try { await fetch("http://192.0.2.1/"); late = "fetched"; } catch (error) { late = error.name + ": " + error.message; }
      });
      return new Response("left");
    case "/late": return new Response(late);
    case "/go": case "/refuse":
      for (const one of waiting.splice(0)) request.url.includes("/go") ? one.resolve() : one.reject(new Error("no"));
      do await scheduler.wait(1); while (request.url.endsWith("?over") && late === "nothing");
      return new Response("gone");
  }
} }`;

const rules = {
  since: { date: "2024-10-14", follows: true },
  before: { date: "2024-10-13", follows: false },
  named: { date: "2024-10-13", flags: ["handle_cross_request_promise_resolution"], follows: true },
  opposite: { date: "2026-01-01", flags: ["no_handle_cross_request_promise_resolution"], follows: false },
};

for (const from of ["snapshot", "source"]) {
  test(`promises across requests, started from ${from}`, async (t) => {
    const scripts = Object.fromEntries(Object.entries(rules).map(([name, { date, flags }]) => [name, { code, date, flags }]));
    const weir = await startWeir(scripts, { flags: ["--start-from", from, "--engines", "1"] });
    for (const [name, { follows }] of Object.entries(rules)) {
      const waits = async (count) => { while ((await weir.request(name, "/waiting")).text !== String(count)); };
      for (const settles of ["/go", "/refuse"]) {
        await t.test(`${name}: ${settles}`, async () => {
          const waited = weir.request(name, "/wait", { method: "POST", body: "its own body" });
          await waits(1);
          assert.equal((await weir.request(name, settles)).text, "gone");
          const { status, text } = await waited;
          assert.deepEqual([status, text], follows ? [200, "its own body"] : [500, "error code: 1101\n"]);
        });
      }
      await t.test(`${name}: the one that waited is over`, async () => {
        assert.equal((await weir.request(name, "/leave")).text, "left");
        assert.equal((await weir.request(name, "/go?over")).text, "gone");
        assert.equal((await weir.request(name, "/late")).text,
          follows ? "Error: Couldn't complete operation because the execution context has ended." : "fetched");
      });
    }
    const { traces } = await weir.stop();
    for (const [name, { follows }] of Object.entries(rules)) {
      const of = (path) => traces.filter((one) => one.scriptName === name && new URL(one.event.request.url).pathname === path);
      const said = (path) => of(path).flatMap((one) => one.logs.map((log) => log.message.join(" ")));
      const mine = ["caught no", "went on", "went on"];
      assert.deepEqual(said("/wait").sort(), follows ? mine : [], name);
      assert.deepEqual(of("/wait").flatMap((one) => one.exceptions.map((each) => each.message.slice(0, kOther.length))), follows ? [] : [kOther, kOther], name);
      assert.deepEqual(said("/refuse"), follows ? [] : mine.slice(0, 2), name);
      const told = said("/go");
      assert.equal(told.length, 2 - Number(follows), name);
      if (!follows) assert.deepEqual(told.sort(), ["late", "went on"]);
      else assert.equal(told[0].split("\n")[0], kTooLate);
      if (follows) assert.match(told[0], /\n    at .*index\.js:\d+:\d+/);
      assert.ok(!said("/leave").includes("late"), name);
    }
  });
}
