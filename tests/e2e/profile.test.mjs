// A start that takes too long leaves a CPU profile that developer tools open.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, root, startWeir } from "./weir.mjs";
import { until } from "./processes.mjs";
import { callApi, releases, startProject } from "./wrangler.mjs";

const kHandler = "export default { fetch() { return new Response(); } };";

test("the start-up profile of a script", async (t) => {
  const weir = await startWeir({
    slow: { code: `function tableOfNumbers() {\n  let n = 0;\n  for (;;) n = (n * 31 + 7) | 0;\n}\ntableOfNumbers();\n${kHandler}` },
    throws: { code: `throw new Error("no");\n${kHandler}` },
    fine: { code: kHandler },
  });
  t.after(() => weir.stop());
  await weir.said(/script slow does not start: Script startup exceeded CPU time limit\.[^]*weir profile slow --startup/);
  await weir.said(/script throws does not start/);
  const profile = (...args) => spawnSync(join(root, "build/weir"), ["profile", "--startup", "--data", join(weir.folder, "data"), ...args],
    { encoding: "utf8", cwd: weir.folder });

  await t.test("is where the time went", () => {
    const { status, stdout, stderr } = profile("slow");
    assert.deepEqual([status, stdout, stderr], [0, "slow-startup.cpuprofile\n", ""]);
    const { nodes, samples, timeDeltas, startTime, endTime } = JSON.parse(readFileSync(join(weir.folder, "slow-startup.cpuprofile"), "utf8"));
    assert.equal(samples.length, timeDeltas.length);
    assert.ok(endTime > startTime);
    const hottest = new Map();
    for (const id of samples) hottest.set(id, (hottest.get(id) ?? 0) + 1);
    const [id] = [...hottest].sort((a, b) => b[1] - a[1])[0];
    const { callFrame } = nodes.find((node) => node.id === id);
    assert.equal(callFrame.functionName, "tableOfNumbers");
    assert.match(callFrame.url, /index\.js$/);
    assert.equal(callFrame.lineNumber, 0);
  });
  await t.test("can go to standard output", () => {
    const { status, stdout } = profile("slow", "--output", "-");
    assert.equal(status, 0);
    assert.ok(JSON.parse(stdout).nodes.length > 1);
  });
  await t.test("is not there for a script that fails otherwise, or does not", () => {
    for (const name of ["throws", "fine", "nobody", "../slow"]) {
      const { status, stderr } = profile(name);
      assert.equal(status, 1, name);
      assert.match(stderr, /^weir: there is no start-up profile of [^\n]*\n$/);
    }
  });
  await t.test("needs somewhere to go", () => {
    const { status, stderr } = profile("slow", "--output", join(weir.folder, "no/such/folder"));
    assert.equal(status, 2);
    assert.match(stderr, /^weir: cannot write [^\n]*--output\n$/);
  });
});

test("a deploy that takes too long to start says where its profile is", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: { "src/index.js": `function slowly() { for (;;); }\nslowly();\n${kHandler}` } });
  const { code, text } = await project.tryRun("deploy");
  assert.equal(code, 1);
  assert.match(text, /Script startup exceeded CPU time limit\./);
  const url = /Its CPU profile: weir profile hello --startup, or (http:\S+)/.exec(text)[1];
  const authorization = `Bearer ${project.environment.CLOUDFLARE_API_TOKEN}`;
  const profile = await (await fetch(url, { headers: { authorization } })).json();
  assert.ok(profile.nodes.some((node) => node.callFrame.functionName === "slowly"));
  assert.equal((await fetch(url)).status, 400);
  assert.equal((await fetch(url.replace("/hello/", "/other/"), { headers: { authorization } })).status, 404);
});

for (const release of releases) {
  test(`${release}: a start that takes too long and ends`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    await command(weir, "account", "set", "local", "--limit", "startup_cpu_ms=50");
    const project = await startProject(t, weir, { release, files: {
      "src/index.js": `let n = 0;\nfunction slowly() { for (let i = 0; i < 3e8; ++i) n = (n * 31 + i) | 0; }\nslowly();\n${kHandler}` } });
    const { code, text } = await project.tryRun("deploy");
    assert.equal(code, 1);
    assert.match(text, /exceeded startup limits[^]*Script startup exceeded CPU time limit\.[^]*weir profile hello --startup, or http:/);
    assert.match(text, /A CPU Profile of your Worker's startup phase has been written/, "the release has run it to its end");
  });
}

// These releases run the script themselves before they show the error, and wait for it: for ever, here.
for (const release of releases.slice(1)) {
  test(`${release}: the profile of a start without end is there before the release shows anything`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { release, files: { "src/index.js": `function slowly() { for (;;); }\nslowly();\n${kHandler}` } });
    const path = "{A}/workers/scripts/hello/startup-profile";
    const found = until("the profile", async () => (await callApi(project.environment, "GET", path)).status === 200, 60_000);
    const deploy = project.tryRunWith({ endWhen: found }, "deploy");
    await found;
    const { stdout } = await command(weir, "profile", "hello", "--startup", "--output", "-");
    assert.ok(JSON.parse(stdout).nodes.some((node) => node.callFrame.functionName === "slowly"));
    await deploy;
  });
}
