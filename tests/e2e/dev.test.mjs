// weir dev: one script, reloaded when any of its files is saved; what fails to start does not replace what works.
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startWeir } from "./weir.mjs";

test("weir dev", async (t) => {
  const index = (text) => `import { word } from "./word.js"; export default { fetch() { console.log("asked"); return new Response("${text} " + word); } };`;
  const weir = await startWeir({ one: { code: index("first"), files: { "word.js": `export const word = "a";` } } }, { dev: "one", flags: ["--engines", "1"] });
  const file = (name) => join(weir.folder, "one", name);
  const save = (name, text) => {  // as editors do
    writeFileSync(file(`.${name}.new`), text);
    renameSync(file(`.${name}.new`), file(name));
  };
  const answer = async () => (await weir.request("any")).text;

  assert.equal(await answer(), "first a");
  await t.test("another module is saved", async () => {
    save("word.js", `export const word = "b";`);
    await weir.said(/reloaded .*index\.js/);
    assert.equal(await answer(), "first b");
  });
  await t.test("what does not parse is named, and the old version serves on", async () => {
    save("index.js", `export default { fetch() { return new Response("broken" } };`);
    await weir.said(/SyntaxError/);
    assert.match(weir.output(), /index\.js:1:\d+/);
    assert.equal(await answer(), "first b");
  });
  await t.test("logs are on the terminal", () => assert.match(weir.output(), /asked/));
  const { exit } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
});
