// Builds the large application of the cold-start rows into one ES module, as its authors would: minified, for a worker.
//   node bench/bundle/build.mjs OUTFILE
import { buildSync } from "esbuild";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));

export function buildBundle(outfile) {
  buildSync({
    entryPoints: [join(folder, "index.js")],
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser", "module"],
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.length !== 3) {
    console.error("usage: node bench/bundle/build.mjs OUTFILE");
    process.exit(2);
  }
  buildBundle(process.argv[2]);
}
