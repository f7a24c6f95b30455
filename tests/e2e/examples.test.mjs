// The examples of docs/errors do what they say in their first lines; every page leads to examples that exist.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { root, startWeir } from "./weir.mjs";

const folder = join(root, "examples/errors");
const files = readdirSync(folder).filter((file) => file.endsWith(".js"));

/** A request whose body begins and does not end. */
async function begins(weir, script, part) {
  const request = http.request({ port: weir.port, host: "127.0.0.1", method: "POST", headers: { host: `${script}.local.workers.localhost`, "content-length": "1000000" } });
  request.on("error", () => {});
  request.write(part);
  const [response] = await once(request, "response");
  let text = "";
  for await (const chunk of response) text += chunk;
  request.destroy();
  return { status: response.statusCode, text };
}

/** A client that has gone when the script works. */
async function leave(weir, script) {
  const request = http.get({ port: weir.port, host: "127.0.0.1", headers: { host: `${script}.local.workers.localhost` } });
  request.on("error", () => {});
  await once(request, "finish");
  await weir.request("nobody");  // what was sent before is read by then
  request.destroy();
}

test("examples/errors", async (t) => {
  const weir = await startWeir({}, { config: join(folder, "weir.toml"), outbound: ["--outbound-allow", "127.0.0.2"] });
  let thrown = 0;
  let logged = 0;
  for (const file of files) {
    await t.test(file, async () => {
      const text = readFileSync(join(folder, file), "utf8");
      const script = "e" + file.slice(0, -3);
      const says = /^\/\/ Answers: (\d+), (.*)$/m.exec(text);
      const leaves = text.includes("// Leaves");
      assert.ok(says || leaves, "the example does not say what it answers");
      const sends = /^\/\/ Sends: ([^:]+): (.*)$/m.exec(text);
      const headers = sends ? { [sends[1]]: sends[2] } : {};
      if (text.includes("// Ask: twice")) assert.equal((await weir.request(script, "/", { headers })).status, 200);
      const logs = /^\/\/ Logs: (.*)$/m.exec(text);
      if (leaves) await leave(weir, script);
      const streams = /^\/\/ Streams: (.*)$/m.exec(text);
      if (says) {
        const response = await (streams ? begins(weir, script, streams[1]) : weir.request(script, "/", { headers }));
        assert.equal(response.status, Number(says[1]));
        assert.equal(response.text.trimEnd(), says[2]);
      }
      const hasLogged = (one) => one.scriptName === script && one.logs.some(({ message }) => String(message[0]).startsWith(logs[1]));
      if (logs) {
        await weir.traced((traces) => traces.some(hasLogged));
        logged++;
      }
      const throws = /^\/\/ Throws: (\w+): (.*)$/m.exec(text);
      if (!throws) return;
      const isIt = (one) => one.scriptName === script && one.exceptions.some(({ name, message }) => name === throws[1] && message.startsWith(throws[2]));
      await weir.traced((traces) => traces.some(isIt));
      thrown++;
    });
  }
  await weir.stop();
  assert.ok(files.length >= 40);
  assert.ok(thrown >= 24);
  assert.ok(logged >= 4);
});

test("docs/errors", () => {
  const pages = readdirSync(join(root, "docs/errors")).filter((file) => file !== "README.md");
  const index = readFileSync(join(root, "docs/errors/README.md"), "utf8");
  let links = 0;
  for (const page of pages) {
    assert.ok(index.includes(`(${page})`), `${page} is not in the index`);
    for (const [, target] of readFileSync(join(root, "docs/errors", page), "utf8").matchAll(/\]\((\.\.\/[^)]+)\)/g)) {
      assert.ok(files.includes(target.split("/").at(-1)), `${page}: ${target}`);
      links++;
    }
  }
  assert.equal(links, files.length, "every example belongs to a page");
});
