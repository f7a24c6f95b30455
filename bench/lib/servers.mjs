// The servers that are measured, behind one interface:
//   at(script)  → { port, host }, where that script answers
//   pids()      → every process of the server
//   stop()      → resolves when it has ended
// A set of scripts is { name → { file, vars } }, the same for every server.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { apiOf } from "./deploying.mjs";
import { commandOf, end, removeAtExit, sleep, start, tree } from "./processes.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
/** bench/setup.sh puts it there. */
export const nginxFile = join(root, "build/bench/nginx/usr/sbin/nginx");

const startMsMax = 60_000;
const checkMsMax = 10_000;  // of one script

function newFolder() {
  const folder = mkdtempSync(join(tmpdir(), "weir-bench-"));
  removeAtExit(folder);
  return folder;
}

// Resolves with what `find` makes of a server's output so far, once that is something.
function waitFor(child, stream, find) {
  return new Promise((found, failed) => {
    let text = "";
    let errors = "";
    const timer = setTimeout(() => failed(new Error(`${child.spawnfile} did not start: ${errors || text}`)), startMsMax);
    const done = (result) => {
      clearTimeout(timer);
      found(result);
    };
    stream.on("data", (bytes) => {
      text += bytes;
      const result = find(text);
      if (result !== undefined) done(result);
    });
    child.stderr.on("data", (bytes) => (errors += bytes));
    child.exited.then(({ code, signal, error }) => {
      clearTimeout(timer);
      failed(new Error(`${child.spawnfile} ended (${error ?? code ?? signal}): ${errors || text}`));
    });
  });
}

// Every script's check leaves a record, under a name of its own.
async function waitForChecks(data, count) {
  const deadline = performance.now() + checkMsMax * count;
  for (;;) {
    const records = readdirSync(join(data, "versions")).filter((name) => name.endsWith(".json"));
    if (records.length >= count) return;
    if (performance.now() > deadline) throw new Error(`weir has checked ${records.length} of ${count} scripts`);
    await sleep(50);
  }
}

/**
 * flags: of `weir serve`. limits: of every script. checked: resolve when every script has been checked, as a deployed version
 * has been before requests come to it: from then on isolates start from images.
 */
