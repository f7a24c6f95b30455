// node:process: what of a process there is on a platform that has none to show. https://nodejs.org/api/process.html

import EventEmitter from "node:events";
import { builtin, environment, exitRequest, now } from "node:internal/host";
import { shared } from "./process_core.js";

/** Values are text, as those of an environment are. */
const env = new Proxy(environment, {
  set: (target, name, value) => Reflect.set(target, name, typeof name === "symbol" ? value : `${value}`),
  defineProperty: (target, name, { value, ...rest }) =>
    Reflect.defineProperty(target, name, typeof name === "symbol" || value === undefined ? { value, ...rest } : { value: `${value}`, ...rest }),
});

function unsupported(name) {
  return { [name]() {
    const error = new Error(`process.${name}() is not supported here.`);
    error.code = "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM";
    throw error;
  } }[name];
}

class Process extends EventEmitter {}
Object.defineProperty(Process, "name", { value: "process" });

const process = new Process();
Object.defineProperty(process, Symbol.toStringTag, { value: "process", configurable: true });

/** Node's module of that name; undefined: it is not served. */
function getBuiltinModule(id) {
  if (typeof id !== "string") {
    const error = new TypeError('The "id" argument must be of type string.');
    error.code = "ERR_INVALID_ARG_TYPE";
    throw error;
  }
  return builtin(id);
}

let mask = 0o22;

Object.assign(process, {
  ...shared,
  env,
  argv: ["workerd"],
  argv0: "workerd",
  execArgv: [],
  execPath: "",
  title: "workerd",
  pid: 1,
  ppid: 0,
  exitCode: undefined,
  config: Object.freeze({ target_defaults: Object.freeze({}), variables: Object.freeze({}) }),
  release: Object.freeze({ name: "node" }),
  exit: exitRequest,
  getBuiltinModule,
  uptime: () => now() / 1e3,
  umask(bits) {
    const before = mask;
    if (bits !== undefined) mask = (typeof bits === "string" ? parseInt(bits, 8) : bits) & 0o777;
    return before;
  },
  memoryUsage: Object.assign(unsupported("memoryUsage"), { rss: unsupported("memoryUsage.rss") }),
});
for (const name of ["abort", "chdir", "cpuUsage", "dlopen", "kill", "loadEnvFile", "resourceUsage"]) process[name] = unsupported(name);

export default process;
