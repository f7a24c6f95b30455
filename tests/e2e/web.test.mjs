// The web API's worker-side tests, run by the real engine: each file of tests/js is bundled, served and asked.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { root, startWeir } from "./weir.mjs";

const folder = join(root, "tests/js");
const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".test.js")).sort();

test("web APIs in the real engine", async (t) => {
  const scripts = {};
  const written = {};
  for (const file of files) {
    const name = basename(file, ".test.js");
    const bundle = await build({ entryPoints: [join(folder, file)], bundle: true, write: false, format: "esm", logLevel: "error", external: ["node:*"] });
    scripts[name] = { code: bundle.outputFiles[0].text, flags: ["global_fetch_strictly_public", "nodejs_als"] };  // they ask themselves
    written[name] = readFileSync(join(folder, file), "utf8").match(/^test\(/gm).length;
  }
  assert.equal(Object.keys(scripts).length, files.length, "two files of one name");
  const weir = await startWeir(scripts);
  let cases = 0;
  for (const name of Object.keys(scripts)) {
    await t.test(name, async () => {
      const response = await weir.request(name);
      assert.equal(response.status, 200, response.text);
      const result = JSON.parse(response.text);
      assert.deepEqual(result.failed, []);
      assert.equal(result.passed, written[name], "every case that is written runs");
      cases += result.passed;
    });
  }
  const { exit } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
  console.log(`web: ${cases} cases in ${files.length} files`);
  assert.ok(cases >= 100);
});
