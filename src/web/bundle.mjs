// Makes the one script that the engine carries of src/web: `node bundle.mjs OUT`.
//
// Usual imports become the core, which the base snapshot holds evaluated. An import with { type: "lazy" } (core/lazy.js) is a
// chunk: what only it imports becomes the body of a function within the core's scope, which V8 neither compiles nor
// runs before it is called. A module is in the core or in one chunk: a second copy of it would be another class.
import { build } from "esbuild";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const kRoot = dirname(fileURLToPath(import.meta.url));
const kMain = join(kRoot, "main.js");
const kCommon = { bundle: true, target: "esnext", charset: "ascii", logLevel: "warning", absWorkingDir: kRoot };

const isLazy = (args) => args.with.type === "lazy";

/** Plugin: what becomes of imports, by resolve(args, path). */
const resolving = (resolve) => ({
  name: "resolving",
  setup(own) {
    own.onResolve({ filter: /^[./]/ }, (args) => resolve(args, join(args.resolveDir, args.path)));
  },
});

/** The modules of the core, and the chunks it wants: absolute paths. */
async function survey() {
  const chunks = new Set();
  const { metafile } = await build({
    ...kCommon, entryPoints: [kMain], format: "esm", write: false, metafile: true,
    plugins: [resolving((args, path) => {
      if (!isLazy(args)) return undefined;
      chunks.add(path);
      return { path, external: true };
    })],
  });
  return { core: new Set(Object.keys(metafile.inputs).map((path) => join(kRoot, path))), chunks };
}

/** A chunk as a module that exports a function by default: it evaluates the chunk and returns its exports. */
async function chunkModule(entry, core, owners) {
  const { metafile, outputFiles } = await build({
    ...kCommon, entryPoints: [entry], format: "esm", write: false, metafile: true,
    plugins: [resolving((args, path) => (core.has(path) ? { path, external: true } : undefined))],
  });
  for (const path of Object.keys(metafile.inputs)) {
    if (owners.has(path)) throw new Error(`${path} is in ${owners.get(path)} and ${relative(kRoot, entry)}: see core/lazy.js`);
    owners.set(path, relative(kRoot, entry));
  }
  const imports = [];
  const text = outputFiles[0].text.replace(/^import \{[^}]*\} from "[^"]*";\n/gm, (statement) => {
    imports.push(statement);
    return "";
  });
  const parts = /^([^]*\n)export \{([^}]*)\};\n$/.exec(text);
  if (parts === null || /^(import|export) /m.test(parts[1])) throw new Error(`${entry}: not what was expected of esbuild`);
  const exported = parts[2].replace(/(\w+) as (\w+)/g, "$2: $1");
  return `${imports.join("")}export default function () {\n${parts[1]}return { __proto__: null,${exported}};\n}\n`;
}

const { core, chunks } = await survey();
const owners = new Map();
const modules = new Map();
for (const entry of chunks) modules.set(entry, await chunkModule(entry, core, owners));
await build({
  ...kCommon, entryPoints: [kMain], format: "iife", globalName: "weirWeb", footer: { js: "return weirWeb.install;" },
  outfile: process.argv[2],
  plugins: [
    resolving((args, path) => (isLazy(args) ? { path: relative(kRoot, path), namespace: "chunk" } : undefined)),
    {
      name: "chunks",
      setup(own) {
        own.onLoad({ filter: /./, namespace: "chunk" }, (args) => ({ contents: modules.get(join(kRoot, args.path)), resolveDir: kRoot }));
      },
    },
  ],
});
