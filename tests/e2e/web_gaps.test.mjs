// docs/web-gaps.md says what a script finds: each gap below is written there and is there, so whoever closes one comes by here.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, startWeir } from "./weir.mjs";

const document = readFileSync(join(root, "docs/web-gaps.md"), "utf8").replaceAll(/\s+/g, " ");

// Words of the document → an expression that is true while they are.
const gaps = [
  ["there is no tree; an exception of a listener leaves `dispatchEvent()` at once",
    `(() => { const t = new EventTarget(); t.addEventListener("x", () => { throw 1; }); try { t.dispatchEvent(new Event("x")); return false; } catch (e) { return e === 1; } })()`],
  ["capture and passive listeners are refused",
    `(() => { try { new EventTarget().addEventListener("x", () => {}, { capture: true }); return false; } catch { return true; } })()`],
  ["request headers have no forbidden names", `new Request("http://a", { headers: { host: "b", cookie: "c" } }).headers.get("cookie") === "c"`],
  ["`Headers.getAll(\"set-cookie\")`", `Array.isArray(new Headers().getAll("set-cookie"))`],
  ["`FixedLengthStream`, `IdentityTransformStream`", `typeof FixedLengthStream === "function" && typeof IdentityTransformStream === "function"`],
  ["`scheduler.wait()`", `typeof scheduler.wait === "function"`],
  ["`performance.timeOrigin` is 0", `performance.timeOrigin === 0`],
  ["`Temporal.Now` is not there", `typeof globalThis.Temporal === "undefined" || typeof Temporal.Now === "undefined"`],
  ["Streams cannot be transferred or cloned with `structuredClone`",
    `(() => { try { structuredClone(new ReadableStream(), { transfer: [new ReadableStream()] }); return false; } catch { return true; } })()`],
  ["`TextDecoder` knows utf-8, utf-16le, utf-16be and windows-1252",
    `(() => { for (const known of ["utf-8", "utf-16le", "utf-16be", "latin1"]) new TextDecoder(known); try { new TextDecoder("koi8-r"); return false; } catch (e) { return e instanceof RangeError; } })()`],
  ["`crypto.subtle` has `digest()` only",
    `Object.getOwnPropertyNames(Object.getPrototypeOf(crypto.subtle)).filter((name) => name !== "constructor").join() === "digest"`],
  ["`DigestStream` and `timingSafeEqual` are not there", `crypto.DigestStream === undefined && crypto.subtle.timingSafeEqual === undefined`],
  ["as an ordinary object without own properties instead of copying it",
    `(() => { const copy = structuredClone(new Headers({ a: "1" })); return !(copy instanceof Headers) && Object.keys(copy).length === 0; })()`],
  ["a `DOMException` arrives as an `Error`", `!(structuredClone(new DOMException("x")) instanceof DOMException)`],
  ["The global object is an event target by its functions, not an instance of `EventTarget`",
    `typeof globalThis.addEventListener === "function" && !(globalThis instanceof EventTarget)`],
];

// `name` or `name.member` of the last section, each of which must be undefined.
const absent = [.../## Not there ([^#]*)/.exec(document)[1].split("The global object")[0].matchAll(/`([A-Za-z.]+)`/g)].map(([, name]) => name);

test("the gaps that docs/web-gaps.md lists are the gaps there are", async () => {
  const missing = absent.map((name) => {
    const [object, member] = name.split(".");
    return [name, member ? `globalThis.${object}?.${member} === undefined` : `typeof globalThis.${object} === "undefined"`];
  });
  const checks = [...gaps, ...missing];
  const weir = await startWeir({ gaps: {
    code: `const checks = [${checks.map(([, expression]) => `() => (${expression})`)}];
      export default { fetch() { return Response.json(checks.map((check) => { try { return check(); } catch (e) { return String(e); } })); } }` } });
  const answer = await weir.request("gaps");
  await weir.stop();
  const found = JSON.parse(answer.text);
  for (const [i, [words]] of checks.entries()) assert.equal(found[i], true, `${words}: ${found[i]}`);
  for (const [words] of gaps) assert.ok(document.includes(words), `docs/web-gaps.md no longer says: ${words}`);
  assert.equal(found.length, checks.length);
  assert.ok(absent.length >= 5, `few are absent: ${absent}`);
});
