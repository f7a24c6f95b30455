// What deploying costs, measured over the management API of one weir: make build, then scripts/node bench/deploy.mjs
//
// Each figure stands beside its goal. A deploy is a PUT of a script; it counts until the first answer that the new version
// gives. Many scripts are rows copied in the catalog of a weir that is stopped: checking thousands would measure V8.
import { performance } from "node:perf_hooks";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import http from "node:http";
import { codeOf, deploy, startDeployer } from "./lib/deploying.mjs";
import { end, residentMb, sleep } from "./lib/processes.mjs";
import { root, startDeployable } from "./lib/servers.mjs";
import { median } from "./lib/statistics.mjs";

const kManyScripts = 10_000;
const kDeploys = 20;
const kDeploysPerSecond = 20;
const kTurns = 8;
const kTurnMs = 1500;
const kBetweenMs = 400;  // deploys; an engine for the next check stands ready by then, as it does when people deploy

const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
const rows = [];
function row(what, value, unit, goal) {
  rows.push({ what, value, unit, goal });
  const verdict = goal === undefined ? "" : value <= goal ? "met" : "not met";
  console.log(`${what.padEnd(78)} ${value.toFixed(unit === "×" ? 2 : 1).padStart(8)} ${unit.padEnd(3)} ${goal === undefined ? "" : `≤ ${goal} ${unit}`.padEnd(10)} ${verdict}`);
}

const agent = new http.Agent({ keepAlive: true });
function ask({ port, host }, path = "/") {
  return new Promise((found, failed) => {
    http.get({ port, host: "127.0.0.1", path, agent, headers: { host } }, (response) => {
      let text = "";
      response.on("data", (part) => (text += part));
      response.on("end", () => found({ status: response.statusCode, text }));
    }).on("error", failed);
  });
}

async function deployTimes(weir, name, bytes, count) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const mark = `${name}-${i}`;
    const code = codeOf(bytes, mark);
    await sleep(kBetweenMs);
    const from = performance.now();
    const { startup_time_ms: own } = await deploy(weir.api, name, code);
    const answer = await ask(weir.at(name));
    const took = performance.now() - from;
    if (answer.text !== mark) throw new Error(`after deploy ${i} ${name} answers ${answer.status} ${answer.text}`);
    times.push(took - own);
  }
  return times;
}

/** Latencies of one request after the other for so long, in ms. */
async function latencies(target, ms) {
  const all = [];
  const until = performance.now() + ms;
  while (performance.now() < until) {
    const from = performance.now();
    const { status } = await ask(target);
    if (status !== 200) throw new Error(`status ${status}`);
    all.push(performance.now() - from);
    await sleep(1);
  }
  return all;
}

/** Copies of a deployed script in a catalog that nobody serves. */
function copyScript(catalog, name, count) {
  const db = new DatabaseSync(catalog);
  const columns = (table, without) => db.prepare(`SELECT name FROM pragma_table_info('${table}')`).all().map((one) => one.name)
    .filter((one) => !without.includes(one)).map((one) => `"${one}"`).join(", ");
  const script = db.prepare("SELECT id FROM scripts WHERE name = ?").get(name).id;
  const version = db.prepare("SELECT number FROM versions WHERE script = ? ORDER BY number DESC").get(script).number;
  const deployment = db.prepare("SELECT number FROM deployments WHERE script = ? ORDER BY number DESC").get(script).number;
  const copy = (table, key, fresh, from) => db.prepare(`INSERT INTO ${table} (${Object.keys(fresh).join(", ")}${key ? "" : ""}, ` +
    `${columns(table, [key, ...Object.keys(fresh)])}) SELECT ${Object.values(fresh).join(", ")}, ${columns(table, [key, ...Object.keys(fresh)])} FROM ${table} WHERE ${from}`);
  const scripts = copy("scripts", "id", { name: "?" }, `id = ${script}`);
  const stride = "(SELECT max(number) / 2 * 2 + 2 FROM versions)";
  const versions = copy("versions", "number", { number: stride, id: "?", script: "?" }, `number = ${version}`);
  const modules = copy("version_modules", "version", { version: "?" }, `version = ${version}`);
  const deployments = copy("deployments", "number", { id: "?", script: "?" }, `number = ${deployment}`);
  const shares = copy("deployment_versions", "deployment", { deployment: "?", version: "?" }, `deployment = ${deployment}`);
  db.exec("BEGIN");
  for (let i = 0; i < count; i++) {
    const newScript = scripts.run(`${name}-${i}`).lastInsertRowid;
    const newVersion = versions.run(crypto.randomUUID(), newScript).lastInsertRowid;
    modules.run(newVersion);
    const newDeployment = deployments.run(crypto.randomUUID(), newScript).lastInsertRowid;
    shares.run(newDeployment, newVersion);
  }
  db.exec("COMMIT");
  db.close();
}

let weir = await startDeployable();
await deployTimes(weir, "warm", 10_000, 3);
row("10 KB script: API call to first response, less its own start, median", median(await deployTimes(weir, "small", 10_000, kDeploys)), "ms", 50);
row("1 MB script: the same", median(await deployTimes(weir, "large", 1_000_000, kDeploys / 2)), "ms", 300);

// In turns, without deploys and with them, so that a busy machine hurts both alike.
const quiet = [];
const busy = [];
let deploys = 0;
let deployingMs = 0;
const deployer = startDeployer(weir.environment, { name: "often", bytes: 10_000, perSecond: kDeploysPerSecond });
for (let turn = 0; turn < kTurns; turn++) {
  quiet.push(...await latencies(weir.at("small"), kTurnMs));
  deployer.begin();
  busy.push(...await latencies(weir.at("small"), kTurnMs));
  const done = await deployer.pause();
  deploys += done.deploys;
  deployingMs += done.ms;
  await sleep(kBetweenMs);
}
deployer.end();
row("another script's requests: p99 without deploys", percentile(quiet, 0.99), "ms");
row(`… with ${(deploys / deployingMs * 1000).toFixed(0)} deploys a second`, percentile(busy, 0.99), "ms");
row("… the second by the first", percentile(busy, 0.99) / percentile(quiet, 0.99), "×", 1.2);

const few = residentMb(weir.pid);
await end(weir.child);
copyScript(join(weir.data, "catalog.db"), "small", kManyScripts);
weir = await startDeployable({ folder: weir.folder });
row(`start with ${kManyScripts} scripts until it listens`, weir.startMs, "ms", 1000);
await sleep(1000);
row(`resident memory of weir with them, less without`, residentMb(weir.pid) - few, "MB", 60);
row("first response of one of them", await (async () => {
  const from = performance.now();
  const answer = await ask(weir.at(`small-${kManyScripts - 1}`));
  if (answer.text !== `small-${kDeploys - 1}`) throw new Error(`it answers ${answer.status} ${answer.text}`);
  return performance.now() - from;
})(), "ms");
const lists = [];
for (let i = 0; i < 9; i++) {
  const from = performance.now();
  const { result } = await weir.api("GET", "workers/scripts");
  lists.push(performance.now() - from);
  if (result.length < kManyScripts) throw new Error(`the list has ${result.length} scripts`);
}
row(`list of ${kManyScripts} scripts, median`, median(lists), "ms", 50);
await end(weir.child);
process.exit(0);
