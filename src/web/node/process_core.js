// What of `process` Node's library itself uses. node:process is an EventEmitter with these.

import { now, warn } from "node:internal/host";

/** What is served is that of this Node; package.json pins it. */
const node = WEIR_NODE_VERSION;

const features = Object.freeze({
  inspector: false, debug: false, uv: false, ipv6: true, openssl_is_boringssl: false, tls_alpn: true, tls_sni: true,
  tls_ocsp: true, tls: true, cached_builtins: true, require_module: true, typescript: false,
});

function nextTick(callback, ...args) {
  if (typeof callback !== "function") {
    const error = new TypeError('The "callback" argument must be of type function.');
    error.code = "ERR_INVALID_ARG_TYPE";
    throw error;
  }
  queueMicrotask(args.length === 0 ? callback : () => callback(...args));
}

/** As Node prints one: "(node) Type: message". */
function emitWarning(warning, type, code) {
  if (type !== null && typeof type === "object") ({ type, code } = type);
  if (typeof type === "function") type = code = undefined;
  if (typeof code === "function") code = undefined;
  const text = warning instanceof Error ? `${warning.name}: ${warning.message}` : `${type || "Warning"}: ${warning}`;
  warn(`${code ? `[${code}] ` : ""}${text}`);
}

/** Of the clock of a turn, which stands still while one runs. */
function hrtime(since) {
  const ms = now();
  let seconds = Math.floor(ms / 1e3);
  let nanoseconds = Math.round((ms % 1e3) * 1e6);
  if (since === undefined) return [seconds, nanoseconds];
  if (!Array.isArray(since) || since.length !== 2) {
    const error = new TypeError('The "time" argument must be an array of two numbers.');
    error.code = "ERR_INVALID_ARG_TYPE";
    throw error;
  }
  seconds -= since[0];
  nanoseconds -= since[1];
  return nanoseconds < 0 ? [seconds - 1, nanoseconds + 1e9] : [seconds, nanoseconds];
}
hrtime.bigint = function bigint() {
  return BigInt(Math.round(now() * 1e6));
};

/** What a process has and scripts have as well. */
export const shared = {
  platform: "linux",
  arch: "x64",
  version: `v${node}`,
  versions: Object.freeze({ node }),
  features,
  noDeprecation: false,
  cwd: () => "/",
  nextTick,
  emitWarning,
  hrtime,
};

/** `process` of the library. Its env says nothing of colours, and there is no terminal. */
export const core = { ...shared, env: {}, stdout: { isTTY: false }, stderr: { isTTY: false } };
