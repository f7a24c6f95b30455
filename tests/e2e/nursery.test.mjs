// Engines that check uploads are copies of one process that is up: each held in like an engine that was started, and none of
// them, nor the end of that process, costs an upload its verdict.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { enginesOf, processOf, until } from "./processes.mjs";
import { startWeir } from "./weir.mjs";
import { callApi, environmentOf, uploadForm } from "./wrangler.mjs";

const kHandler = "export default { fetch() { return new Response('up'); } };";
const kSpins = `let n = 0; for (;;) n = (n * 31 + 7) | 0; ${kHandler}`;
const kCpu = /^Script startup exceeded CPU time limit\.$/m;
const kReplaced = /^weir: the nursery of engines that check uploads is replaced: /gm;

const status = (pid, name) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];

test("engines made by a nursery", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  let uploads = 0;
  const upload = async (code, script = "up") => {
    const { body } = await callApi(environment, "PUT", `{A}/workers/scripts/${script}`, { body: uploadForm(`// ${++uploads}\n${code}`) });
    return body;
  };
  const nursery = () => enginesOf(weir.pid, "nursery")[0]?.pid;
  const checking = () => until("the engine of a check", () => enginesOf(nursery() ?? 0, "check")[0]?.pid);
  const passes = async () => assert.equal((await upload(kHandler)).success, true);
  await passes();
  assert.ok(nursery());

  await t.test("is no part of what was made: its memory, but no way to it", async () => {
    const verdict = upload(kSpins);
    const pid = await checking();
    // Locked down, and V8's work beside the script is done: what is hot is compiled by a thread of its own.
    await until("its lock-down", () => status(pid, "Seccomp") === "2");
    await until("its threads", () => readdirSync(`/proc/${pid}/task`).length >= 3);
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.equal(status(thread, set), "0".repeat(16), set);
      assert.deepEqual([status(thread, "NoNewPrivs"), status(thread, "Seccomp")], ["1", "2"]);
    }
    assert.match(status(pid, "NSpid"), /\b1$/);
    assert.equal(status(pid, "NSpid").split(/\s+/).length, status(nursery(), "NSpid").split(/\s+/).length + 1);
    const namespace = (of, name) => readlinkSync(`/proc/${of}/ns/${name}`);
    for (const name of ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"]) {
      assert.notEqual(namespace(pid, name), namespace("self", name), name);
    }
    assert.notEqual(namespace(pid, "pid"), namespace(nursery(), "pid"));
    assert.deepEqual(readdirSync(`/proc/${pid}/root`), []);
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (Number(fd) > 3) assert.match(target, /^anon_inode:\[eventfd\]$|^\/memfd:/, fd);
      else if (Number(fd) > 0) assert.notEqual(target, readlinkSync(`/proc/${nursery()}/fd/${fd}`), fd);
    }
    assert.match((await verdict).errors[0].message, kCpu);
  });

  await t.test("a script is refused for what it did", async () => {
    assert.match((await upload(`const kept = []; for (;;) kept.push(new Array(100_000).fill(kept.length)); ${kHandler}`)).errors[0].message,
      /^Script startup exceeded memory limits\.$/m);
    // V8 does not come back from this, or aborts.
    assert.match((await upload(`new Array(2 ** 27).fill(0).map((x) => ({})); ${kHandler}`)).errors[0].message,
      /^Script startup exceeded (CPU time limit|memory limits)\.$/m);
    assert.match((await upload(`throw new TypeError("no"); ${kHandler}`)).errors[0].message, /^Uncaught TypeError: no$/m);
    const before = nursery();
    await passes();
    assert.equal(nursery(), before);
  });

  await t.test("uploads at the same time each get their own", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, (_, i) => upload(kHandler, `up-${i}`)));
    assert.deepEqual(all.map(({ success }) => success), Array(6).fill(true));
  });

  await t.test("an engine that is killed from outside costs nothing but time", async () => {
    const verdict = upload(kSpins);
    process.kill(await checking(), "SIGKILL");
    assert.match((await verdict).errors[0].message, kCpu);
    assert.equal(weir.output().match(kReplaced), null);
  });

  await t.test("the nursery killed between checks is replaced", async () => {
    const before = nursery();
    process.kill(before, "SIGKILL");
    await passes();
    await until("another", () => nursery() && nursery() !== before);
    assert.equal(weir.output().match(kReplaced).length, 1);
    await passes();
  });

  await t.test("the nursery killed during a check takes the engine with it, and the version is checked all the same", async () => {
    const verdict = upload(kSpins);
    const pid = await checking();
    process.kill(nursery(), "SIGKILL");
    await until("the engine's end", () => (processOf(pid)?.state ?? "Z") === "Z");
    assert.match((await verdict).errors[0].message, kCpu);
    await passes();
    assert.equal(weir.output().match(kReplaced).length, 2);
  });

  await t.test("the images are used", async () => {
    assert.equal((await weir.request("up")).text, "up");
    const folder = join(weir.folder, "data/versions");
    const records = readdirSync(folder).filter((file) => file.endsWith(".json")).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")));
    assert.ok(records.length > 5);
    assert.deepEqual([...new Set(records.map(({ startsFrom }) => startsFrom))], ["snapshot"]);
    assert.doesNotMatch(weir.output(), /engine [^]*ended/);
  });
});

test("where no nursery can be, an upload is checked in an engine that was started for it", async (t) => {
  // A user namespace in which the two engines that serve leave one pid namespace over.
  const under = ["unshare", "-Ur", "sh", "-c", 'echo 3 > /proc/sys/user/max_pid_namespaces && exec "$0" "$@"'];
  if (spawnSync(under[0], [...under.slice(1), "true"]).status !== 0) return t.skip("no user namespace to be had");
  const weir = await startWeir({}, { flags: ["--engines", "2"], under });
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  for (const script of ["a", "b", "c"]) {
    const { body } = await callApi(environment, "PUT", `{A}/workers/scripts/${script}`, { body: uploadForm(kHandler) });
    assert.equal(body.success, true, JSON.stringify(body));
  }
  await until("an engine for the next check", () => enginesOf(weir.pid, "check").length > 0);
  assert.equal(weir.output().match(/^weir: uploads are checked in engines started one by one: /gm).length, 1);
});
