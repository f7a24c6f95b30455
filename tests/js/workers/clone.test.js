import { assert, assertEquals, assertThrows, test, worker } from "../harness.js";

test("structuredClone", () => {
  const cyclic = { a: [1, new Map([[1, new Set([2])]]), new Date(3), /x/g], b: new Uint8Array([1]), c: undefined, d: 1n };
  cyclic.self = cyclic;
  const clone = structuredClone(cyclic);
  assert(clone !== cyclic && clone.self === clone);
  assertEquals([clone.a[0], clone.a[1].get(1).has(2), clone.a[2].getTime(), clone.a[3].flags, clone.b[0], clone.d],
    [1, true, 3, "g", 1, 1n]);
  assert("c" in clone);
  const error = structuredClone(new RangeError("r", { cause: 1 }));
  assert(error instanceof RangeError);
  assertEquals([error.message, error.cause], ["r", 1]);
});

test("transfer detaches", () => {
  const buffer = new ArrayBuffer(8);
  const clone = structuredClone({ buffer }, { transfer: [buffer] });
  assertEquals([buffer.detached, clone.buffer.byteLength], [true, 8]);
  for (const transfer of [[buffer], [{}], [1]]) {
    const error = assertThrows(() => structuredClone(1, { transfer }), "DataCloneError");
    assertEquals(error.code, 25);
  }
  const twice = new ArrayBuffer(1);
  assertThrows(() => structuredClone(1, { transfer: [twice, twice] }), "DataCloneError");
});

test("functions and symbols cannot be cloned", () => {
  assertThrows(() => structuredClone(() => {}), "DataCloneError");
  assertThrows(() => structuredClone({ s: Symbol("x") }), "DataCloneError");
  assertThrows(() => structuredClone(), TypeError);
  assertThrows(() => structuredClone({ get x() { throw new RangeError("g"); } }), RangeError, "g");
});

export default worker();
