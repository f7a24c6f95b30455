// URL. https://url.spec.whatwg.org/#api; parsing is ada's, through the host.

import { host } from "../core/host.js";
import { brand, receiver, requireArguments, typeError } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { stringCharCodeAt, stringSlice } from "../core/primordials.js";
import { linkedParams, replaceQuery } from "./search_params.js";

// Places in the array urlParse() gives (host.d.ts).
const kHref = 0;
const kProtocolEnd = 1;
const kUsernameEnd = 2;
const kHostStart = 3;
const kHostEnd = 4;
const kPort = 5;
const kPathnameStart = 6;
const kSearchStart = 7;
const kHashStart = 8;

// Numbers of urlSet()'s `what`.
const kSet = {
  __proto__: null,
  href: 0, protocol: 1, username: 2, password: 3, host: 4, hostname: 5, port: 6, pathname: 7, search: 8, hash: 9,
};

const kNoParse = {};

/** What a URL and its searchParams share. */
class UrlRecord {
  parts;
  params = null;

  constructor(parts) {
    this.parts = parts;
  }

  get href() {
    return this.parts[kHref];
  }

  set(what, value) {
    const parts = host.urlSet(this.parts[kHref], what, value);
    if (parts !== null) this.parts = parts;
    return parts !== null;
  }

  /** From the linked URLSearchParams. */
  setQuery(query) {
    this.set(kSet.search, query);
  }

  search() {
    const { parts } = this;
    const start = parts[kSearchStart];
    if (start < 0) return "";
    const end = parts[kHashStart] < 0 ? parts[kHref].length : parts[kHashStart];
    return end - start <= 1 ? "" : stringSlice(parts[kHref], start, end);
  }

  /** The searchParams follow a change of the query made elsewhere. */
  refresh() {
    if (this.params !== null) replaceQuery(this.params, stringSlice(this.search(), 1));
  }
}

export class URL {
  #record;

  constructor(url, base = undefined) {
    if (url === kNoParse) {
      this.#record = new UrlRecord(base);
      return;
    }
    requireArguments(arguments.length, 1, "URL");
    const text = `${url}`;
    const parts = host.urlParse(text, base === undefined ? undefined : `${base}`);
    if (parts === null) throw typeError("Invalid URL string.");
    this.#record = new UrlRecord(parts);
  }

  static canParse(url, base = undefined) {
    requireArguments(arguments.length, 1, "URL.canParse");
    return host.urlParse(`${url}`, base === undefined ? undefined : `${base}`) !== null;
  }

  static parse(url, base = undefined) {
    requireArguments(arguments.length, 1, "URL.parse");
    const parts = host.urlParse(`${url}`, base === undefined ? undefined : `${base}`);
    return parts === null ? null : new URL(kNoParse, parts);
  }

  get href() { brand(#record in receiver(this)); return this.#record.href; }
  set href(value) {
    brand(#record in receiver(this));
    if (!this.#record.set(kSet.href, `${value}`)) throw typeError("Invalid URL string.");
    this.#record.refresh();
  }

  get origin() { brand(#record in receiver(this)); return host.urlOrigin(this.#record.href); }

  get protocol() {
    brand(#record in receiver(this));
    const { parts } = this.#record;
    return stringSlice(parts[kHref], 0, parts[kProtocolEnd]);
  }
  set protocol(value) { brand(#record in receiver(this)); this.#record.set(kSet.protocol, `${value}`); }

  get username() {
    brand(#record in receiver(this));
    const { parts } = this.#record;
    const start = parts[kProtocolEnd] + 2;
    return start < parts[kUsernameEnd] ? stringSlice(parts[kHref], start, parts[kUsernameEnd]) : "";
  }
  set username(value) { brand(#record in receiver(this)); this.#record.set(kSet.username, `${value}`); }

  get password() {
    brand(#record in receiver(this));
    const { parts } = this.#record;
    return parts[kHostStart] - parts[kUsernameEnd] > 0
      ? stringSlice(parts[kHref], parts[kUsernameEnd] + 1, parts[kHostStart]) : "";
  }
  set password(value) { brand(#record in receiver(this)); this.#record.set(kSet.password, `${value}`); }

  get host() {
    brand(#record in receiver(this));
    const { parts } = this.#record;
    const start = hostStart(parts);
    return start === parts[kHostEnd] ? "" : stringSlice(parts[kHref], start, parts[kPathnameStart]);
  }
  set host(value) { brand(#record in receiver(this)); this.#record.set(kSet.host, `${value}`); }

  get hostname() {
    brand(#record in receiver(this));
    const { parts } = this.#record;
    return stringSlice(parts[kHref], hostStart(parts), parts[kHostEnd]);
  }
  set hostname(value) { brand(#record in receiver(this)); this.#record.set(kSet.hostname, `${value}`); }

  get port() {
    brand(#record in receiver(this));
    const { parts } = this.#record;
    return parts[kPort] < 0 ? "" : `${parts[kPort]}`;
  }
  set port(value) { brand(#record in receiver(this)); this.#record.set(kSet.port, `${value}`); }

  get pathname() {
    brand(#record in receiver(this));
    const { parts } = this.#record;
    const end = parts[kSearchStart] >= 0 ? parts[kSearchStart] : parts[kHashStart];
    return stringSlice(parts[kHref], parts[kPathnameStart], end >= 0 ? end : parts[kHref].length);
  }
  set pathname(value) { brand(#record in receiver(this)); this.#record.set(kSet.pathname, `${value}`); }

  get search() { brand(#record in receiver(this)); return this.#record.search(); }
  set search(value) {
    brand(#record in receiver(this));
    this.#record.set(kSet.search, `${value}`);
    this.#record.refresh();
  }

  get searchParams() {
    brand(#record in receiver(this));
    const record = this.#record;
    record.params ??= linkedParams(stringSlice(record.search(), 1), record);
    return record.params;
  }

  get hash() {
    brand(#record in receiver(this));
    const { parts } = this.#record;
    const start = parts[kHashStart];
    return start < 0 || parts[kHref].length - start <= 1 ? "" : stringSlice(parts[kHref], start);
  }
  set hash(value) { brand(#record in receiver(this)); this.#record.set(kSet.hash, `${value}`); }

  toString() { brand(#record in receiver(this)); return this.#record.href; }
  toJSON() { brand(#record in receiver(this)); return this.#record.href; }
}
defineInterface(URL, "URL");

function hostStart(parts) {
  const start = parts[kHostStart];
  return parts[kHostEnd] > start && stringCharCodeAt(parts[kHref], start) === 0x40 ? start + 1 : start;
}

/** The serialised URL of `text`, or undefined. */
export function parseHref(text, base = undefined) {
  const parts = host.urlParse(text, base);
  return parts === null ? undefined : parts[kHref];
}
