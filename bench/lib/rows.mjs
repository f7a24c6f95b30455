// The rows of the table: what each measures, and the goals of the design. A row's `measure` is called once per round and
// server, in turns, and resolves with a number in the row's unit or with { note } where there is none.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { buildBundle } from "../bundle/build.mjs";
import { cpuUsPerRequest, load } from "./load.mjs";
import { peakMb, privateMb, resetPeak, sleep } from "./processes.mjs";
import { nginxFile, root, startNginx, startOrigin, startProxyingWeir, startWeir, startWorkerd } from "./servers.mjs";
import { median } from "./statistics.mjs";

const settleMs = 700;  // after which a server has done what it does behind an answer
const restMs = 2000;  // … and isolates that rest have given back what they do not need

export function scriptFile(name) {
  return join(root, "bench/scripts", `${name}.js`);
}

function bundleFile() {
  const file = join(root, "build/bench/bundle.js");
  if (!existsSync(file)) {
    mkdirSync(join(root, "build/bench"), { recursive: true });
    buildBundle(file);
  }
  return file;
}

function copies(prefix, count, file) {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, { file }]));
}

/** Servers that stay up for the whole run, started when first asked for. */
export class Servers {
  #started = new Map();

  #once(key, make) {
    if (!this.#started.has(key)) this.#started.set(key, make());
    return this.#started.get(key);
  }
  origin() {
    return this.#once("origin", startOrigin);
  }
  async #scripts() {
    const { port } = await this.origin();
    const vars = { ORIGIN: `http://127.0.0.1:${port}` };
    return Object.fromEntries(["hello", "json", "sha", "timer", "proxy", "stream", "through"].map((name) =>
      [name, { file: scriptFile(name), ...(name === "proxy" || name === "through" ? { vars } : {}) }]));
  }
  /** The server of this name with the scripts of the load rows. */
  async named(name) {
    if (name === "floor") return this.origin();
    return this.#once(name, async () => (name === "weir" ? startWeir : startWorkerd)(await this.#scripts()));
  }
  /** What passes requests on to the upstream without a script: weir, or nginx. */
  async proxying(name) {
    const { port } = await this.origin();
    return this.#once(`${name} as a proxy`, () => (name === "weir" ? startProxyingWeir(port) : startNginx(port)));
  }
  async stop(politeMs) {
    for (const starting of this.#started.values()) {
      const server = await starting.catch(() => undefined);
      await server?.stop(politeMs);
    }
  }
}

const json = JSON.stringify({ count: 1, items: Array.from({ length: 16 }, (_, i) =>
  ({ id: i, name: `item number ${i}`, price: i * 1.25, tags: ["a", "b"] })) });

// ---- CPU per request, under load ----

function cpuRow(key, title, goal, then, requests, request, floor) {
  return {
    key, title: `${title}, CPU per request`, unit: "us", goal, then, requests, request, floor: floor !== undefined,
    async measure(name, { servers, scale, round }) {
      const server = await servers.named(name);
      const count = Math.max(64, Math.round(requests * scale));
      const result = await load(server, key, { requests: count, warmup: round === 0 ? count : count >> 3, ...request,
        ...(name === "floor" ? floor : {}) });
      return cpuUsPerRequest(result);
    },
  };
}

// The peer does what a zone does, which workerd does not.
const reverse = {
  key: "reverse", title: "reverse proxy without a script, 1 KB body, CPU per request (peer: nginx)", unit: "us",
  async measure(name, { servers, scale, round }) {
    if (name === "workerd" && !existsSync(nginxFile)) return { note: "bench/setup.sh" };
    const server = await servers.proxying(name);
    const count = Math.max(64, Math.round(30_000 * scale));
    return cpuUsPerRequest(await load(server, "hello", { requests: count, warmup: round === 0 ? count : count >> 3, path: "/bytes/1024", expectBytes: 1024 }));
  },
};

const latency = {
  key: "latency", title: "hello world on one connection, p50", unit: "us", goal: 90, then: 65, floor: true,
  async measure(name, { servers, scale }) {
    const requests = Math.max(200, Math.round(8000 * scale));
    const result = await load(await servers.named(name), "hello", { requests, warmup: requests >> 2, connections: 1,
      ...(name === "floor" ? { path: "/bytes/13" } : {}) });
    return result.latencyUs.p50;
  },
};

