// Makes the ES modules of Node that the engine carries: `node bundle.mjs OUT`. OUT.bin is their text, one after the other;
// OUT.inc lists them as initialisers {name, offset, length}.
//
// Most come from Node's own library, whose source the pinned Node executable carries: what is served behaves as that Node
// does, and is as new. Its files are CommonJS around `primordials` and `internalBinding` (library/). What several modules
// share becomes a chunk, node:internal/…, which only they can import.
import { build } from "esbuild";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const kRoot = dirname(fileURLToPath(import.meta.url));
const kOut = process.argv[2];
const kHost = "node:internal/host";  // what the web API gives these modules (host.js)
const require = createRequire(import.meta.url);

process.removeAllListeners("warning");
process.on("warning", () => {});  // that Node discourages this binding
const library = process.binding("natives");

/** Modules of the library as they are. */
const kServed = [
  "assert", "assert/strict", "buffer", "diagnostics_channel", "events", "path", "path/posix", "path/win32", "punycode", "querystring", "stream",
  "string_decoder",
  "stream/consumers", "stream/promises", "url", "util", "util/types",
];
/** Modules of our own. */
const kOwn = { console: "console.js", "stream/web": "stream_web.js", process: "process.js", timers: "timers.js", "timers/promises": "timers_promises.js" };

/** What the library's modules need of the library. */
const kInternal = new Set([
  "internal/assert", "internal/constants", "internal/errors", "internal/events/abort_listener", "internal/events/symbols", "internal/assert/assertion_error", "internal/assert/myers_diff", "internal/assert/utils", "internal/buffer", "internal/mime", "internal/util/parse_args/parse_args", "internal/util/parse_args/utils", "internal/util/comparisons", "internal/util/colors", "internal/util/debounce", "internal/util/diff", "internal/util/throttle",
  "internal/fixed_queue", "internal/querystring", "internal/util", "internal/util/inspect", "internal/util/types",
  "internal/validators",
]);
/** What stands in the place of one. */
const kInstead = {
  "async_hooks": 'export { AsyncLocalStorage, AsyncResource } from "node:internal/host";',
  "internal/bootstrap/realm": "export const BuiltinModule = { exists: () => false };",
  "internal/abort_controller": "export const { AbortController, AbortSignal } = globalThis;",
  "internal/async_context_frame": "exports.current = () => undefined;",
  "internal/async_hooks": "export const enabledHooksExist = () => false;",
  "internal/blob": "export const { Blob } = globalThis; export const isBlob = (value) => value instanceof Blob;",
  "internal/util/debuglog": "const log = () => {}; log.enabled = false; export const debuglog = () => log;",
  "internal/encoding": "export const { TextDecoder, TextEncoder } = globalThis;",
  "internal/errors/error_source": "export const getErrorSourceExpression = () => undefined;",
  "internal/event_target": 'export * from "./library/event_target.js";',
  "internal/options": "export const getOptionValue = () => undefined;",
  "internal/process/task_queues": "export const queueMicrotask = globalThis.queueMicrotask;",
  "internal/timers": "export const TIMEOUT_MAX = 2 ** 31 - 1;",
  "internal/url": 'export * from "./library/url.js";',
  "internal/v8/startup_snapshot": "export const namespace = { isBuildingSnapshot: () => false };",
};
/** What is only needed where something is not served. */
const kAbsent = new Set([
  "internal/crypto/keys", "internal/fs/glob", "internal/modules/helpers", "internal/process/execution",
  "internal/process/warning", "internal/source_map/source_map_cache", "internal/tty", "vm", "internal/streams/iter/from", "internal/streams/iter/types", "internal/streams/iter/classic", "internal/streams/iter/consumers","internal/streams/iter/utils","internal/streams/iter/pull", "internal/webstreams/adapters",
]);

