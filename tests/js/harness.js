// The harness of worker-side tests: a test file registers cases and exports worker() as its default export; a request
// runs every case and answers { passed, failed: [{ name, error }], count }. A request whose path is not "/" goes to the
// route of that name, so that a test can be its own upstream (`origin` says where the worker itself is reached).

const cases = [];
const routes = new Map();

/** Registers a case. fn(t) may be async; t has { request, env, ctx, origin }. */
export function test(name, fn) {
  cases.push({ name, fn });
}

/** What the worker answers at `/name`; the tests fetch it through t.origin. */
export function route(name, handler) {
  routes.set(`/${name}`, handler);
}

export class AssertionError extends Error {}

function show(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

export function assert(condition, message = "condition is false") {
  if (!condition) throw new AssertionError(message);
}

function same(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof ArrayBuffer) return same(new Uint8Array(a), new Uint8Array(b));
  if (a instanceof Date) return a.getTime() === b.getTime();
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => same(a[key], b[key]));
}

export function assertEquals(actual, expected, what = "value") {
  if (!same(actual, expected)) throw new AssertionError(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

function check(error, type, message) {
  if (typeof type === "string") assertEquals(error?.name, type, "error name");
  else if (type !== undefined && !(error instanceof type)) {
    throw new AssertionError(`expected ${type.name}, got ${show(error)}`);
  }
  if (message instanceof RegExp) assert(message.test(error.message), `message ${show(error.message)} is not ${message}`);
  else if (message !== undefined) assertEquals(error.message, message, "error message");
  return error;
}

/** fn must throw; type is a constructor or an error name, message a string or RegExp. Returns the error. */
export function assertThrows(fn, type, message) {
  let error;
  try {
    fn();
  } catch (thrown) {
    error = { thrown };
  }
  if (error === undefined) throw new AssertionError("expected an exception");
  return check(error.thrown, type, message);
}

/** The promise must reject. Returns the reason. */
export async function assertRejects(promise, type, message) {
  let error;
  try {
    await (typeof promise === "function" ? promise() : promise);
  } catch (thrown) {
    error = { thrown };
  }
  if (error === undefined) throw new AssertionError("expected a rejection");
  return check(error.thrown, type, message);
}

export const kIllegalInvocation =
  "Illegal invocation: function called with incorrect `this` reference. See " +
  "https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";

async function runAll(context) {
  const result = { passed: 0, failed: [], count: cases.length };
  for (const { name, fn } of cases) {
    try {
      await fn(context);
      result.passed++;
    } catch (error) {
      result.failed.push({ name, error: error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : show(error) });
    }
  }
  return result;
}

/** The default export of a test file. */
export function worker() {
  return {
    async fetch(request, env, ctx) {
      const url = new URL(request.url);
      const handler = routes.get(url.pathname);
      if (handler !== undefined) return handler(request, env, ctx);
      const result = await runAll({ request, env, ctx, origin: url.origin });
      return new Response(JSON.stringify(result), { headers: { "content-type": "application/json" } });
    },
  };
}
