// What the engine gave to install(). See host.d.ts.

export let host;

export function setHost(given) {
  host = given;
}
