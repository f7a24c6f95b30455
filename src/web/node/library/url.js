// The library's internal/url: URL and URLSearchParams are those of the web API, paths are those of Linux.

import { codes } from "library:internal/errors";
import { validateObject } from "library:internal/validators";
import { Buffer } from "library:buffer";
import { resolve } from "library:path";
import { toUnicode } from "library:punycode";

export const { URL, URLSearchParams } = globalThis;
export const isURL = (value) => value instanceof URL;

export const unsafeProtocol = new Set(["javascript", "javascript:"]);
export const hostlessProtocol = new Set(["javascript", "javascript:"]);
export const slashedProtocol = new Set(["http", "https", "ftp", "gopher", "file", "ws", "wss"].flatMap((name) => [name, `${name}:`]));

/** "": it is no host. */
export function domainToASCII(domain) {
  try {
    return new URL(`ws://${domain}`).hostname;
  } catch {
    return "";
  }
}

export function domainToUnicode(domain) {
  return toUnicode(domainToASCII(domain));
}

function requirePosix(options) {
  if (options?.windows) throw new codes.ERR_INVALID_ARG_VALUE("options.windows", true, "is not supported here");
}

function fileOf(path, options) {
  requirePosix(options);
  if (typeof path === "string") path = new URL(path);
  else if (!isURL(path)) throw new codes.ERR_INVALID_ARG_TYPE("path", ["string", "URL"], path);
  if (path.protocol !== "file:") throw new codes.ERR_INVALID_URL_SCHEME("file");
  if (path.hostname !== "") throw new codes.ERR_INVALID_FILE_URL_HOST("linux");
  if (/%2f/i.test(path.pathname)) throw new codes.ERR_INVALID_FILE_URL_PATH("must not include encoded / characters", path);
  return path.pathname;
}

export function fileURLToPath(path, options) {
  return decodeURIComponent(fileOf(path, options));
}

export function fileURLToPathBuffer(path, options) {
  const bytes = fileOf(path, options).replace(/%[0-9a-f]{2}/gi, (one) => String.fromCharCode(parseInt(one.slice(1), 16)));
  return Buffer.from(bytes, "latin1");
}

const escapes = { __proto__: null, "%": "%25", "\\": "%5C", "\n": "%0A", "\r": "%0D", "\t": "%09", "?": "%3F", "#": "%23" };

export function pathToFileURL(path, options) {
  requirePosix(options);
  const resolved = resolve(path);
  const whole = path.endsWith("/") && !resolved.endsWith("/") ? `${resolved}/` : resolved;
  return new URL(`file://${whole.replace(/[%\\\n\r\t?#]/g, (one) => escapes[one])}`);
}

export function urlToHttpOptions(url) {
  validateObject(url, "url", 6);  // an array or a function would do
  const { hostname, pathname, port, username, password, search } = url;
  const options = {
    __proto__: null, ...url, protocol: url.protocol,
    hostname: hostname && hostname[0] === "[" ? hostname.slice(1, -1) : hostname,
    hash: url.hash, search, pathname, path: `${pathname || ""}${search || ""}`, href: url.href,
  };
  if (port !== "") options.port = Number(port);
  if (username || password) options.auth = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return options;
}

/** Of internalBinding("url"): url.format(URL, options). */
export function formatUrl(href, fragment, unicode, search, auth) {
  const url = new URL(href);
  if (!fragment) url.hash = "";
  if (!search) url.search = "";
  if (!auth) url.username = url.password = "";
  return unicode ? url.href.replace(url.hostname, toUnicode(url.hostname)) : url.href;
}
