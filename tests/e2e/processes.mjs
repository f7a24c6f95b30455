// What the kernel says of a running weir: its engines, and how much memory each process has needed.
import { readFileSync, readdirSync } from "node:fs";

/** Whether the process is an engine for this: "serve", "nursery", or "check" a version once. */
function isEngine(pid, purpose) {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, "latin1");
    return line.includes(`weir_engine.node\0${purpose}\0`) || line.startsWith(`weir-engine ${purpose}\0`);
  } catch {
    return false;
  }
}

/** The most memory the process has had at a time, in MiB. */
export function peakMb(pid) {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}

/** pid, parent, state ("R", "S", "T", "Z", …), nice value and CPU time in ticks of a process, or of a thread by its id; null: there is none. */
export function processOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid, state: fields[0], parent: Number(fields[1]), nice: Number(fields[16]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null;
  }
}

/** The engines of a weir that serve and have not ended, as of `processOf`; or those of another purpose. Those that a nursery
 *  has made are its children. */
export function enginesOf(pid, purpose = "serve") {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    try {
      return readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    } catch {
      return [];  // the thread ended meanwhile
    }
  });
  return children.filter((child) => isEngine(child, purpose)).map(processOf).filter((one) => one && one.state !== "Z");
}

/** Stops the process; resolves once none of its threads runs. The signal stops none before the one that takes it has a core. */
export async function stopProcess(pid) {
  process.kill(pid, "SIGSTOP");
  await until(`process ${pid} to stop`, () => readdirSync(`/proc/${pid}/task`).every((thread) => processOf(thread)?.state === "T"));
}

/** Resolves with the first truthy answer of `look`, which is asked again and again: for what sends no event. */
export async function until(what, look, boundMs = 20_000) {
  const end = Date.now() + boundMs;
  for (;;) {
    const answer = await look();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resume) => setTimeout(resume, 5));
  }
}
