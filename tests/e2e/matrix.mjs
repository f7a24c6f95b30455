// What of wrangler's commands works, by release: tests record a row each (`shows` of a project, wrangler.mjs), and at the end of
// `make test` this prints them as one table. A row that no test has recorded fails, so a command that is no longer tried is missed.
import { appendFileSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** The releases of node_modules: the newest 4.x, an older one, the newest 3.x. */
export const releases = ["wrangler", "wrangler-4-86", "wrangler-3"];

/** Every row there has to be: a command, and after a colon what of it. */
export const rows = [
  "whoami", "whoami: API key and e-mail address",
  "deploy: first", "deploy: again", "deploy: after a kill of weir", "deploy: API key and e-mail address", "deploy: token of one script",
  "deploy: read-only token refused", "deploy --dry-run",
  "deploy: ES modules, several", "deploy: text, data and Wasm modules", "deploy: service-worker format", "deploy: source maps",
  "deploy: vars", "deploy: json vars", "deploy: secrets kept", "deploy: version metadata", "deploy: service bindings", "deploy: rate limit bindings",
  "deploy: bindings that weir does not serve, refused by name",
  "deploy: compatibility date and flags", "deploy: limits.cpu_ms", "deploy: observability", "deploy: logpush", "deploy: tail consumers",
  "deploy: placement", "deploy: workers.dev on and off", "deploy: routes", "deploy: custom domains", "deploy: cron triggers",
  "deploy: assets alone", "deploy: assets beside a Worker", "deploy: _headers and _redirects", "deploy: not-found and HTML handling",
  "deploy: run_worker_first",
  "deploy: script errors as the release shows them",
  "triggers deploy",
  "versions upload", "versions upload: preview URL", "versions list", "versions view", "versions deploy", "versions deploy: gradual, sticky by key",
  "deployments list", "deployments status", "rollback", "rollback: secrets have changed", "delete",
  "secret put", "secret put: draft of a new Worker", "secret list", "secret bulk", "secret delete",
  "versions secret put", "versions secret list", "versions secret bulk", "versions secret delete",
];

/** Words that a run's arguments must have for a row to be about it. */
const commandOf = (row) => row.split(":")[0].split(" ");

/** Records one row's result. runs: argument lists of what the test has run with this release. Nothing is kept outside of `make test`. */
export function record(release, row, runs, error) {
  if (!rows.includes(row)) throw new Error(`"${row}" is no row of the matrix (tests/e2e/matrix.mjs)`);
  const ran = runs.some((args) => commandOf(row).every((word) => args.includes(word)));
  if (!ran && !error) throw new Error(`"${row}" is said to be shown, and ${release} has not run it`);
  if (process.env.WEIR_MATRIX) appendFileSync(process.env.WEIR_MATRIX, `${JSON.stringify({ release, row, works: !error })}\n`);
}

/** The table, and whether every row works with every release. records: as in the file. versions: release → its version. */
export function tableOf(records, versions) {
  const found = new Map();
  for (const { release, row, works } of records) found.set(`${release} ${row}`, works && found.get(`${release} ${row}`) !== false);
  const words = { true: "works", false: "FAILS", undefined: "DID NOT RUN" };
  const result = (release, row) => words[found.get(`${release} ${row}`)];
  const width = Math.max(...rows.map((row) => row.length));
  const line = (first, cells) => [first.padEnd(width), ...cells.map((cell) => cell.padEnd(12))].join("  ").trimEnd();
  const good = rows.flatMap((row) => releases.map((release) => result(release, row))).filter((one) => one === words.true).length;
  const all = rows.length * releases.length;
  const text = [line("wrangler", releases.map((release) => versions[release])), ...rows.map((row) => line(row, releases.map((release) => result(release, row)))),
    `${good} of ${all} work`].join("\n");
  return { text, complete: good === all };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const records = readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const versionOf = (release) => JSON.parse(readFileSync(new URL(`../../node_modules/${release}/package.json`, import.meta.url), "utf8")).version;
  const { text, complete } = tableOf(records, Object.fromEntries(releases.map((release) => [release, versionOf(release)])));
  console.log(text);
  process.exitCode = complete ? 0 : 1;
}
