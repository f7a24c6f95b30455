import { assert, assertEquals, assertRejects, assertThrows, test, worker } from "../harness.js";

const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");
const encode = (text) => new TextEncoder().encode(text);

test("digest of known values", async () => {
  assert(crypto.subtle instanceof SubtleCrypto && crypto instanceof Crypto);
  const known = {
    "MD5": "900150983cd24fb0d6963f7d28e17f72",
    "SHA-1": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "sha-256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  };
  for (const [name, expected] of Object.entries(known)) assertEquals(hex(await crypto.subtle.digest(name, encode("abc"))), expected);
  assertEquals((await crypto.subtle.digest({ name: "SHA-384" }, new ArrayBuffer(0))).byteLength, 48);
  assertEquals(hex(await crypto.subtle.digest("SHA-512", encode("abc").subarray(0, 0))).slice(0, 16), "cf83e1357eefb8bd");
  await assertRejects(crypto.subtle.digest("SHA-3", encode("")), "NotSupportedError");
  await assertRejects(crypto.subtle.digest("SHA-256", "text"), TypeError);
});

test("random values and UUIDs", () => {
  const bytes = new Uint8Array(32);
  assert(crypto.getRandomValues(bytes) === bytes);
  assert(bytes.some((b) => b !== 0));
  const part = new Uint32Array(new ArrayBuffer(1024), 512, 4);
  crypto.getRandomValues(part);
  assert(new Uint8Array(part.buffer).subarray(0, 512).every((b) => b === 0));
  crypto.getRandomValues(new Uint8Array(65536));
  assertThrows(() => crypto.getRandomValues(new Uint8Array(65537)), "QuotaExceededError");
  assertThrows(() => crypto.getRandomValues(new Float32Array(1)), "TypeMismatchError");
  assertThrows(() => crypto.getRandomValues({}), TypeError);
  const ids = new Set(Array.from({ length: 1000 }, () => crypto.randomUUID()));
  assertEquals(ids.size, 1000);
  for (const id of ids) assert(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id), id);
});

export default worker();
