// Where the time of one row goes: weir under that row's load, looked at with perf.
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "./load.mjs";
import { removeAtExit } from "./processes.mjs";
import { rows, Servers } from "./rows.mjs";

const profiled = rows.filter(({ request }) => request);

const help = `--profile ROW runs weir under the load of a row (${profiled.map(({ key }) => key).join(", ")}) and prints, for the platform
and for the engine that runs the script: system calls per request, and functions with what they cost in µs per request,
callees included. It wants perf (Debian: apt-get install linux-perf) and the right to use it.

By hand, with build/weir serve running and bench_load or wrk against it:

  perf record -g -e cpu-clock -F 4999 -p PID sleep 3    PID of weir, or of a node below it (an engine)
  perf report --children --stdio -g none                where there are hardware counters, leave -e cpu-clock out
  perf stat -e 'syscalls:sys_enter_*' -p PID sleep 3    what it asks of the kernel, without slowing it down as strace does

JavaScript shows as builtins of node and as [JIT]; add --perf-basic-prof to an engine's flags only in a build without
its sandbox, since it writes a file. valgrind cannot run the platform (it lacks the system calls of the sandbox), but
counts instructions of the pure pieces exactly:

  cmake --build build --target bench_micro
  valgrind --tool=callgrind build/bin/bench_micro --benchmark_filter=requestDecoder --benchmark_min_time=0.01
  callgrind_annotate callgrind.out.*`;

const secondsOfLook = 2;

const kernelCalls = ["recvfrom", "sendto", "sendmsg", "recvmsg", "read", "write", "writev", "epoll_wait", "epoll_ctl", "ppoll",
  "poll", "futex", "clock_nanosleep", "nanosleep", "accept4", "connect", "socket", "shutdown", "close", "getpid", "madvise",
  "mprotect", "mmap", "munmap", "sched_yield"];

function perf(args) {
  return spawnSync("perf", args, { encoding: "utf8", maxBuffer: 1 << 30 });
}

// { name → count } of the system calls of a process while `run` runs a load under perf.
async function countCalls(pid, run) {
  const { said } = await run(["perf", "stat", "-x,", "-e", [...kernelCalls.map((name) => `syscalls:sys_enter_${name}`),
    "raw_syscalls:sys_enter", "context-switches"].join(","), "-p", String(pid)]);
  const counts = {};
  for (const line of said.split("\n")) {
    const [count, , name] = line.split(",");
    if (Number(count) > 0) counts[name.replace("raw_syscalls:sys_enter", "all").replace("syscalls:sys_enter_", "")] = Number(count);
  }
  return counts;
}

// The samples of a process meanwhile, as stacks, innermost function first.
async function sample(pid, file, run) {
  const { said } = await run(["perf", "record", "-g", "-e", "cpu-clock", "-F", "4999", "-p", String(pid), "-o", file]);
  const { stdout, stderr } = perf(["script", "-i", file, "-F", "tid,ip,sym,dso"]);
  const stacks = [];
  for (const block of stdout.split("\n\n")) {
    const stack = [];
    for (const line of block.split("\n").slice(1)) {
      const match = /^\s*[0-9a-f]+ (.*) \(([^()]*)\)$/.exec(line);
      if (match) stack.push(`${shorten(match[1])}  [${match[2].split("/").at(-1)}]`);
    }
    if (stack.length > 0) stacks.push(stack);
  }
  if (stacks.length === 0) throw new Error(`perf saw nothing: ${said}${stderr}`);
  return stacks;
}

function shorten(symbol) {
  let name = symbol;
  for (let before = ""; before !== name;) name = (before = name).replace(/<[^<>]*>/g, "");
  return name.replaceAll("weir::", "").replace("(anonymous namespace)::", "").slice(0, 80);
}

function top(counts, total, usPerRequest, least) {
  return [...counts].filter(([, count]) => count / total >= least).sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `  ${(count / total * usPerRequest).toFixed(3).padStart(9)}  ${(100 * count / total).toFixed(1).padStart(5)} %  ${name}`).join("\n");
}

function describe(title, usPerRequest, requests, calls, stacks) {
  const inclusive = new Map();
  const own = new Map();
  for (const stack of stacks) {
    own.set(stack[0], (own.get(stack[0]) ?? 0) + 1);
    for (const name of new Set(stack)) inclusive.set(name, (inclusive.get(name) ?? 0) + 1);
  }
  const perRequest = Object.entries(calls).sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${name} ${(count / requests).toFixed(3)}`).join(", ");
  console.log(`\n== ${title}: ${usPerRequest.toFixed(2)} µs per request, ${stacks.length} samples`);
  console.log(`\nper request: ${perRequest}`);
  console.log(`\n       µs         with callees\n${top(inclusive, stacks.length, usPerRequest, 0.008)}`);
  console.log(`\n       µs         alone\n${top(own, stacks.length, usPerRequest, 0.008)}`);
}

/** Returns the exit code. */
export async function profile(key) {
  const row = profiled.find((each) => each.key === key);
  if (!row) {
    console.log(help);
    return key === "help" ? 0 : 2;
  }
  if (perf(["--version"]).status !== 0) {
    console.error("bench: perf is missing: apt-get install linux-perf, or see --profile help");
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), "weir-bench-"));
  removeAtExit(folder);
  const servers = new Servers();
  const weir = await servers.named("weir");
  const run = (requests, under) => load(weir, key, { requests, ...row.request, under });
  await run(row.requests);
  const plain = await run(row.requests);
  const engine = weir.engines().reduce((a, b) => (plain.cpuNs[b] > plain.cpuNs[a] ? b : a));
  const requests = Math.ceil(plain.answered / plain.seconds * secondsOfLook);
  for (const [title, pid] of [["platform", weir.pid], ["engine", engine]]) {
    describe(title, plain.cpuNs[pid] / 1000 / plain.answered, requests, await countCalls(pid, (under) => run(requests, under)),
      await sample(pid, join(folder, `${title}.data`), (under) => run(requests, under)));
  }
  await servers.stop();
  return 0;
}
