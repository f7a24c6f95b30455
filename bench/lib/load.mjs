// bench_load, the load generator (bench/load/).
import { once } from "node:events";
import { join } from "node:path";
import { start } from "./processes.mjs";
import { root } from "./servers.mjs";

/**
 * Sends requests to one script of a server and resolves with what bench_load prints. Throws when an answer was wrong or,
 * unless `mayStall`, when not all came. `under` is a command that runs bench_load; its standard error comes back as `said`.
 */
export async function load(server, script, { requests, warmup = 0, connections = 32, path = "/", method = "GET", body,
  expectBytes = 0, pauseUs = 0, timeMaxMs = 60_000, mayStall = false, under = [] }) {
  const { port, host } = server.at(script);
  const pids = server.pids();
  const command = [...under, join(root, "build/bin/bench_load"), "--port", port, "--host", host, "--path", path, "--method", method,
    "--requests", requests, "--warmup", warmup, "--connections", Math.min(connections, requests),
    "--expect-bytes", expectBytes, "--pause-us", pauseUs, "--time-max-ms", timeMaxMs,
    "--cpu-of", pids.join(","), ...(body === undefined ? [] : ["--body", body])].map(String);
  const child = start(command[0], command.slice(1));
  let out = "";
  let errors = "";
  child.stdout.on("data", (bytes) => (out += bytes));
  child.stderr.on("data", (bytes) => (errors += bytes));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`bench_load ended with ${code}: ${errors}`);
  const result = JSON.parse(out);
  if (result.failed > 0) throw new Error(`${server.name}, ${script}: ${result.failure}`);
  if (result.unanswered > 0 && !mayStall) throw new Error(`${server.name}, ${script}: ${result.unanswered} requests unanswered`);
  const left = server.pids();
  if (pids.some((pid) => !left.includes(pid))) throw new Error(`${server.name}, ${script}: a process ended while it was measured`);
  return { ...result, said: errors };
}

/** CPU time of all processes of the server, per request, in µs. */
export function cpuUsPerRequest(result) {
  const ns = Object.values(result.cpuNs);
  return ns.reduce((sum, each) => sum + each, 0) / 1000 / result.answered;
}
