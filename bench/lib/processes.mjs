// Processes that a run starts, what they use, and their end: every one is ended by its pid, also on Ctrl-C.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const running = new Set();
const folders = new Set();

process.on("exit", () => {
  for (const child of running) kill(child.pid, "SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => process.exit(130));
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // it has gone
  }
}

/** The folder goes with this process. */
export function removeAtExit(folder) {
  folders.add(folder);
}

/** Starts a child that ends with this process. Its `exited` resolves with { code, signal }. */
export function start(file, args, options = {}) {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  running.add(child);
  child.exited = new Promise((done) => {
    child.on("error", (error) => {
      running.delete(child);
      done({ error });
    });
    child.on("exit", (code, signal) => {
      running.delete(child);
      done({ code, signal });
    });
  });
  return child;
}

/** Ends a child: politely first, by force after `politeMs`. */
export async function end(child, politeMs = 5000) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (politeMs > 0) kill(child.pid, "SIGTERM");
  const timer = setTimeout(() => kill(child.pid, "SIGKILL"), politeMs);
  await child.exited;
  clearTimeout(timer);
}

/** The process and all its descendants. */
export function tree(pid) {
  const found = [pid];
  for (let i = 0; i < found.length; ++i) {
    let tasks = [];
    try {
      tasks = readdirSync(`/proc/${found[i]}/task`);
    } catch {
      continue;
    }
    for (const task of tasks) {
      try {
        const children = readFileSync(`/proc/${found[i]}/task/${task}/children`, "utf8");
        found.push(...children.split(" ").filter(Boolean).map(Number));
      } catch {
        // the thread has ended
      }
    }
  }
  return found;
}

function field(text, name) {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text);
  if (!match) throw new Error(`no ${name}`);
  return Number(match[1]);
}

/** Its arguments, each ended by a NUL; empty when there is no such process. */
export function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

/** Memory that only these processes have, in MB. */
export function privateMb(pids) {
  let kb = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    kb += field(text, "Private_Clean") + field(text, "Private_Dirty");
  }
  return kb / 1024;
}

/** The most that the process ever had resident, in MB, shared pages included. */
export function peakMb(pid) {
  return field(readFileSync(`/proc/${pid}/status`, "utf8"), "VmHWM") / 1024;
}

/** Forgets that peak. */
export function resetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Resident memory of one process, in MB. */
export function residentMb(pid) {
  return field(readFileSync(`/proc/${pid}/status`, "utf8"), "VmRSS") / 1024;
}

export function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
