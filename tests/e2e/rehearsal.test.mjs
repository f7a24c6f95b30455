// Before the heap of a version is written, its script is asked one request in an isolate that is thrown away: what that
// compiles is in the image, and nothing else of it is anywhere.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

const kFunctions = 2000;
// Code that no request calls, and that works when one does.
const bulk = `const all = [${Array.from({ length: kFunctions }, (_, i) =>
  `function (a, b) { const c = [a + ${i}, b * ${i}, { a, b }]; for (const d of c) if (d === b) return "" + d; return c.length + a + ${i}; }`)}];`;
const answering = (root) => `${bulk} let n = 0;
  export default { async fetch(request) {
    ++n;
    if (new URL(request.url).pathname === "/") { ${root} }
    let sum = 0;
    for (const f of all) sum += Number(f(1, 2));
    return Response.json([n, sum]);
  } };`;

const scripts = {
  answers: { code: answering(`return new Response("root");`) },
  redirects: { code: answering(`return Response.redirect("https://elsewhere.example/");`) },
  streams: {
    code: answering(`return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 16)); } }));`),
  },
  asks: { code: answering(`const got = await fetch("https://upstream.invalid/"); console.log("asked"); return new Response(got.body);`) },
  refuses: { code: answering(`return new Response("no", { status: 404 });`) },
  throws: { code: answering(`throw new Error("at the root");`) },
  never: { code: answering(`await new Promise(() => {});`) },
  spins: { code: answering(`for (;;);`) },
  grows: { code: answering(`const kept = []; for (;;) kept.push(new Array(1000).fill(n));`) },
  hangs: { code: answering(`return new Response("x".repeat(5e8).split("").length);`) },
  worker: {
    code: `${bulk} addEventListener("fetch", (event) => event.respondWith(new Response(String(all[0](1, 2)))));`,
  },
  cron: { code: `${bulk} export default { scheduled(controller, env, context) { context.waitUntil(Promise.resolve(all[0](1, 2))); } };` },
};

test("what one request compiles is in the image of a version, and nothing else of that request is anywhere", async () => {
  const weir = await startWeir(scripts, { flags: ["--engines", "1"] });
  const names = Object.keys(scripts);
  await weir.checked(names.length);
  const folder = join(weir.folder, "data/versions");
  const images = {};
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const record = JSON.parse(readFileSync(join(folder, file), "utf8"));
    assert.equal(record.startsFrom, "snapshot", `${record.script}: ${record.reason}`);
    images[record.script] = statSync(join(folder, file.replace(".json", ".image"))).size;
  }
  // A third of what an image with all of it compiled takes is that code.
  for (const name of ["answers", "redirects", "streams", "asks", "worker", "cron"]) {
    assert.ok(images[name] < images.refuses * 0.75, `${name} ${images[name]}, everything ${images.refuses}`);
  }
  for (const name of ["throws", "never", "spins", "grows", "hangs"]) {
    assert.ok(images[name] > images.refuses * 0.9, `${name} ${images[name]}, everything ${images.refuses}`);
  }
  const sums = new Set();
  for (const name of names.filter((name) => name !== "worker" && name !== "cron")) {
    const { status, text } = await weir.request(name, "/all");
    assert.equal(status, 200, `${name}: ${text}\n${weir.output()}`);
    const [n, sum] = JSON.parse(text);
    assert.equal(n, 1, `${name} remembers a request that nobody sent`);
    sums.add(sum);
  }
  assert.equal(sums.size, 1);
  assert.equal((await weir.request("worker")).status, 200);
  const { traces } = await weir.stop();
  assert.equal(traces.length, names.length - 1, "an invocation that nobody asked for has left a trace");
});
