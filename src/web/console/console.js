// console. https://console.spec.whatwg.org/; what reaches the logs is the JSON array of the arguments.

import { host } from "../core/host.js";
import {
  NativeError, NativeMap, captureStackTrace, getPrototypeOf, isArray, jsonStringify, mapDelete, mapGet, mapSet,
} from "../core/primordials.js";
import { current } from "../workers/invocation.js";

const kDebug = 0;
const kInfo = 1;
const kLog = 2;
const kWarn = 3;
const kError = 4;

const objectPrototype = Object.prototype;

function isPlain(value) {
  const prototype = getPrototypeOf(value);
  return prototype === null || prototype === objectPrototype;
}

/** One argument as JSON: data as it is, any other object by its string form, {} where that fails. */
function argumentJson(value) {
  try {
    switch (typeof value) {
      case "string": case "number": case "boolean": return jsonStringify(value) ?? "null";
      case "undefined": return "null";
      case "object":
        if (value === null) return "null";
        if (isArray(value) || typeof value.toJSON === "function" || (!host.isError(value) && isPlain(value))) {
          return jsonStringify(value) ?? "null";
        }
        return jsonStringify(`${value}`);
      case "symbol": return jsonStringify(StringOf(value));
      default: return jsonStringify(`${value}`);
    }
  } catch {
    return "{}";
  }
}

const StringOf = String;

function write(level, args, from = 0) {
  const record = current();
  if (record === undefined) return;
  let message = "[";
  for (let i = from; i < args.length; i++) message += (i > from ? "," : "") + argumentJson(args[i]);
  host.log(record.seq, level, `${message}]`);
}

/** A line of the platform's own. */
export function logWarning(text) {
  write(kWarn, [text]);
}

const counts = new NativeMap();
const times = new NativeMap();

function labelOf(label) {
  return label === undefined ? "default" : `${label}`;
}

const methods = {
  debug(...args) { write(kDebug, args); },
  info(...args) { write(kInfo, args); },
  log(...args) { write(kLog, args); },
  warn(...args) { write(kWarn, args); },
  error(...args) { write(kError, args); },

  trace(...args) {
    const holder = new NativeError();
    captureStackTrace(holder, methods.trace);
    const stack = typeof holder.stack === "string" ? holder.stack : "";
    write(kLog, [...args, stack]);
  },

  assert(condition, ...args) {
    if (condition) return;
    if (args.length === 0) write(kError, ["Assertion failed"]);
    else if (typeof args[0] === "string") {
      args[0] = `Assertion failed: ${args[0]}`;
      write(kError, args);
    } else {
      write(kError, ["Assertion failed", ...args]);
    }
  },

  count(label = undefined) {
    const name = labelOf(label);
    const count = (mapGet(counts, name) ?? 0) + 1;
    mapSet(counts, name, count);
    write(kInfo, [`${name}: ${count}`]);
  },
  countReset(label = undefined) { mapDelete(counts, labelOf(label)); },

  time(label = undefined) { mapSet(times, labelOf(label), host.now()); },
  timeLog(label = undefined, ...args) {
    const started = mapGet(times, labelOf(label));
    if (started !== undefined) write(kLog, [`${labelOf(label)}: ${host.now() - started}ms`, ...args]);
  },
  timeEnd(label = undefined) {
    const started = mapGet(times, labelOf(label));
    if (started === undefined) return;
    mapDelete(times, labelOf(label));
    write(kLog, [`${labelOf(label)}: ${host.now() - started}ms`]);
  },
  timeStamp() {},

  group(...args) { if (args.length > 0) write(kLog, args); },
  groupCollapsed(...args) { if (args.length > 0) write(kLog, args); },
  groupEnd() {},

  table(data) { write(kLog, [data]); },
  dir(item) { write(kLog, [item]); },
  dirxml(...args) { write(kLog, args); },
  clear() {},
  profile() {},
  profileEnd() {},
};

/** The console object: a plain namespace whose functions work unbound. */
export function makeConsole() {
  const console = {};
  for (const name in methods) console[name] = methods[name];
  return console;
}
