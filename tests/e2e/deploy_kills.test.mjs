// weir killed at random moments during two hundred deploys: what it has acknowledged is served by the next one, whole, what it has not
// is there whole or not at all, and its catalog is consistent. WEIR_SEED=n repeats a choice of moments.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";

import { callApi, environmentOf, startProject, uploadForm } from "./wrangler.mjs";
import { randomOf } from "./random.mjs";
import { startWeir } from "./weir.mjs";

const kDeploys = 200;
const kByWrangler = 4;
const kCycle = 10; // deploys before weir is killed, and while it is
const kAtOnce = 3;
const kKillWithinMs = 60; // after the last answer that was waited for
const scripts = Array.from({ length: 7 }, (_, i) => `script-${i}`);

/** What is wrong with the catalog as the kill left it. Looks at a copy: what weir makes of the original is weir's. */
function wrongIn(catalog) {
  const folder = mkdtempSync(join(tmpdir(), "weir-catalog-"));
  try {
    for (const end of ["", "-wal"]) if (existsSync(catalog + end)) copyFileSync(catalog + end, join(folder, `catalog.db${end}`));
    const db = new DatabaseSync(join(folder, "catalog.db"));
    const wrong = db.prepare("PRAGMA integrity_check").all().map((row) => row.integrity_check).filter((text) => text !== "ok");
    const none = (what, query) => wrong.push(...db.prepare(query).all().map((row) => `${what}: ${JSON.stringify(row)}`));
    none("a reference to nothing", "PRAGMA foreign_key_check");
    none("a version without modules", "SELECT id FROM versions WHERE NOT EXISTS (SELECT 1 FROM version_modules WHERE version = number)");
    none("a version with a module missing", "SELECT version, count(*) AS n, max(position) AS last FROM version_modules GROUP BY version HAVING n <> last + 1");
    none("a script without a deployment", "SELECT name FROM scripts WHERE NOT EXISTS (SELECT 1 FROM deployments WHERE script = scripts.id)");
    none("shares that are no whole", "SELECT deployment, sum(share) AS whole FROM deployment_versions GROUP BY deployment HAVING whole <> 10000");
    none("a deployment of nothing", "SELECT id FROM deployments WHERE NOT EXISTS (SELECT 1 FROM deployment_versions WHERE deployment = number)");
    none("another script's version", "SELECT d.id FROM deployments d JOIN deployment_versions s ON s.deployment = d.number JOIN versions v ON v.number = s.version WHERE v.script <> d.script");
    none("a module that no version has", "SELECT id FROM blobs WHERE id NOT IN (SELECT blob FROM version_modules UNION SELECT blob FROM version_artifacts)");
    let blobs = 0;
    for (const { id, hash, content } of db.prepare("SELECT id, hash, content FROM blobs").iterate()) {
      ++blobs;
      if (!createHash("sha256").update(content).digest().equals(Buffer.from(hash))) wrong.push(`the content of blob ${id} has another hash`);
    }
    const versions = db.prepare("SELECT count(*) AS n FROM versions").get().n;
    db.close();
    return { wrong, blobs, versions };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Two modules that say the same number, and one that all versions share. */
const modulesOf = (number) => ({
  "index.js": `import { part } from "./part.js"; import { same } from "./same.js";
export default { fetch() { return new Response(same + "${number} " + part); } };`,
  "part.js": `export const part = "${number}";`,
  "same.js": `export const same = "number ";`,
});

/** Deploys; true once it is acknowledged, false when weir has gone meanwhile. `inTwo`: a version, and then its deployment. */
async function deploy(environment, script, number, inTwo) {
  const path = `{A}/workers/scripts/${script}`;
  const call = async (method, where, body) => {
    const answer = await callApi(environment, method, where, { body });
    assert.equal(answer.body.success, true, JSON.stringify(answer.body));
    return answer.body.result;
  };
  try {
    if (!inTwo) {
      await call("PUT", path, uploadForm(modulesOf(number)));
    } else {
      const { id } = await call("POST", `${path}/versions`, uploadForm(modulesOf(number)));
      await call("POST", `${path}/deployments`, { strategy: "percentage", versions: [{ version_id: id, percentage: 100 }] });
    }
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return false;
  }
}

test("a kill at any moment of two hundred deploys loses nothing that was acknowledged", { timeout: 280_000 }, async (t) => {
  const seed = Number(process.env.WEIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`WEIR_SEED=${seed}`);
  const random = randomOf(seed);
  const pick = (count) => Math.floor(random() * count);
  let weir = await startWeir({});
  t.after(() => weir.kill());
  const acknowledged = new Map(); // script → the highest number
  const attempted = new Map();    // script → every number since then
  const note = (script, number, done) => {
    if (!attempted.has(script)) attempted.set(script, new Set());
    attempted.get(script).add(number);
    if (done) acknowledged.set(script, number);
  };
  let kills = 0;
  let lost = 0;

  /** Kills weir, looks at what it leaves, starts it again and asks every script. */
  async function killAndLook() {
    await weir.kill();
    ++kills;
    const { wrong } = wrongIn(join(weir.folder, "data/catalog.db"));
    assert.deepEqual(wrong, [], `WEIR_SEED=${seed}, kill ${kills}`);
    weir = await startWeir({}, { folder: weir.folder });
    for (const [script, numbers] of attempted) {
      const { status, text } = await weir.request(script);
      const last = acknowledged.get(script);
      if (last === undefined && status === 404) continue;
      const [, whole, part] = /^number (\d+) (\d+)$/.exec(text) ?? assert.fail(`${script} answers ${status} ${text}: WEIR_SEED=${seed}, kill ${kills}`);
      assert.equal(whole, part, "modules of one version");
      assert.ok(numbers.has(Number(whole)), `${script} serves ${whole}`);
      assert.ok(last === undefined || Number(whole) >= last, `${script} serves ${whole}, and ${last} was acknowledged: WEIR_SEED=${seed}, kill ${kills}`);
      // What is served now is what counts from here on.
      acknowledged.set(script, Number(whole));
      attempted.set(script, new Set([Number(whole)]));
    }
  }

  let number = 0;
  while (number < kDeploys - kByWrangler) {
    const environment = await environmentOf(weir);
    const last = Math.min(number + kCycle, kDeploys - kByWrangler);
    const killAfter = number + pick(last - number - kAtOnce) + 1; // of this cycle's answers; the others are on their way or not begun
    let answers = number;
    let killed = false;
    let enough;
    const reached = new Promise((done) => (enough = done));
    const free = [...scripts];
    const worker = async () => {
      while (!killed && number < last) {
        const mine = ++number;
        const [script] = free.splice(pick(free.length), 1); // each at once by one
        note(script, mine, false);
        if (await deploy(environment, script, mine, acknowledged.has(script) && pick(4) === 0)) note(script, mine, true);
        else ++lost;
        free.push(script);
        if (++answers >= killAfter) enough();
      }
    };
    const workers = Array.from({ length: kAtOnce }, worker);
    await reached;
    await new Promise((done) => setTimeout(done, random() * kKillWithinMs));
    killed = true;
    await Promise.all([killAndLook(), ...workers]);
  }
  assert.equal(number, kDeploys - kByWrangler);

  const files = (of) => Object.fromEntries(Object.entries(modulesOf(of)).map(([name, text]) => [`src/${name}`, text]));
  for (let i = 0; i < kByWrangler; ++i) {
    ++number;
    const project = await startProject(t, weir, { files: files(number), config: { name: scripts[0] } });
    note(scripts[0], number, false);
    const run = project.tryRun("deploy");
    // Its first half is bundling; after that it talks to weir.
    await Promise.race([run, new Promise((done) => setTimeout(done, 500 + random() * 1000))]);
    const killing = weir.kill();
    if ((await run).code === 0) note(scripts[0], number, true);
    await killing;
    await killAndLook();
  }
  assert.equal(number, kDeploys);
  assert.ok(kills >= 20, `${kills} kills`);
  assert.ok(lost > 0, "no kill has hit a deploy");
  t.diagnostic(`${kills} kills, ${lost} deploys without an answer`);

  // Modules go with the last version that has them.
  const environment = await environmentOf(weir);
  for (const script of attempted.keys()) {
    assert.equal((await callApi(environment, "DELETE", `{A}/workers/scripts/${script}`)).body.success, true);
  }
  await weir.kill();
  assert.deepEqual(wrongIn(join(weir.folder, "data/catalog.db")), { wrong: [], blobs: 0, versions: 0 });
  rmSync(weir.folder, { recursive: true, force: true });
});
