import { assert, assertEquals, assertThrows, test, worker } from "../harness.js";

test("parts are joined, type is lower case", async () => {
  const blob = new Blob(["a", new Uint8Array([98]), new Uint16Array([0x6463]).buffer, new Blob(["e"]), 5], { type: "Text/X" });
  assertEquals([blob.size, blob.type, await blob.text()], [6, "text/x", "abcde5"]);
  assertEquals(new Blob([], { type: "a\u0100" }).type, "");
  assertThrows(() => new Blob("abc"), TypeError);
  assertEquals(new Blob().size, 0);
});

test("slice", async () => {
  const blob = new Blob(["abcdef"]);
  assertEquals(await blob.slice(1, 3).text(), "bc");
  assertEquals(await blob.slice(-2).text(), "ef");
  assertEquals(await blob.slice(4, 2).text(), "");
  assertEquals(blob.slice(0, 1, "X/y").type, "x/y");
});

test("stream, bytes, arrayBuffer are copies", async () => {
  const blob = new Blob(["ab"]);
  const bytes = await blob.bytes();
  bytes[0] = 0;
  new Uint8Array(await blob.arrayBuffer())[0] = 0;
  (await blob.stream().getReader().read()).value[0] = 0;
  assertEquals(await blob.text(), "ab");
});

test("File", () => {
  const file = new File(["x"], "n", { type: "a/b", lastModified: 5 });
  assert(file instanceof Blob);
  assertEquals([file.name, file.type, file.lastModified, file.size], ["n", "a/b", 5, 1]);
  assertThrows(() => new File(["x"]), TypeError);
});

test("FormData", () => {
  const form = new FormData();
  form.append("a", 1);
  form.append("a", new Blob(["x"]), "f.txt");
  assertEquals([form.get("a"), form.getAll("a")[1].name, form.has("b")], ["1", "f.txt", false]);
  form.set("a", "2");
  assertEquals([...form], [["a", "2"]]);
  assertThrows(() => form.append("b", "text", "name"), TypeError);
  assertThrows(() => new FormData({}), TypeError);
  form.delete("a");
  assertEquals([...form.keys()], []);
});

export default worker();
