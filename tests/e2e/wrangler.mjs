// The real wrangler against a running weir: projects in folders of their own, commands, and what they print.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { command, root } from "./weir.mjs";

/** Packages of node_modules: the newest 4.x, an older one, the newest 3.x. */
export const releases = ["wrangler", "wrangler-4-86", "wrangler-3"];

const commandMax = 90_000;

/** What `weir env` prints for this weir, as an object. */
export async function environmentOf(weir, ...args) {
  return JSON.parse((await command(weir, "env", "--json", ...args)).stdout);
}

/** A project folder. files: path → text. config: of wrangler.json, `name` and `main` have defaults. Removed after the test, once
 *  what the caller put into `atEnd` (functions, may be async) has ended the processes that work in it. */
export async function startProject(t, weir, { files, config = {}, release = "wrangler" }) {
  const folder = mkdtempSync(join(tmpdir(), "weir-wrangler-"));
  const atEnd = [];
  t.after(async () => {
    for (const end of atEnd) await end();
    rmSync(folder, { recursive: true, force: true });
  });
  const write = (name, text) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const configure = (changes) =>
    write("wrangler.json", JSON.stringify({ name: "hello", main: "src/index.js", compatibility_date: "2026-01-01", ...changes }));
  for (const [name, text] of Object.entries(files)) write(name, text);
  configure(config);
  const environment = await environmentOf(weir);
  const run = (args, { input = "", env = {} } = {}) =>
    new Promise((done, failed) => {
      const child = spawn(join(root, "scripts/node"), [join(root, "node_modules", release, "wrangler-dist/cli.js"), ...args], {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, CI: "1", NO_COLOR: "1", FORCE_COLOR: "0", WRANGLER_SEND_METRICS: "false",
          WRANGLER_HIDE_BANNER: "true", WRANGLER_SEND_ERROR_REPORTS: "false", ...environment, ...env },
      });
      const timer = setTimeout(() => child.kill("SIGKILL"), commandMax);
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (bytes) => (stdout += bytes));
      child.stderr.on("data", (bytes) => (stderr += bytes));
      child.on("error", failed);
      child.on("close", (code) => {
        clearTimeout(timer);
        done({ code, stdout, stderr, text: stdout + stderr });
      });
      child.stdin.end(input);
    });
  return {
    folder,
    atEnd,
    write,
    configure,
    environment,
    /** Resolves with { code, stdout, stderr, text } whatever comes of it. */
    tryRun: (...args) => run(args),
    tryRunWith: (options, ...args) => run(args, options),
    /** The same; fails when the command does. */
    async run(...args) {
      const result = await run(args);
      if (result.code !== 0) throw new Error(`${release} ${args.join(" ")} ended with ${result.code}:\n${result.text}\nweir: ${weir.output()}`);
      return result;
    },
    async runWith(options, ...args) {
      const result = await run(args, options);
      if (result.code !== 0) throw new Error(`${release} ${args.join(" ")} ended with ${result.code}:\n${result.text}\nweir: ${weir.output()}`);
      return result;
    },
  };
}

/** One call of the management API. Resolves with { status, headers, body }; body is parsed where it is JSON. */
export async function callApi(environment, method, path, { body, headers = {}, token = environment.CLOUDFLARE_API_TOKEN } = {}) {
  const response = await fetch(environment.CLOUDFLARE_API_BASE_URL + path.replace("{A}", `/accounts/${environment.CLOUDFLARE_ACCOUNT_ID}`), {
    method,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    body: body !== undefined && typeof body === "object" && !(body instanceof FormData) && !ArrayBuffer.isView(body) ? JSON.stringify(body) : body,
  });
  const text = await response.text();
  const json = response.headers.get("content-type")?.startsWith("application/json");
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}
