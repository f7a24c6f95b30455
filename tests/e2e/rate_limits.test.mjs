// Rate limit bindings: counted by the platform, over scripts, engines and loops.
import assert from "node:assert/strict";
import { test } from "node:test";

import { until } from "./processes.mjs";
import { callApi, environmentOfAccount, startProject, uploadForm } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

const code = `export default { async fetch(request, env) {
  const { searchParams } = new URL(request.url);
  return Response.json(await env.LIMITER.limit({ key: searchParams.get("key") }));
} }`;
const limiter = (limit, namespace_id = "1001", period = 60) => ({ LIMITER: { namespace_id, limit, period } });

async function successes(answers) {
  return (await Promise.all(answers)).filter((answer) => JSON.parse(answer.text).success).length;
}

test("scripts that share a namespace share its counts, on whatever engine they run", async (t) => {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
  const scripts = Object.fromEntries(names.map((name) => [name, { code, rate_limits: limiter(5) }]));
  scripts.other = { code, rate_limits: limiter(5, "1002") };
  const weir = await startWeir(scripts, { flags: ["--engines", "2", "--loops", "2", "--engine-look-ms", "50"] });
  t.after(() => weir.stop());
  // The first requests start the engines' isolates: each key counts for itself.
  for (const name of names) assert.equal((await weir.request(name, `/?key=${name}`)).text, '{"success":true}');
  const [, port] = await weir.said(/control: http:\/\/127\.0\.0\.1:(\d+)/);
  // Engines say what they hold when they are looked after: both run some of the scripts.
  await until("isolates in both engines", async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const isolates = [...metrics.matchAll(/^weir_engine_isolates\{[^}]*\} (\d+)$/gm)].map((match) => Number(match[1]));
    return isolates.length === 2 && !isolates.includes(0);
  });

  const asked = names.flatMap((name) => Array.from({ length: 4 }, () => weir.request(name, "/?key=shared")));
  assert.equal(await successes(asked), 5);
  assert.equal(await successes([weir.request("a", "/?key=another")]), 1);
  assert.equal(await successes([weir.request("other", "/?key=shared")]), 1, "another namespace counts for itself");
});

test("what a call takes and gives", async (t) => {
  const weir = await startWeir({
    hello: {
      code: `
        import { env as imported } from "cloudflare:workers";
        let kept;
        const cases = {
          nothing: (l) => l.limit(), text: (l) => l.limit("key"), unknown: (l) => l.limit({ key: "a", b: 1, c: 2 }),
          number: (l) => l.limit({ key: 7 }), limit: (l) => l.limit({ key: "a", limit: "7" }),
          period: (l) => l.limit({ key: "a", period: 30 }), delta: (l) => l.limit({ key: "a", delta: -1 }),
          zero: (l) => l.limit({ key: "a", delta: 0.5 }), nan: (l) => l.limit({ key: "a", delta: "x" }),
          huge: (l) => l.limit({ key: "a", delta: 2 ** 32 }), long: (l) => l.limit({ key: "x".repeat(32769) }), wide: (l) => l.limit({ key: "\\u{1F600}".repeat(8193) }),
          receiver: (l) => { const { limit } = l; return limit({ key: "a" }); },
          many: (l) => Promise.all(Array.from({ length: 1001 }, (_, i) => l.limit({ key: "many" + i }))).then(() => "no"),
          whole: (l) => l.limit({ key: "é\\u{1F600}".repeat(5000), delta: 3 }), empty: (l) => l.limit({}),
          lower: async (l) => [await l.limit({ key: "low", limit: 1 }), await l.limit({ key: "low", limit: 1 }), await l.limit({ key: "low", limit: 1.5 })],
          shape: (l) => [Object.prototype.toString.call(l), typeof l.limit, l.constructor.name],
          construct: (l) => new l.constructor(),
          imported: () => imported.LIMITER.limit({ key: "imported" }),
          thousand: (l) => Promise.all(Array.from({ length: 1000 }, (_, i) => l.limit({ key: "t" + i }))).then((all) => all.filter((one) => one.success).length),
        };
        export default { async fetch(request, env, ctx) {
          const name = new URL(request.url).pathname.slice(1);
          if (name === "keep") { kept = env.LIMITER; ctx.waitUntil(kept.limit({ key: "kept" })); return new Response("kept"); }
          try { return Response.json(await cases[name](env.LIMITER)); } catch (e) { return new Response(e.name + ": " + e.message); }
        } };`,
      rate_limits: limiter(2),
    },
  });
  t.after(() => weir.stop());
  const say = async (name) => (await weir.request("hello", `/${name}`)).text;
  const texts = {
    nothing: "Error: invalid rate limit options", text: "Error: invalid rate limit options",
    unknown: "Error: bad rate limit options: [b,c]", number: "Error: invalid key: 7", limit: "Error: limit must be a number: 7",
    period: "Error: unsupported period: 30",
    delta: "TypeError: The value cannot be converted because it is negative and this API expects a positive number.",
    zero: "RangeError: delta must be non-zero", nan: "TypeError: The value cannot be converted because it is not an integer.",
    huge: "TypeError: Value out of range. Must be less than or equal to 4294967295.",
    long: "Error: the key of a rate limit may have at most 32768 bytes",
    wide: "Error: the key of a rate limit may have at most 32768 bytes",
    many: "Error: Too many rate limit calls are open.",
    whole: '{"success":true}', empty: '{"success":true}', imported: '{"success":true}',
    lower: '[{"success":true},{"success":false},{"success":true}]',
    shape: '["[object Ratelimit]","function","Ratelimit"]', construct: "TypeError: Illegal constructor", thousand: "1000", keep: "kept",
  };
  for (const [name, text] of Object.entries(texts)) assert.equal(await say(name), text, name);
  assert.match(await say("receiver"), /^TypeError: Illegal invocation/);
  assert.equal(await say("whole"), '{"success":false}', "the first one counted three");
});

