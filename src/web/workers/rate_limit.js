// Ratelimit: what a rate limit binding is in `env`. https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/
// The platform counts; here are the arguments' checks and the answers' way back.

import { host } from "../core/host.js";
import { brand, illegalConstructor, receiver } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import {
  Deferred, NativeError, NativeMap, NativeRangeError, NativeTypeError, arrayJoin, arrayPush, ceil, isFinite, mapDelete, mapGet,
  mapSet, objectKeys, rejected, trunc,
} from "../core/primordials.js";
import { requireCurrent } from "./invocation.js";

const kInternal = {};
const kCountMax = 4294967295;

function isPeriod(seconds) {
  return seconds === 10 || seconds === 60;
}

function check(holds, message) {
  if (!holds) throw new NativeError(message);
}

/** A whole number from 1. */
function toDelta(value) {
  const delta = +value;
  if (!isFinite(delta)) throw new NativeTypeError("The value cannot be converted because it is not an integer.");
  if (delta < 0) {
    throw new NativeTypeError(
      "The value cannot be converted because it is negative and this API expects a positive number.");
  }
  if (delta > kCountMax) throw new NativeTypeError(`Value out of range. Must be less than or equal to ${kCountMax}.`);
  const whole = trunc(delta);
  if (whole === 0) throw new NativeRangeError("delta must be non-zero");
  return whole;
}

/** The least whole number that a count must have reached to be at or above `limit`; NaN is never reached. */
function toCount(limit) {
  if (limit <= 0) return 0;
  return limit < kCountMax ? ceil(limit) : kCountMax;
}

function isKnown(option) {
  return option === "key" || option === "limit" || option === "period" || option === "delta";
}

export class Ratelimit {
  #limiter;
  #limit;
  #period;

  constructor(token, limiter, limit, period) {
    if (token !== kInternal) throw illegalConstructor();
    this.#limiter = limiter;
    this.#limit = limit;
    this.#period = period;
  }

  limit(options) {
    brand(#limiter in receiver(this));
    const record = requireCurrent();
    try {
      return this.#count(record, options);
    } catch (error) {
      return rejected(error);
    }
  }

  #count(record, options) {
    check(typeof options === "object" && options !== null, "invalid rate limit options");
    const given = objectKeys(options);
    const unknown = [];
    for (let i = 0; i < given.length; i++) if (!isKnown(given[i])) arrayPush(unknown, given[i]);
    check(unknown.length === 0, `bad rate limit options: [${arrayJoin(unknown, ",")}]`);
    const { key = "", limit = this.#limit, period = this.#period, delta = 1 } = options;
    check(typeof key === "string", `invalid key: ${key}`);
    check(typeof limit === "number", `limit must be a number: ${limit}`);
    check(typeof period === "number", `period must be a number: ${period}`);
    check(isPeriod(period), `unsupported period: ${period}`);
    const call = host.countRate(record.seq, this.#limiter, key, toCount(limit), period, toDelta(delta));
    const answer = new Deferred();
    record.rates ??= new NativeMap();
    mapSet(record.rates, call, answer);
    return answer.promise;
  }
}
defineInterface(Ratelimit, "Ratelimit");

export function newRatelimit(limiter, limit, period) {
  return new Ratelimit(kInternal, limiter, limit, period);
}

/** host.d.ts, Dispatch.rateCounted */
export function rateCounted(record, call, success) {
  const answer = record.rates === null ? undefined : mapGet(record.rates, call);
  if (answer === undefined) return;
  mapDelete(record.rates, call);
  answer.resolve({ success });
}
