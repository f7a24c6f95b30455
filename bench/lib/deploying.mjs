// Deploys of scripts over the management API: one, and a process of its own that deploys at a steady rate, so that what it costs the
// client is not in the way of what measures meanwhile.
import { fork } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { sleep } from "./processes.mjs";

/** Code of about so many bytes, of functions that nobody calls and one that answers with `mark`. */
export function codeOf(bytes, mark) {
  let code = `export default { fetch() { return new Response("${mark}"); } };\n`;
  for (let i = 0; code.length < bytes; i++) code += `export function f${i}(a, b) { const c = a * ${i} + b; return c > 10 ? [c, a] : { a, b, c }; }\n`;
  return code;
}

/** Calls of the API at `environment`, as `weir env --json` gives it: (method, path below the account, body) → the answer. */
export function apiOf(environment) {
  return async (method, path, body) => {
    const response = await fetch(`${environment.CLOUDFLARE_API_BASE_URL}/accounts/${environment.CLOUDFLARE_ACCOUNT_ID}/${path}`,
      { method, body, headers: { authorization: `Bearer ${environment.CLOUDFLARE_API_TOKEN}` } });
    return response.json();
  };
}

/** Resolves with the script as the API describes it. */
export async function deploy(api, name, code) {
  const form = new FormData();
  form.set("metadata", new Blob([JSON.stringify({ main_module: "index.js", compatibility_date: "2026-01-01" })], { type: "application/json" }));
  form.set("index.js", new Blob([code], { type: "application/javascript+module" }), "index.js");
  const response = await api("PUT", `workers/scripts/${name}`, form);
  if (!response.success) throw new Error(`${name} was refused: ${JSON.stringify(response.errors)}`);
  return response.result;
}

/** A process that deploys `name` over and over, each time other code of `bytes`, while it is asked to. */
export function startDeployer(environment, { name, bytes, perSecond }) {
  // A client is another machine's work: here it takes no core from what is measured.
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify({ environment, name, bytes, perSecond })],
    { detached: true, execPath: fileURLToPath(new URL("../../build/bin/bench_background", import.meta.url)), execArgv: [process.execPath] });
  process.once("exit", () => child.kill("SIGKILL"));
  return {
    begin: () => child.send("begin"),
    /** Resolves once the last deploy is answered, with how many there were since `begin`, and in how many ms. */
    async pause() {
      child.send("pause");
      const [said] = await once(child, "message");
      if (said.error) throw new Error(said.error);
      return said;
    },
    end: () => child.disconnect(),
  };
}

function runDeployer({ environment, name, bytes, perSecond }) {
  const api = apiOf(environment);
  let deploying = false;
  let number = 0;
  let round = Promise.resolve({});
  const deployUntilPaused = async () => {
    const from = performance.now();
    let deploys = 0;
    while (deploying) {
      const begun = performance.now();
      await deploy(api, name, codeOf(bytes, `${name}-${number++}`));
      deploys++;
      await sleep(Math.max(0, 1000 / perSecond - (performance.now() - begun)));
    }
    return { deploys, ms: performance.now() - from };
  };
  process.on("message", async (word) => {
    deploying = word === "begin";
    if (deploying) round = deployUntilPaused().catch((error) => ({ error: String(error) }));
    else process.send(await round);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runDeployer(JSON.parse(process.argv[2]));