test("wrangler deploys them, in the new form and the old", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const binding = { name: "LIMITER", namespace_id: "1001", simple: { limit: 2, period: 10 } };
  for (const [release, config] of [["wrangler", { ratelimits: [binding] }], ["wrangler-4-86", { unsafe: { bindings: [{ ...binding, type: "ratelimit" }] } }],
    ["wrangler-3", { unsafe: { bindings: [{ ...binding, type: "ratelimit" }] } }]]) {
    const project = await startProject(t, weir, { files: { "src/index.js": code }, config: { name: release, ...config }, release });
    await project.shows("deploy: rate limit bindings", async () => {
      await project.run("deploy");
      const asked = Array.from({ length: 3 }, () => weir.request(release, `/?key=${release}`));
      assert.equal(await successes(asked), 2, release);
      const settings = await callApi(project.environment, "GET", `{A}/workers/scripts/${release}/settings`);
      assert.deepEqual(settings.body.result.bindings, [{ ...binding, type: "ratelimit" }]);
    });
  }
  // Another account counts for itself, in a namespace of the same name.
  await command(weir, "account", "add", "second", "--subdomain", "second");
  const environment = await environmentOfAccount(weir, "second");
  const upload = (metadata) => callApi(environment, "PUT", "{A}/workers/scripts/limited", { body: uploadForm(code, metadata) });
  const uploaded = await upload({ bindings: [{ ...binding, type: "ratelimit" }] });
  assert.equal(uploaded.status, 200, JSON.stringify(uploaded.body));
  const asked = Array.from({ length: 3 }, () => weir.request("", "/?key=wrangler", { host: "limited.second.workers.dev" }));
  assert.equal(await successes(asked), 2);

  for (const [simple, why] of [[{ limit: 2, period: 30 }, "simple"], [{ limit: 0, period: 60 }, "simple"], [{ period: 60 }, "simple"],
    [{ limit: "2", period: 60 }, "simple"], [{ limit: 1.5, period: 60 }, "simple"], [undefined, "simple"], [null, "simple"]]) {
    const { status, body } = await upload({ bindings: [{ name: "L", type: "ratelimit", namespace_id: "1", simple }] });
    assert.equal(status, 400, JSON.stringify(simple));
    assert.equal(body.errors[0].code, 10021);
    assert.match(body.errors[0].message, new RegExp(`^binding L of type ratelimit must have a \`${why}\\.limit\``));
  }
  const unnamed = await upload({ bindings: [{ name: "L", type: "ratelimit", simple: { limit: 1, period: 10 } }] });
  assert.equal(unnamed.body.errors[0].message, "binding L of type ratelimit must have a valid `namespace_id` specified");
});
