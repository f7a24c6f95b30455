// What the kernel says of a running weir: its engines, and how much memory each process has needed.
import { readFileSync, readdirSync } from "node:fs";

/** The engines of a weir, by pid. */
export function enginesOf(pid) {
  const children = [];
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    children.push(...readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number));
  }
  return children;
}

/** The most memory the process has had at a time, in MiB. */
export function peakMb(pid) {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}
