import { assertEquals, assertThrows, test, worker } from "../harness.js";

const decode = (bytes, label, options) => new TextDecoder(label, options).decode(new Uint8Array(bytes));

test("encode and encodeInto", () => {
  const encoder = new TextEncoder();
  assertEquals([...encoder.encode("aé😀")], [97, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80]);
  assertEquals([...encoder.encode("\ud800")], [0xef, 0xbf, 0xbd]);
  assertEquals([...encoder.encode()], []);
  const target = new Uint8Array(5);
  assertEquals(encoder.encodeInto("aé😀", target), { read: 2, written: 3 });
  assertEquals([...target], [97, 0xc3, 0xa9, 0, 0]);
  assertEquals(encoder.encodeInto("x", new Uint8Array(0)), { read: 0, written: 0 });
  assertThrows(() => encoder.encodeInto("x", new Uint16Array(1)), TypeError);
  const part = new Uint8Array(8).subarray(4, 6);
  encoder.encodeInto("zzzz", part);
  assertEquals([...new Uint8Array(part.buffer)], [0, 0, 0, 0, 122, 122, 0, 0]);
});

test("utf-8: replacement, fatal, byte order mark", () => {
  assertEquals(decode([0xff, 97]), "\ufffda");
  assertEquals(decode([0xf0, 0x9f, 97]), "\ufffda");
  assertEquals(decode([0xe0, 0x80, 97]), "\ufffd\ufffda");
  assertThrows(() => decode([0xff], "utf-8", { fatal: true }), TypeError);
  assertEquals(decode([0xef, 0xbb, 0xbf, 97]), "a");
  assertEquals(decode([0xef, 0xbb, 0xbf, 97], "utf8", { ignoreBOM: true }), "\ufeffa");
  assertEquals(new TextDecoder().decode(), "");
  assertEquals(new TextDecoder().decode(new DataView(new Uint8Array([1, 97, 2]).buffer, 1, 1)), "a");
  assertThrows(() => new TextDecoder().decode("x"), TypeError);
});

test("utf-8: any split gives the same text as the whole", () => {
  const whole = new Uint8Array([0xef, 0xbb, 0xbf, 97, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 0xff, 0xe2, 0x82, 97, 0xf4, 0x90, 0x80, 0xed, 0xa0, 0x80, 0xf0, 0x9f]);
  const expected = new TextDecoder().decode(whole);
  for (let i = 0; i <= whole.length; i++) {
    for (let j = i; j <= whole.length; j++) {
      const decoder = new TextDecoder();
      const text = decoder.decode(whole.subarray(0, i), { stream: true }) +
        decoder.decode(whole.subarray(i, j), { stream: true }) + decoder.decode(whole.subarray(j));
      assertEquals(text, expected, `split at ${i}, ${j}`);
    }
  }
});

test("utf-16, both orders, split anywhere", () => {
  const little = [0xff, 0xfe, 97, 0, 0x3d, 0xd8, 0x00, 0xde, 0x00, 0xd8, 98, 0];
  assertEquals(decode(little, "utf-16"), "a😀\ufffdb");
  const big = little.flatMap((_, i) => (i % 2 === 0 ? [little[i + 1], little[i]] : []));
  assertEquals(decode(big, "utf-16be"), "a😀\ufffdb");
  for (let i = 0; i <= little.length; i++) {
    const decoder = new TextDecoder("utf-16le");
    const bytes = new Uint8Array(little);
    assertEquals(decoder.decode(bytes.subarray(0, i), { stream: true }) + decoder.decode(bytes.subarray(i)), "a😀\ufffdb");
  }
  assertEquals(decode([97, 0, 1], "utf-16le"), "a\ufffd");
  assertThrows(() => decode([97], "utf-16le", { fatal: true }), TypeError);
});

test("labels", () => {
  const name = (label) => new TextDecoder(label).encoding;
  assertEquals([name(" UTF-8\n"), name("latin1"), name("ascii"), name("unicode"), name("utf-16be")],
    ["utf-8", "windows-1252", "windows-1252", "utf-16le", "utf-16be"]);
  assertThrows(() => new TextDecoder("nonsense"), RangeError);
  assertThrows(() => new TextDecoder("constructor"), RangeError);
  assertEquals(decode([0x80, 0xe9, 0x9f, 97], "latin1"), "€éŸa");
});

test("atob and btoa", () => {
  assertEquals(btoa("abc\u00ff"), "YWJj/w==");
  assertEquals(atob(" YWJj\t/w = =\n".replace(/ =/g, "=")), "abc\u00ff");
  assertEquals(atob("YWI"), "ab");
  assertEquals(atob(""), "");
  for (const bad of ["a", "YQ=", "YQ===", "Y=Q=", "Y*Q=", "=", "\u0100"]) {
    const error = assertThrows(() => atob(bad), "InvalidCharacterError");
    assertEquals([error instanceof DOMException, error.code], [true, 5]);
  }
  assertThrows(() => btoa("\u0100"), "InvalidCharacterError");
  for (let n = 0; n < 50; n++) {
    const text = String.fromCharCode(...Array.from({ length: n }, (_, i) => (i * 37) & 255));
    assertEquals(atob(btoa(text)), text);
  }
});

export default worker();
