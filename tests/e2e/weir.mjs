// A running weir for one test file: its scripts, its address, its traces. Ends with the test.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

// Another build of the platform, with sanitizers for one (scripts/sanitize.sh); engines are always the release build's.
const binary = process.env.WEIR_BINARY ?? join(root, "build/weir");
/** Whether that build needs memory of its own for what it watches: then no test compares weir's with a bound. */
export const instrumented = Boolean(process.env.WEIR_SANITIZER);
const engineDir = process.env.WEIR_BINARY ? ["--engine-dir", join(root, "build/engine")] : [];

function tomlOf(value) {
  if (typeof value !== "object" || Array.isArray(value)) return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([key, one]) => `${key} = ${tomlOf(one)}`).join(", ")} }`;
}

/** scripts: name → { code, vars, services, rate_limits, crons, limits, date, flags, files }. dev: run this one of them by `weir dev` instead of all by
 *  `weir serve`. folder: of a weir before. Resolves when weir listens. */
export async function startWeir(scripts, { flags = [], config, dev, outbound = ["--outbound-allow", "127.0.0.0/8"],
                                           folder = mkdtempSync(join(tmpdir(), "weir-e2e-")), under = [] } = {}) {
  let toml = "";
  for (const [name, script] of Object.entries(scripts)) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "index.js"), script.code);
    for (const [file, content] of Object.entries(script.files ?? {})) {
      mkdirSync(dirname(join(folder, name, file)), { recursive: true });
      writeFileSync(join(folder, name, file), content);
    }
    toml += `[[script]]\nname = "${name}"\nmain = "${name}/index.js"\n`;
    if (script.date) toml += `compatibility_date = "${script.date}"\n`;
    if (script.flags) toml += `compatibility_flags = ${JSON.stringify(script.flags)}\n`;
    for (const [key, table] of Object.entries({ vars: script.vars, services: script.services, rate_limits: script.rate_limits, crons: script.crons, limits: script.limits })) {
      if (table) toml += `${key} = ${tomlOf(table)}\n`;
    }
  }
  writeFileSync(join(folder, "weir.toml"), toml);
  const what = dev ? ["dev", join(folder, dev, "index.js")] : ["serve", "--config", config ?? join(folder, "weir.toml"), ...outbound];
  const [program, ...before] = [...under, binary];
  const child = spawn(program, [...before, ...what, ...(flags.includes("--engine-dir") ? [] : engineDir), "--edge", "127.0.0.1:0",
    "--data", join(folder, "data"), ...(dev || flags.includes("--control") ? [] : ["--control", "127.0.0.1:0"]), ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  // A test that fails before stop() leaves neither a server nor a runner that waits for one.
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  let out = "";
  let errors = "";
  const listeners = new Set();
  const heard = () => listeners.forEach((look) => look());
  child.stderr.on("data", (bytes) => {
    errors += bytes;
    heard();
  });
  const exited = new Promise((done) => child.on("exit", (code, signal) => done({ code, signal })));
  const port = await new Promise((found, failed) => {
    child.stdout.on("data", (bytes) => {
      out += bytes;
      heard();
      const match = /http:\/\/127\.0\.0\.1:(\d+)/.exec(out);
      if (match) found(Number(match[1]));
    });
    child.on("exit", (code) => failed(new Error(`weir ended with ${code}: ${errors}`)));
  });
  for (const handle of [child, child.stdout, child.stderr]) handle.unref();
  /** Resolves with what `look(printed)` gives once that is something; looks at each piece that weir prints. */
  const waitForPrinted = (look, what, ms) =>
    new Promise((found, failed) => {
      const timer = setTimeout(() => done(failed, new Error(`weir did not say ${what}: ${out}${errors}`)), ms);
      const hear = () => {
        const seen = look(out + errors);
        if (seen) done(found, seen);
      };
      const done = (settle, value) => {
        clearTimeout(timer);
        listeners.delete(hear);
        settle(value);
      };
      listeners.add(hear);
      hear();
    });
  return {
    port,
    pid: child.pid,
    folder,
    /** Resolves with the matches once `pattern` (global) has matched what weir has printed so many times. */
    saidTimes(pattern, times) {
      const look = (printed) => {
        const matches = [...printed.matchAll(pattern)];
        return matches.length >= times && matches;
      };
      return waitForPrinted(look, `${pattern} ${times} times`, 60_000);
    },
    /** Resolves once so many versions have been checked, one way or the other: isolates made from then on start from their images. */
    checked(count) {
      return this.saidTimes(/^weir: script \S+ (is checked|does not start|is served unchecked)/gm, count);
    },
    output: () => out + errors,
    /** Resolves with the match once what weir has printed matches. */
    said: (pattern) => waitForPrinted((printed) => pattern.exec(printed), pattern, 20_000),
    /** One request; body is a Buffer or string. Resolves with { status, headers, text }. */
    request(script, path = "/", { method = "GET", headers = {}, body, host } = {}) {
      return new Promise((found, failed) => {
        const request = http.request({ port, host: "127.0.0.1", method, path,
          headers: { host: host ?? `${script}.local.workers.localhost:${port}`, ...headers } }, (response) => {
          const chunks = [];
          response.on("data", (chunk) => chunks.push(chunk));
          response.on("end", () => found({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }));
          response.on("error", failed);
        });
        request.setTimeout(30_000, () => request.destroy(new Error(`no answer from ${script}${path}`)));
        request.on("error", failed);
        request.end(body);
      });
    },
    /** Resolves once `ready(traces)` holds for what has been written; looks each time the file has grown. */
    async traced(ready) {
      const file = join(folder, "data/traces.jsonl");
      const watcher = watch(file);
      try {
        for (;;) {
          const grown = once(watcher, "change", { signal: AbortSignal.timeout(20_000) });
          grown.catch(() => {});
          const traces = readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line));
          if (ready(traces)) return traces;
          try {
            await grown;
          } catch {
            throw new Error(`what was waited for is not among ${traces.length} traces: ${traces.map((one) => `${one.scriptName} ${one.outcome}`)}`);
          }
        }
      } finally {
        watcher.close();
      }
    },
    /** Ends weir by SIGKILL; its folder stays, for another. */
    async kill() {
      child.ref();
      child.kill("SIGKILL");
      await exited;
      process.removeListener("exit", end);
    },
    /** Ends weir by SIGTERM; resolves with its exit and every trace it wrote. `keep`: its folder stays, for another run. */
    async stop({ keep = false } = {}) {
      child.ref();
      child.kill("SIGTERM");
      const exit = await exited;
      process.removeListener("exit", end);
      const complaint = /^.*(Sanitizer|runtime error:)[^]*/m.exec(errors);
      if (complaint) throw new Error(`a sanitizer complains: ${complaint[0]}`);
      const lines = readFileSync(join(folder, "data/traces.jsonl"), "utf8").split("\n").filter(Boolean);
      if (!keep) rmSync(folder, { recursive: true, force: true });
      return { exit, traces: lines.map((line) => JSON.parse(line)) };
    },
  };
}

/** One command of the binary, on the data of `weir` (or of another folder; null: none). Resolves with { code, stdout, stderr }. */
export function tryCommand(weir, ...args) {
  return new Promise((done) => {
    execFile(binary, [...args, ...(weir ? ["--data", join(weir.folder, "data")] : [])], (error, stdout, stderr) =>
      done({ code: error ? error.code : 0, stdout, stderr }));
  });
}

/** The same; fails when it does not work. */
export async function command(weir, ...args) {
  const result = await tryCommand(weir, ...args);
  if (result.code !== 0) throw new Error(`weir ${args.join(" ")}: ${result.stderr}`);
  return result;
}
