// What Node's library asks of the C++ part of Node.

import { kindsOf, now, ownNonIndexKeys, previewEntries, promiseDetails, proxyDetails, constructorName, utf8Encode } from "node:internal/host";

import { buffer } from "./buffer_binding.js";
import { lazy } from "./lazy.js";

// The order of kTests in inspection.cc.
const kinds = [
  "isExternal", "isDate", "isArgumentsObject", "isBigIntObject", "isBooleanObject", "isNumberObject", "isStringObject",
  "isSymbolObject", "isNativeError", "isRegExp", "isAsyncFunction", "isGeneratorFunction", "isGeneratorObject", "isPromise",
  "isMap", "isSet", "isMapIterator", "isSetIterator", "isWeakMap", "isWeakSet", "isArrayBuffer", "isDataView",
  "isSharedArrayBuffer", "isProxy", "isModuleNamespaceObject",
];

const types = {};
for (let i = 0; i < kinds.length; i++) {
  const name = kinds[i];
  types[name] = { [name]: (value) => (kindsOf(value) >>> i & 1) !== 0 }[name];
}
types.isAnyArrayBuffer = function isAnyArrayBuffer(value) { return types.isArrayBuffer(value) || types.isSharedArrayBuffer(value); };
types.isBoxedPrimitive = function isBoxedPrimitive(value) {
  return types.isNumberObject(value) || types.isStringObject(value) || types.isBooleanObject(value) || types.isBigIntObject(value) || types.isSymbolObject(value);
};

const util = {
  constants: {
    kPending: 0, kFulfilled: 1, kRejected: 2,
    kExiting: 0, kExitCode: 1, kHasExitCode: 2,
    ALL_PROPERTIES: 0, ONLY_WRITABLE: 1, ONLY_ENUMERABLE: 2, ONLY_CONFIGURABLE: 4, SKIP_STRINGS: 8, SKIP_SYMBOLS: 16,
    kDisallowCloneAndTransfer: 0, kTransferable: 1, kCloneable: 2,
  },
  // Where Node keeps notes on objects that no script sees.
  privateSymbols: {
    untransferable_object_private_symbol: Symbol("untransferable"),
    arrow_message_private_symbol: Symbol("arrow_message"),
    decorated_private_symbol: Symbol("decorated"),
  },
  defineLazyProperties(target, id, keys, enumerable = true) {
    if (!(id in lazy)) return;  // not served
    for (const key of keys) {
      Object.defineProperty(target, key, {
        __proto__: null, enumerable, configurable: true,
        get() { return (this[key] = lazy[id]()[key]); },
        set(value) { Object.defineProperty(target, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true }); },
      });
    }
  },
  shouldAbortOnUncaughtToggle: [0],
  getOwnNonIndexProperties: ownNonIndexKeys,
  getPromiseDetails: promiseDetails,
  getProxyDetails: proxyDetails,
  previewEntries,
  getConstructorName: constructorName,
  getExternalValue: () => 0n,
  guessHandleType: () => "UNKNOWN",
  markPromiseAsHandled(promise) { promise.catch(() => {}); },
  isInsideNodeModules: () => false,
  toUSVString: (text) => String(text).toWellFormed(),
};

const bindings = {
  __proto__: null,
  errors: { triggerUncaughtException: (error) => queueMicrotask(() => { throw error; }) },
  diagnostics_channel: { subscribers: [], linkNativeChannel() {}, notifyChannelActive() {}, notifyChannelInactive() {} },
  url: { format: (...args) => require("library:internal/url").formatUrl(...args) },
  url_pattern: { URLPattern: globalThis.URLPattern },
  buffer,
  types,
  util,
  timers: { getLibuvNow: now },
  config: { hasIntl: false, hasInspector: false },
  constants: { os: { signals: {} } },
  options: {},
  string_decoder: { encodings: ["ascii", "utf8", "base64", "utf16le", "latin1", "hex", "buffer", "base64url"] },
  encoding_binding: { encodeUtf8String: utf8Encode, toASCII: (domain) => require("library:internal/url").domainToASCII(domain) },
};

export function internalBinding(name) {
  if (!(name in bindings)) throw new Error(`no binding ${name}`);
  return bindings[name];
}
