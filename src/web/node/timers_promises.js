// node:timers/promises. https://nodejs.org/api/timers.html#timers-promises-api

const { setTimeout: start, clearTimeout: stop } = globalThis;

function abortError(signal) {
  const error = new Error("The operation was aborted", { cause: signal.reason });
  error.name = "AbortError";
  error.code = "ABORT_ERR";
  return error;
}

export function setTimeout(delay = 1, value = undefined, { signal } = {}) {
  return new Promise((done, failed) => {
    if (signal?.aborted) return failed(abortError(signal));
    const onAbort = () => {
      stop(timer);
      failed(abortError(signal));
    };
    const timer = start(() => {
      signal?.removeEventListener("abort", onAbort);
      done(value);
    }, delay);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

export function setImmediate(value = undefined, options = {}) {
  return setTimeout(0, value, options);
}

export async function* setInterval(delay = 1, value = undefined, options = {}) {
  for (;;) yield await setTimeout(delay, value, options);
}

export const scheduler = {
  wait: (delay, options) => setTimeout(delay, undefined, options),
  yield: () => setImmediate(),
};

export const promises = { setTimeout, setImmediate, setInterval, scheduler };
export default promises;
