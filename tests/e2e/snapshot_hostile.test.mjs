// The engine of a check is taken over by the script it runs: whatever it says, it costs that script and nobody else.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, startWeir } from "./weir.mjs";
import { callApi, environmentOf, uploadForm } from "./wrangler.mjs";

const broke = /^Uncaught Error: internal error: the engine that ran the script broke its protocol$/m;
const words = {
  nonsense: broke, cut: broke, early: broke, twice: broke, turned: broke, handlers: broke, nohandlers: broke, blobless: broke,
  unasked: broke, unsealed: broke, huge: broke, many: broke, deaf: broke,
  segv: /^Uncaught Error: internal error: the engine that ran the script killed by SIGSEGV$/m,
  exit: /^Uncaught Error: internal error: the engine that ran the script exited with status 7$/m,
  text: /^red \?\[31m \ufffd$/m,
};

test("a heap that ends the engine which would write it costs the version its heap, not its start", async () => {
  const weir = await startWeir({ heap: { code: "// rogue:heap;" } }, { flags: ["--engine-dir", join(root, "build/rogue")] });
  await weir.checked(1);
  const folder = join(weir.folder, "data/versions");
  const records = readdirSync(folder).filter((file) => file.endsWith(".json")).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")));
  assert.deepEqual(records.map(({ script, startsFrom, reason }) => [script, startsFrom, reason]),
    [["heap", "codeCache", "V8 aborts on the top-level scope where the heap would be written"]]);
  assert.match((await weir.request("heap")).text, /^engine /);
  const { exit } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
});

test("an engine of a check that lies is killed, and its version refused", async () => {
  const scripts = { good: { code: "// rogue:good;" } };
  for (const word of Object.keys(words)) scripts[word] = { code: `// rogue:${word};` };
  const weir = await startWeir(scripts, { flags: ["--engine-dir", join(root, "build/rogue")] });
  await weir.checked(Object.keys(scripts).length);
  const said = weir.output().split(/^weir: /m);
  let refused = 0;
  for (const [word, message] of Object.entries(words)) {
    const prefix = `script ${word} does not start: `;
    const lines = said.filter((one) => one.startsWith(prefix));
    assert.equal(lines.length, 1, `${word}:\n${weir.output()}`);
    assert.match(lines[0].slice(prefix.length).trimEnd(), message, word);
    assert.equal((await weir.request(word)).status, 500, word);
    refused++;
  }
  assert.equal(refused, 16);
  assert.match((await weir.request("good")).text, /^engine /);
  const files = readdirSync(join(weir.folder, "data/versions")).filter((file) => file.endsWith(".json"));
  assert.equal(files.length, 1, "a version that was refused has a record");
  assert.equal(JSON.parse(readFileSync(join(weir.folder, "data/versions", files[0]), "utf8")).script, "good");
  const { exit } = await weir.stop();
  assert.deepEqual(exit, { code: 0, signal: null });
});

test("a nursery that lies about the engines it has made is ended, and the upload checked without it", async (t) => {
  const weir = await startWeir({}, { flags: ["--engine-dir", join(root, "build/rogue")] });
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const { body } = await callApi(environment, "PUT", "{A}/workers/scripts/up", { body: uploadForm("// rogue:good;") });
  assert.equal(body.success, true, JSON.stringify(body));
  assert.match(weir.output(), /^weir: the nursery of engines that check uploads is replaced: it broke its protocol$/m);
});