// ---- A tenant that spins ----

// Finds, for every engine, a spinning script that runs on it.
async function spinnerPerEngine(weir, scripts) {
  const at = new Map();
  for (const script of scripts) {
    const { cpuNs } = await load(weir, script, { requests: 1, path: "/burn", timeMaxMs: 10_000 });
    const busiest = Number(Object.entries(cpuNs).reduce((a, b) => (b[1] > a[1] ? b : a))[0]);
    if (weir.engines().includes(busiest) && !at.has(busiest)) at.set(busiest, script);
    if (at.size === weir.engines().length) return [...at.values()];
  }
  throw new Error("no spinning script for some engine");
}

function spin(server, script) {
  load(server, script, { requests: 1, path: "/spin", timeMaxMs: 30_000, mayStall: true }).catch(() => {});
}

const neighbour = {
  key: "neighbour", title: "light script while another spins on every engine, p99", unit: "ms", goal: 10, then: 5,
  async measure(name, { scale }) {
    const spinners = Object.keys(copies("spin", 16));
    const scripts = { light: { file: scriptFile("hello") }, ...copies("spin", 16, scriptFile("spin")) };
    const server = name === "weir" ? await startWeir(scripts, { limits: { cpu_ms: 60_000 } })
                                   : await startWorkerd(scripts);
    try {
      await load(server, "light", { requests: 200, connections: 1 });
      if (name === "workerd") {
        spin(server, spinners[0]);
        await sleep(200);
        const result = await load(server, "light", { requests: 10, connections: 1, timeMaxMs: 2000, mayStall: true });
        return result.answered === 0 ? { note: "never answers" } : result.latencyUs.p99 / 1000;
      }
      for (const script of await spinnerPerEngine(server, spinners)) spin(server, script);
      await sleep(300);
      const requests = Math.max(200, Math.round(1500 * scale));
      const result = await load(server, "light", { requests, connections: 1, pauseUs: 1000, timeMaxMs: 25_000 });
      for (const engine of server.engines()) {
        const busy = result.cpuNs[engine] / 1e9 / result.seconds;
        if (!(busy > 0.1)) throw new Error(`weir: nothing spun on engine ${engine}, the row says nothing`);
      }
      return result.latencyUs.p99 / 1000;
    } finally {
      await server.stop(0);
    }
  },
};

// ---- Starts ----

async function firstAnswerMs(server, script) {
  const result = await load(server, script, { requests: 1, connections: 1 });
  return result.latencyUs.p50 / 1000;
}

// First answers of scripts that are not in memory, the median of `count`; the server has answered before.
async function coldMs(file, count) {
  const weir = await startWeir({ warm: { file: scriptFile("hello") }, ...copies("cold", count, file) });
  try {
    await load(weir, "warm", { requests: 1000, connections: 1 });
    await sleep(settleMs);
    const took = [];
    for (let i = 0; i < count; ++i) {
      took.push(await firstAnswerMs(weir, `cold${i}`));
      await sleep(50);  // a server may make ready for the next one
    }
    return median(took);
  } finally {
    await weir.stop();
  }
}

async function processStartMs(startServer, scripts, script, options) {
  const server = await startServer(scripts, options);
  try {
    await firstAnswerMs(server, script);
    return performance.now() - server.startedAt;
  } finally {
    await server.stop();
  }
}

const cold = {
  key: "cold", title: "cold start of a small script", unit: "ms", goal: 5, then: 2,
  comment: "weir: a deployed version, from its image; workerd: the whole process",
  async measure(name, { scale }) {
    const file = scriptFile("hello");
    if (name === "weir") return coldMs(file, scale < 1 ? 8 : 20);
    return processStartMs(startWorkerd, { hello: { file } }, "hello");
  },
};

const coldBundle = {
  key: "cold-bundle", title: "cold start of a 714 KB application", unit: "ms", goal: 12, then: 8,
  comment: "weir: a deployed version, from its image; workerd: the whole process, less that of a small script",
  async measure(name, { scale }) {
    if (name === "weir") return coldMs(bundleFile(), scale < 1 ? 3 : 8);
    const whole = await processStartMs(startWorkerd, { hello: { file: bundleFile() } }, "hello");
    return whole - await processStartMs(startWorkerd, { hello: { file: scriptFile("hello") } }, "hello");
  },
};