/** Of a file of the library. The pool of small Buffers would be in the heap of every isolate. */
function sourceOf(path) {
  if (path !== "buffer") return library[path];
  const source = library[path].replace("Buffer.poolSize = 64 * 1024;", "Buffer.poolSize = 0;");
  if (source === library[path]) throw new Error("Buffer.poolSize is set otherwise");
  return source;
}

const isName = (name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== "default";

function entryOf(name) {
  if (name in kOwn) return `export * from "./${kOwn[name]}"; export { default } from "./${kOwn[name]}";`;
  const names = Object.keys(require(`node:${name}`)).filter(isName);
  const list = names.map((one) => `one${one} as ${one}`);
  return `import all from "library:${name}";
export default all;
${names.length === 0 ? "" : `const { ${names.map((one) => `${one}: one${one}`).join(", ")} } = all; export { ${list.join(", ")} };`}`;
}

const sources = {
  name: "sources",
  setup(own) {
    own.onResolve({ filter: /^node:/ }, ({ path }) => (path === kHost ? { path, external: true } : { path: path.slice(5), namespace: "library" }));
    own.onResolve({ filter: /^(library:)?string_decoder$/ }, () => ({ path: require.resolve("string_decoder/") }));
    own.onResolve({ filter: /^safe-buffer$/ }, () => ({ path: "buffer", namespace: "library" }));
    own.onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice(6), namespace: "entry" }));
    own.onResolve({ filter: /^library:/ }, ({ path }) => ({ path: path.slice(8), namespace: "library" }));
    own.onResolve({ filter: /^[^./]/, namespace: "library" }, ({ path }) => ({ path, namespace: "library" }));
    own.onLoad({ filter: /./, namespace: "entry" }, ({ path }) => ({ contents: entryOf(path), resolveDir: kRoot }));
    own.onLoad({ filter: /./, namespace: "library" }, ({ path }) => {
      if (path in kInstead) return { contents: kInstead[path], resolveDir: kRoot };
      if (kAbsent.has(path)) return { contents: `throw new Error("node:${path} is not served here.");` };
      if (path in kOwn) return { contents: `export * from "./${kOwn[path]}"; export { default } from "./${kOwn[path]}";`, resolveDir: kRoot };
      if (kServed.includes(path) || kInternal.has(path) || /^internal\/streams\/[a-z-]+$/.test(path)) return { contents: sourceOf(path), resolveDir: kRoot };
      return { errors: [{ text: `${path} of Node's library: served, or not?` }] };
    });
  },
};

const names = [...kServed, ...Object.keys(kOwn)];
const { outputFiles } = await build({
  entryPoints: names.map((name) => ({ in: `entry:${name}`, out: name })),
  bundle: true, splitting: true, format: "esm", target: "esnext", charset: "ascii", logLevel: "warning", write: false,
  outdir: "/node", chunkNames: "internal/[hash]", legalComments: "none", minifyWhitespace: true, minifySyntax: true, keepNames: true,
  inject: [join(kRoot, "library/globals.js")], define: { WEIR_NODE_VERSION: JSON.stringify(process.versions.node) },
  plugins: [sources],
});

let at = 0;
const texts = [];
const rows = [];
for (const { path, text } of outputFiles) {
  const name = `node:${path.slice("/node/".length, -".js".length)}`;
  const folder = dirname(path);
  const absolute = text.replace(/\b(from|import)(\s*)"(\.{1,2}\/[^"]+)\.js"/g, (_, word, space, to) => `${word}${space}"node:${join(folder, to).slice("/node/".length)}"`);
  if (/[^\0-\x7f]/.test(absolute)) throw new Error(`${name} is not ASCII`);
  rows.push(`{"${name}", ${at}, ${absolute.length}},`);
  texts.push(absolute);
  at += absolute.length;
}
writeFileSync(`${kOut}.bin`, texts.join(""));
writeFileSync(`${kOut}.inc`, `${rows.join("\n")}\n`);
