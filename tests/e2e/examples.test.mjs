// The examples of docs/errors do what they say in their first lines; every page leads to examples that exist.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, startWeir } from "./weir.mjs";

const folder = join(root, "examples/errors");
const files = readdirSync(folder).filter((file) => file.endsWith(".js"));

test("examples/errors", async (t) => {
  const weir = await startWeir({}, { config: join(folder, "weir.toml"), outbound: [] });
  for (const file of files) {
    await t.test(file, async () => {
      const says = /^\/\/ Answers: (\d+), error code: (\d+)$/m.exec(readFileSync(join(folder, file), "utf8"));
      assert.ok(says, "the example does not say what it answers");
      const response = await weir.request("e" + file.slice(0, -3));
      assert.equal(response.status, Number(says[1]));
      assert.equal(response.text, `error code: ${says[2]}\n`);
    });
  }
  await weir.stop();
  assert.ok(files.length >= 9);
});

test("docs/errors", () => {
  const pages = readdirSync(join(root, "docs/errors")).filter((file) => /^\d+\.md$/.test(file));
  const index = readFileSync(join(root, "docs/errors/README.md"), "utf8");
  let links = 0;
  for (const page of pages) {
    assert.ok(index.includes(`(${page})`), `${page} is not in the index`);
    for (const [, target] of readFileSync(join(root, "docs/errors", page), "utf8").matchAll(/\]\((\.\.\/[^)]+)\)/g)) {
      assert.ok(files.includes(target.split("/").at(-1)), `${page}: ${target}`);
      links++;
    }
  }
  assert.equal(links, files.length, "every example belongs to a page");
});