const many = {
  key: "many", title: "200 scripts: process start to first answer", unit: "ms", goal: 150, then: 100,
  async measure(name, { scale }) {
    const scripts = copies("script", scale < 1 ? 50 : 200, scriptFile("hello"));
    const last = Object.keys(scripts).at(-1);
    return name === "weir" ? processStartMs(startWeir, scripts, last, { checked: false }) : processStartMs(startWorkerd, scripts, last, { listen: [last] });
  },
};

// ---- Memory ----

// Private memory of `count` more isolates of `file`, each after its first answers, per isolate.
async function isolateMb(name, file, count, answers) {
  const before = 5;
  const small = copies("warm", before, scriptFile("hello"));
  const more = copies("more", count, file);
  const use = async (server, scripts) => {
    for (const script of scripts) await load(server, script, { requests: answers, connections: 1 });
    await sleep(restMs);
    return privateMb(server.pids());
  };
  if (name === "weir") {
    const weir = await startWeir({ ...small, ...more });
    try {
      const first = await use(weir, Object.keys(small));
      return (await use(weir, Object.keys(more)) - first) / count;
    } finally {
      await weir.stop();
    }
  }
  // It makes every isolate at its start, so two processes are compared.
  const sizes = [];
  for (const scripts of [small, { ...small, ...more }]) {
    const workerd = await startWorkerd(scripts);
    try {
      sizes.push(await use(workerd, Object.keys(scripts)));
    } finally {
      await workerd.stop();
    }
  }
  return (sizes[1] - sizes[0]) / count;
}

const bundleMemory = {
  key: "bundle-memory", title: "memory of that application after its first answer", unit: "mb", goal: 5, then: 4,
  measure: (name, { scale }) => isolateMb(name, bundleFile(), scale < 1 ? 2 : 5, 1),
};

const idleMemory = {
  key: "idle-memory", title: "private memory per warm idle isolate", unit: "mb", goal: 1.5, then: 1.0,
  measure: (name, { scale }) => isolateMb(name, scriptFile("hello"), scale < 1 ? 20 : 100, 3),
};

const streamMemory = {
  key: "stream-memory", title: "1 GB streamed through a script, peak resident memory of a process", unit: "mb", goal: 150,
  async measure(name, { servers, scale }) {
    const { port } = await servers.origin();
    const scripts = { through: { file: scriptFile("through"), vars: { ORIGIN: `http://127.0.0.1:${port}` } } };
    const server = await (name === "weir" ? startWeir : startWorkerd)(scripts);
    const bytes = scale < 1 ? 64 << 20 : 1 << 30;
    try {
      await load(server, "through", { requests: 8, connections: 1, path: "/bytes/65536", expectBytes: 65536 });
      for (const pid of server.pids()) resetPeak(pid);
      const result = await load(server, "through", { requests: 1, path: `/bytes/${bytes}`, expectBytes: bytes, timeMaxMs: 120_000 });
      const peaks = server.pids().map(peakMb);
      return { value: Math.max(...peaks), details: { peaksMb: peaks, seconds: result.seconds, cpuNs: result.cpuNs } };
    } finally {
      await server.stop();
    }
  },
};

export const rows = [
  cpuRow("hello", "hello world", 10, 7.5, 60_000, { expectBytes: 13 }, { path: "/bytes/13" }),
  cpuRow("json", "1 KB JSON in and out", 16, 12, 40_000, { method: "POST", body: json, expectBytes: json.length }),
  cpuRow("sha", "SHA-256 of 1 KB and base64", 15, 12, 40_000, { expectBytes: 44 }),
  cpuRow("timer", "await of a 1 ms timer", 16, 12, 30_000, { expectBytes: 6 }),
  cpuRow("proxy", "pass-through proxy, 1 KB body", 30, 22, 20_000, { expectBytes: 1024 }),
  cpuRow("stream", "1 MB streamed by a script in 64 KB chunks", 300, 240, 2000, { expectBytes: 1 << 20 }, { path: `/bytes/${1 << 20}` }),
  reverse, latency, neighbour, cold, coldBundle, bundleMemory, idleMemory, many, streamMemory,
];
