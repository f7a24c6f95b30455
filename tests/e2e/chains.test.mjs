// What a client's request and all that it leads to share: sixteen invocations, one budget of subrequests, six connections
// that wait for their heads.
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { callApi, environmentOf, uploadForm } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

/** `handler` may be async. */
async function startOrigin(t, handler) {
  const server = http.createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => { server.close(); server.closeAllConnections(); });
  return `http://127.0.0.1:${server.address().port}`;
}

/** A request passed on to weir, as a proxy outside does; its answer passed back. `change` has the fields to send. */
const passOn = (weir, change) => (request, response) => {
  const headers = { ...request.headers };
  change?.(headers);
  const passed = http.request({ port: weir.port, host: "127.0.0.1", method: request.method, path: request.url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  request.pipe(passed);
};

async function until(ask, expected) {
  for (;;) {
    const answer = await ask();
    if (expected(answer)) return answer;
  }
}

// Each invocation calls the next one in the way that the first letter of ?ways= says, which turns as it goes, and puts what it
// was told is left behind what comes back.
const calls = { code: `export default { async fetch(request, env) {
  const url = new URL(request.url);
  const ways = url.searchParams.get("ways");
  const path = "/?ways=" + ways.slice(1) + ways[0];
  const mine = " " + (request.headers.get("cf-ew-via") ?? "-");
  const headers = { "CF-EW-Via": "16" };
  let response;
  if (ways[0] === "f") response = await fetch("http://" + url.host + path, { headers });
  if (ways[0] === "s") response = await env.NEXT.fetch("http://" + url.host + path, { headers });
  if (ways[0] === "r") response = await fetch(new Request("http://" + url.host + path, { headers: new Headers({ "cf-ew-via": "99, 98" }) }));
  if (ways[0] === "w") {
    const { status, webSocket } = await fetch("http://" + url.host + path, { headers: { ...headers, upgrade: "websocket" } });
    if (!webSocket) response = new Response("error code: " + (status === 500 ? 1019 : status) + "\\n", { status });
    else {
      webSocket.accept();
      response = new Response(await new Promise((resolve) => webSocket.addEventListener("message", ({ data }) => resolve(data))), { status: 500 });
      webSocket.close();
    }
  }
  const text = await response.text() + mine;
  if (request.headers.get("upgrade") !== "websocket") return new Response(text, { status: response.status });
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  server.addEventListener("close", () => server.close());
  server.send(text);
  return new Response(null, { status: 101, webSocket: client });
} }`, flags: ["global_fetch_strictly_public"], services: { NEXT: "next" } };

test("sixteen invocations, however they are joined", async (t) => {
  const scripts = {
    next: { ...calls, services: { NEXT: "other" } }, other: { ...calls, services: { NEXT: "next" } },
    lets: { code: `export default { fetch(request, env, ctx) { ctx.passThroughOnException(); throw new Error("failed"); } }` },
    silent: { code: `addEventListener("fetch", () => {});` },
    zone: { code: `export default { async fetch(request) {
      const { host } = new URL(request.url);
      const headers = { connection: "cf-ew-via, cdn-loop, keep-alive", "cf-ew-via": "16", "proxy-connection": "cf-ew-via", "cdn-loop": "" };
      return fetch("http://" + host.replace("zone", "plain"), { headers });
    } }`, flags: ["global_fetch_strictly_public"] },
  };
  const weir = await startWeir(scripts);
  let ended;
  t.after(() => ended ?? weir.stop());
  for (const ways of ["f", "s", "r", "w", "fs", "ssf", "fw", "wsfr"]) {
    await t.test(`by ${ways}`, async () => {
      const { status, text } = await weir.request("next", `/?ways=${ways}`);
      assert.equal(status, 500);
      const [page, ...left] = text.replace("error code: ", "").replace("\n", "").split(" ");
      assert.equal(page, "1019", text);
      assert.equal(left.length, 16, text);
      assert.deepEqual(left.reverse(), ["-", ...Array.from({ length: 15 }, (_, i) => String(15 - i))]);
    });
  }
  await t.test("nothing ran at zero: sixteen traces for each", async () => {
    const traces = await weir.traced((all) => all.filter((one) => one.scriptName === "next" || one.scriptName === "other").length >= 8 * 16);
    assert.equal(traces.filter((one) => one.scriptName === "next" || one.scriptName === "other").length, 8 * 16);
  });
  await t.test("a script does not get rid of the counter by naming it a field of the connection", async () => {
    const seen = [];
    const origin = await startOrigin(t, (request, response) => { seen.push(request.headers); response.end("origin"); });
    await command(weir, "zone", "add", "plain.net", "--origin", origin);
    await command(weir, "zone", "add", "zone.net");
    await command(weir, "route", "add", "zone.net/*", "--script", "zone");
    await until(() => weir.request(null, "/", { host: "zone.net" }), (answer) => answer.text === "origin");
    const { "cf-ew-via": via, "cdn-loop": loop } = seen.at(-1);
    assert.deepEqual([via, loop.split(",").filter((one) => one.trim() === "weir").length > 0], ["15", true]);
  });
  for (const script of ["lets", "silent"]) {
    await t.test(`through a proxy outside that returns what ${script} lets through`, async () => {
      let entries = 0;
      const origin = await startOrigin(t, (request, response) => {
        entries++;
        passOn(weir, (headers) => { delete headers["cf-connecting-ip"]; delete headers["x-forwarded-for"]; })(request, response);
      });
      const ask = (path) => weir.request(null, path, { host: `${script}.org` });
      await command(weir, "zone", "add", `${script}.org`);
      await command(weir, "route", "add", `${script}.org/*`, "--script", script);
      await until(() => ask("/ready"), ({ text }) => text === "error code: 1101\n");
      await command(weir, "zone", "set", `${script}.org`, "--origin", origin);
      await until(() => ask("/ready"), ({ text }) => text !== "error code: 1101\n");
      entries = 0;
      // What the last entry was refused with is an origin's answer to those before.
      const answer = await ask("/counted");
      assert.deepEqual([answer.status, answer.text, entries], [500, "error code: 1019\n", 16]);
      const ran = (all) => all.filter((one) => one.scriptName === script && one.event.request.url.endsWith("/counted")).length;
      assert.equal(ran(await weir.traced((all) => ran(all) >= 16)), 16);
    });
  }
  ended = weir.stop();
  await ended;
});

test("six connections of a chain wait for their heads", async (t) => {
  const scripts = {
    front: { code: `export default { async fetch(request, env) {
      const url = request.headers.get("x-url");
      const { pathname } = new URL(request.url);
      if (pathname === "/aside") {
        const held = Array.from({ length: 7 }, (_, i) => fetch(url + "/held" + i).then((r) => r.text()));
        const aside = await (await env.BACK.fetch("http://back/plain")).text();
        await (await env.BACK.fetch("http://back/release", { headers: { "x-url": url } })).text();
        return Response.json([aside, ...await Promise.all(held)]);
      }
      if (pathname === "/fails") {
        const lost = env.BACK.fetch("http://back/fails", { headers: { "x-url": url } }).catch((error) => error.message);
        return Response.json([await lost, await (await fetch(url + "/after")).text()]);
      }
      const own = Array.from({ length: 4 }, (_, i) => fetch(url + "/own" + i).then((r) => r.text()));
      const theirs = Array.from({ length: 3 }, (_, i) => env.BACK.fetch("http://back/many" + i, { headers: { "x-url": url } }).then((r) => r.json()));
      return Response.json([...await Promise.all(own), ...(await Promise.all(theirs)).flat()]);
    } }`, services: { BACK: "back" } },
    back: { code: `export default { async fetch(request) {
      const { pathname } = new URL(request.url);
      const url = request.headers.get("x-url");
      if (pathname === "/plain") return new Response("plain");
      if (pathname === "/release") return new Response("released");
      if (pathname === "/fails") {
        for (let i = 0; i < 6; i++) fetch(url + "/held" + i).catch(() => {});
        await scheduler.wait(0);
        throw new Error("failed meanwhile");
      }
      return Response.json(await Promise.all(Array.from({ length: 5 }, (_, i) => fetch(url + pathname + "/" + i).then((r) => r.text()))));
    } }` },
    // Each waits for the head of the next one: were that a connection, six would be the end.
    deep: { code: `export default { async fetch(request, env) {
      const left = Number(request.headers.get("x-left"));
      if (left === 0) return fetch(request.headers.get("x-url") + "/bottom");
      return env.ME.fetch("http://deep/", { headers: { "x-left": String(left - 1), "x-url": request.headers.get("x-url") } });
    } }`, services: { ME: "deep" } },
  };
  const weir = await startWeir(scripts, { flags: ["--loops", "1"] });
  t.after(() => weir.stop());
  let open = 0;
  let most = 0;
  let six;
  const held = [];
  const url = await startOrigin(t, (request, response) => {
    most = Math.max(most, ++open);
    const answer = () => { open--; response.end(request.url); };
    if (request.url.startsWith("/held")) held.push({ answer, response });
    else if (request.url === "/after" || request.url === "/bottom") answer();
    else {
      if (open === 6) six.resolve();
      six.promise.then(() => setTimeout(answer, 10));  // room for a seventh to show itself
    }
  });
  const ask = async (script, path, headers = {}) => (await weir.request(script, path, { headers: { "x-url": url, ...headers } })).text;

  await t.test("its own and those of the scripts it calls", async () => {
    six = Promise.withResolvers();
    const texts = JSON.parse(await ask("front", "/"));
    assert.deepEqual(texts, [...Array.from({ length: 4 }, (_, i) => `/own${i}`), ...Array.from({ length: 15 }, (_, i) => `/many${Math.floor(i / 5)}/${i % 5}`)]);
    assert.deepEqual([most, open], [6, 0]);
  });
  await t.test("calls of other scripts are none, and go on beside six that wait", async () => {
    most = 0;
    const answer = ask("front", "/aside");
    const isHeld = async (count) => { while (held.length < count) await new Promise(setImmediate); };
    await isHeld(6);
    await weir.traced((traces) => traces.some((one) => one.scriptName === "back" && one.event.request.url === "http://back/release"));
    assert.deepEqual([held.length, most], [6, 6]);
    held.shift().answer();
    await isHeld(6);  // the seventh
    for (const one of held.splice(0)) one.answer();
    assert.deepEqual(JSON.parse(await answer), ["plain", ...Array.from({ length: 7 }, (_, i) => `/held${i}`)]);
    assert.equal(await ask("deep", "/", { "x-left": "15" }), "/bottom");
  });
  await t.test("an invocation that ends gives back what it had", async () => {
    const answer = JSON.parse(await ask("front", "/fails"));
    assert.deepEqual(answer, ["failed meanwhile", "/after"]);
  });
});

test("an account's limits reach what runs already", async (t) => {
  const weir = await startWeir({ own: { code: `export default { fetch() { return new Response("own"); } }`, limits: { subrequests: 5 } } });
  t.after(() => weir.stop());
  const origin = await startOrigin(t, (request, response) => {
    if (request.url !== "/hop") return response.end("origin");
    response.writeHead(302, { location: "/" }).end();
  });
  const environment = await environmentOf(weir);
  const put = (name, code, limits) =>
    callApi(environment, "PUT", `{A}/workers/scripts/${name}`, { body: uploadForm(code, limits ? { limits } : {}) });
  const asks = `let served = 0; export default { async fetch(request) {
    served++;
    let count = 0;
    try { for (;;) { await (await fetch("${origin}" + new URL(request.url).pathname)).text(); count++; } }
    catch (error) { return Response.json({ count, served, name: error.name, message: error.message }); }
  } }`;
  for (const [name, limits] of [["asks"], ["few", { subrequests: 20 }]]) assert.equal((await put(name, asks, limits)).status, 200);
  const count = async (name, path = "/") => JSON.parse((await weir.request(name, path)).text);
  const exceeded = { name: "Error", message: "Too many subrequests by single Worker invocation." };
  assert.deepEqual(await count("asks"), { count: 1000, served: 1, ...exceeded });
  assert.deepEqual(await count("few"), { count: 20, served: 1, ...exceeded });
  await command(weir, "account", "set", "local", "--plan", "free", "--limit", "cpu_ms=1000", "--limit", "burst_per_minute=0");
  await until(() => count("asks"), (answer) => answer.count === 50);
  assert.equal((await count("asks", "/hop")).count, 25, "each hop of a redirect is one");
  assert.equal((await count("few")).count, 20, "what the script asked for is less");
  await command(weir, "account", "set", "local", "--limit", "subrequests=7");
  await until(() => count("asks"), (answer) => answer.count === 7);
  assert.equal((await count("few")).count, 7);
  const { served } = await count("asks");
  await command(weir, "account", "set", "local", "--limit", "requests_per_day=100000");
  await command(weir, "zone", "add", "later.test");  // published after it
  await until(() => weir.request(null, "/", { host: "later.test" }), (answer) => answer.status === 523);
  assert.equal((await count("asks")).served, served + 1, "a limit that concerns no version leaves its isolates alone");
});
