// The real wrangler against a running weir: projects in folders of their own, commands, and what they print.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { record } from "./matrix.mjs";
import { command, root } from "./weir.mjs";

export { releases } from "./matrix.mjs";

const commandMax = 90_000;

/** What `weir env` prints for this weir, as an object. */
export async function environmentOf(weir, ...args) {
  return JSON.parse((await command(weir, "env", "--json", ...args)).stdout);
}

/** The same for another account than the first, by name, with a token of its own for it. */
export async function environmentOfAccount(weir, account) {
  const token = (await command(weir, "token", "create", account, "--account", account)).stdout.trim();
  return { ...await environmentOf(weir, "--account", account), CLOUDFLARE_API_TOKEN: token };
}

/** An upload as clients send it. modules: a text, or name → text with the main one under "index.js"; metadata: more of it. */
export function uploadForm(modules, metadata = {}) {
  const form = new FormData();
  form.set("metadata", JSON.stringify({ main_module: "index.js", compatibility_date: "2026-01-01", ...metadata }));
  for (const [name, text] of Object.entries(typeof modules === "string" ? { "index.js": modules } : modules)) {
    form.set(name, new File([text], name, { type: "application/javascript+module" }));
  }
  return form;
}

/** A project folder. files: path → text. config: of wrangler.json, `name` and `main` have defaults; null: it is among the files.
 *  packages: name → package of this tree's node_modules, for what the project has installed. Removed after the test, once what the
 *  caller put into `atEnd` (functions, may be async) has ended the processes that work in it. */
export async function startProject(t, weir, { files, config = {}, packages = {}, release = "wrangler" }) {
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
  if (config) configure(config);
  for (const [name, from] of Object.entries(packages)) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(root, "node_modules", from), join(folder, "node_modules", name));
  }
  const environment = await environmentOf(weir);
  const runs = [];
  const run = (args, { input = "", env = {}, endWhen } = {}) => {
    runs.push(args);
    return new Promise((done, failed) => {
      const child = spawn(join(root, "scripts/node"), [join(root, "node_modules", release, "wrangler-dist/cli.js"), ...args], {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, CI: "1", NO_COLOR: "1", FORCE_COLOR: "0", WRANGLER_SEND_METRICS: "false",
          WRANGLER_HIDE_BANNER: "true", WRANGLER_SEND_ERROR_REPORTS: "false", ...environment, ...env },
        detached: true,
      });
      // With what it has started: it runs Workers in processes of their own.
      const end = () => process.kill(-child.pid, "SIGKILL");
      const timer = setTimeout(end, commandMax);
      endWhen?.then(end);
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
  };
  const mustRun = async (args, options) => {
    const result = await run(args, options);
    if (result.code !== 0) throw new Error(`${release} ${args.join(" ")} ended with ${result.code}:\n${result.text}\nweir: ${weir.output()}`);
    return result;
  };
  return {
    folder,
    atEnd,
    write,
    configure,
    environment,
    /** Resolves with { code, stdout, stderr, text } whatever comes of it. Options: input, env, endWhen (a promise; the command is
     *  killed then). */
    tryRun: (...args) => run(args),
    tryRunWith: (options, ...args) => run(args, options),
    /** The same; fails when the command does. */
    run: (...args) => mustRun(args),
    runWith: (options, ...args) => mustRun(args, options),
    /** A row of the matrix (matrix.mjs): `check` runs its command, or looks at what a command before has done. */
    shows: (row, check) => t.test(`${release}: ${row}`, async () => {
      let error = new Error("it did not end");
      try {
        await check();
        error = undefined;
      } catch (thrown) {
        error = thrown;
        throw thrown;
      } finally {
        record(release, row, runs, error);
      }
    }),
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
