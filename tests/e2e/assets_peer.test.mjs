// Static assets beside the reference implementation: the same directory served by weir and by `wrangler dev`, which runs
// the platform's own asset server. Every answer must be the same, but for the text of entity tags.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import http from "node:http";
import { join } from "node:path";
import { test } from "node:test";

import { startProject } from "./wrangler.mjs";
import { root, startWeir } from "./weir.mjs";

const files = {
  "index.html": "root", "file.html": "file", "folder/index.html": "folder", "both.html": "both page", "both/index.html": "both folder",
  bin: "bin raw", "bin.html": "bin page", "style.css": "css", "404.html": "not found", "deep/404.html": "deep", "deep/a.html": "deep a",
  "a b/ü%#.txt": "odd", "[x].html": "brackets", "enc%2F.txt": "percent", "plain/index": "plain index", "img.svg": "<svg/>",
  "same1.html": "same", "same2.html": "same",
  _headers: "/*\n X-All: 1\n/file*\n X-File: :splat\n ! ETag\n/folder/:name\n X-Name: :name\nhttps://:h.example.com/*\n x-host: :h\n" +
    "/multi\n a: 1\n a: 2\n/*\n X-All: 2\n/style.css\n cache-control: max-age=5\n",
  _redirects: "/r1 /file 301\n/r2 /file?own=1#frag\n/r3 https://example.org/x?y#z 308\n/sp%20ace /file\n/blog/:y/:m/* /arch/:y-:m/:splat\n" +
    "/w/* /folder 200\n/go/* /:splat\n/out/* https://example.org/:splat\n/late /never\n/w2 /missing 200\n/bad /x 418\n",
};
const stems = ["/index", "/file", "/folder", "/both", "/bin", "/style.css", "/deep/a", "/deep/x/y", "/missing", "/plain/index", "/plain",
  "/same1", "/img.svg", "/a%20b/%C3%BC%25%23.txt", "/[x]", "/%5Bx%5D", "/enc%2F.txt", "/enc%252F.txt", "//file", "//folder", "/folder//",
  "/./file", "/x/../file", "/%66ile", "/file%", "/caf%C3", "/r1", "/r2", "/r3", "/sp%20ace", "/blog/2024/05/a/b", "/w/x", "/go/a",
  "/go//evil.example", "/out/a//b", "/late", "/w2", "/multi", "/%2Fevil.example", "/\\evil.example", "/folder%2F", "/404", "/_headers"];
const paths = ["/", "/?q=1", ...stems.flatMap((stem) => ["", ".html", "/", "/index", "/index.html", "?q=1", "/?q=1"].map((ending) => stem + ending))];
const configs = [
  { html_handling: "auto-trailing-slash", not_found_handling: "404-page" },
  { html_handling: "force-trailing-slash", not_found_handling: "none" },
  { html_handling: "drop-trailing-slash", not_found_handling: "single-page-application" },
  { html_handling: "none", not_found_handling: "404-page" },
];

function get(port, path, headers) {
  return new Promise((done, failed) => {
    const request = http.request({ host: "127.0.0.1", port, path, headers: { host: "hello.local.workers.localhost", ...headers } }, (response) => {
      let text = "";
      response.on("data", (bytes) => (text += bytes));
      response.on("end", () => done({ status: response.statusCode, headers: response.headers, text }));
    });
    request.on("error", failed);
    request.end();
  });
}

const shown = ({ status, headers, text }) => ({ status, text, location: headers.location, type: headers["content-type"], tagged: headers.etag !== undefined,
  cache: headers["cache-control"], all: headers["x-all"], file: headers["x-file"], name: headers["x-name"], host: headers["x-host"], a: headers.a });

async function startPeer(project) {
  const child = spawn(join(root, "scripts/node"), [join(root, "node_modules/wrangler/wrangler-dist/cli.js"), "dev", "--ip", "127.0.0.1", "--port", "0",
    "--inspector-port", "0", "--show-interactive-dev-session=false"],
    { cwd: project.folder, detached: true, stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, HOME: project.folder, CI: "1", NO_COLOR: "1", WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" } });
  const ended = new Promise((done) => child.on("close", done));
  project.atEnd.push(async () => {
    try {
      process.kill(-child.pid, "SIGKILL"); // the group: workerd is a child of its own
    } catch {
      // it has ended
    }
    await ended;
  });
  let text = "";
  return new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`wrangler dev is not ready: ${text}`)), 60_000);
    const hear = (bytes) => {
      text += bytes;
      const ready = /Ready on http:\/\/127\.0\.0\.1:(\d+)/.exec(text);
      if (!ready) return;
      clearTimeout(timer);
      found(Number(ready[1]));
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("close", () => failed(new Error(`wrangler dev ended: ${text}`)));
  });
}

for (const config of configs) {
  test(`the same answers as the platform's asset server: ${config.html_handling}, ${config.not_found_handling}`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const project = await startProject(t, weir, { files: Object.fromEntries(Object.entries(files).map(([name, text]) => [`public/${name}`, text])),
      config: { main: undefined, assets: { directory: "public", ...config } } });
    await project.run("deploy");
    const peer = await startPeer(project);
    let compared = 0;
    for (const path of paths) {
      assert.deepEqual(shown(await get(weir.port, path)), shown(await get(peer, path)), `${path} with ${JSON.stringify(config)}`);
      ++compared;
    }
    assert.ok(compared > 300, String(compared));
  });
}