export async function startWeir(scripts, { flags = [], limits, checked = true } = {}) {
  const folder = newFolder();
  let toml = "";
  const table = (values) => `{ ${Object.entries(values).map(([k, v]) => `${k} = ${JSON.stringify(v)}`).join(", ")} }`;
  for (const [name, { file, vars }] of Object.entries(scripts)) {
    mkdirSync(join(folder, name));
    copyFileSync(file, join(folder, name, "index.js"));
    toml += `[[script]]\nname = "${name}"\nmain = "${name}/index.js"\n`;
    if (vars) toml += `vars = ${table(vars)}\n`;
    if (limits) toml += `limits = ${table(limits)}\n`;
  }
  writeFileSync(join(folder, "weir.toml"), toml);
  const startedAt = performance.now();
  const child = start(join(root, "build/weir"), ["serve", "--edge", "127.0.0.1:0", "--control", "127.0.0.1:0", "--data", join(folder, "data"),
    "--config", join(folder, "weir.toml"), "--outbound-allow", "127.0.0.0/8", ...flags]);
  const port = await waitFor(child, child.stdout, (text) => /http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  if (checked) await waitForChecks(join(folder, "data"), Object.keys(scripts).length);
  // The platform and the engines that serve; those that check a version come and go, and answer nobody.
  const processes = () => tree(child.pid).filter((pid) => pid === child.pid || commandOf(pid).includes("weir_engine.node\0serve\0"));
  return {
    name: "weir",
    startedAt,
    pid: child.pid,
    data: join(folder, "data"),
    pids: processes,
    engines: () => processes().slice(1),
    at: (script) => ({ port: Number(port), host: `${script}.local.workers.localhost` }),
    stop: (politeMs) => end(child, politeMs),
  };
}

/** A weir without scripts of its own, to deploy to: `api(method, path below the account, body)`. folder: of one before. */
export async function startDeployable({ folder = newFolder() } = {}) {
  const data = join(folder, "data");
  writeFileSync(join(folder, "weir.toml"), "");
  const startedAt = performance.now();
  const child = start(join(root, "build/weir"), ["serve", "--edge", "127.0.0.1:0", "--control", "127.0.0.1:0", "--data", data,
    "--config", join(folder, "weir.toml")]);
  const port = await waitFor(child, child.stdout, (text) => /http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  const startMs = performance.now() - startedAt;
  const environment = JSON.parse(execFileSync(join(root, "build/weir"), ["env", "--json", "--data", data], { encoding: "utf8" }));
  return {
    child, folder, data, startMs,
    pid: child.pid,
    at: (script) => ({ port: Number(port), host: `${script}.local.workers.localhost` }),
    environment,
    api: apiOf(environment),
  };
}

/** Every script is a service with a socket of its own; `listen` bounds which get one. */
export async function startWorkerd(scripts, { listen = Object.keys(scripts) } = {}) {
  const folder = newFolder();
  const services = [];
  const sockets = [];
  for (const [name, { file, vars }] of Object.entries(scripts)) {
    copyFileSync(file, join(folder, `${name}.js`));
    const bindings = Object.entries(vars ?? {}).map(([k, v]) => `(name = ${JSON.stringify(k)}, text = ${JSON.stringify(v)})`);
    services.push(`(name = "${name}", worker = (modules = [(name = "index.js", esModule = embed "${name}.js")], ` +
      `compatibilityDate = "2026-01-01", bindings = [${bindings.join(", ")}]))`);
    if (listen.includes(name)) sockets.push(`(name = "${name}", address = "127.0.0.1:0", http = (), service = "${name}")`);
  }
  services.push(`(name = "internet", network = (allow = ["public", "private"]))`);
  writeFileSync(join(folder, "config.capnp"), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${services.join(",\n")}],\nsockets = [${sockets.join(",\n")}]);\n`);
  const startedAt = performance.now();
  const child = start(join(root, "node_modules/workerd/bin/workerd"), ["serve", "--control-fd=3", join(folder, "config.capnp")],
    { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  const ports = await waitFor(child, child.stdio[3], (text) => {
    const events = text.split("\n").slice(0, -1).map((line) => JSON.parse(line)).filter(({ event }) => event === "listen");
    return events.length === listen.length ? new Map(events.map(({ socket, port }) => [socket, port])) : undefined;
  });
  return {
    name: "workerd",
    startedAt,
    pid: child.pid,
    pids: () => tree(child.pid),
    at: (script) => ({ port: ports.get(script), host: "localhost" }),
    stop: (politeMs) => end(child, politeMs),
  };
}

/** Debian's nginx before an upstream, as a careful operator sets it up: keep-alive both ways, its log on. */
export async function startNginx(upstreamPort) {
  const folder = newFolder();
  const port = await unusedPort();
  writeFileSync(join(folder, "nginx.conf"), `daemon off; worker_processes 2; pid ${folder}/pid; error_log stderr error;
events { worker_connections 1024; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u;
  scgi_temp_path ${folder}/s;
  keepalive_requests 1000000000;
  upstream origin { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_buffering off;
    }
  }
}
`);
  const child = start(nginxFile, ["-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")]);
  await answers(child, port);
  return {
    name: "nginx",
    pid: child.pid,
    pids: () => tree(child.pid),
    at: () => ({ port, host: "bench.test" }),
    stop: (politeMs) => end(child, politeMs),
  };
}

// It listens where it is told and not where it likes.
async function unusedPort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

async function answers(child, port) {
  for (const deadline = performance.now() + startMsMax; performance.now() < deadline; await sleep(20)) {
    const socket = connect(port, "127.0.0.1");
    const open = await Promise.race([once(socket, "connect").then(() => true, () => false), child.exited.then(() => undefined)]);
    socket.destroy();
    if (open === undefined) throw new Error("nginx ended");
    if (open) return;
  }
  throw new Error("nginx does not answer");
}

/** weir with a zone whose origin is an upstream, and no script for it. */
export async function startProxyingWeir(upstreamPort) {
  const weir = await startWeir({ hello: { file: join(root, "bench/scripts/hello.js") } });
  const added = start(join(root, "build/weir"), ["zone", "add", "bench.test", "--origin", `http://127.0.0.1:${upstreamPort}`, "--data", weir.data]);
  const { code } = await added.exited;
  if (code !== 0) throw new Error("the zone cannot be added");
  await sleep(200);  // four times what a change takes to be routed by
  return { ...weir, at: () => ({ port: weir.at("hello").port, host: "bench.test" }) };
}

/** The upstream of the proxy rows, and the floor: bench/load/origin.cc. */
export async function startOrigin() {
  const child = start(join(root, "build/bin/bench_origin"), []);
  const port = Number(await waitFor(child, child.stdout, (text) => /^(\d+)\n/.exec(text)?.[1]));
  return {
    name: "bare loop",
    pid: child.pid,
    port,
    pids: () => [child.pid],
    at: () => ({ port, host: "localhost" }),
    stop: (politeMs) => end(child, politeMs),
  };
}
