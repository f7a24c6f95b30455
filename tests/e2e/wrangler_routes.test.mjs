// Routes, zones and custom domains as wrangler deploys them, and as other clients of the management API change them.
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";

import { callApi, releases, startProject } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

const saying = (text) => ({ "src/index.js": `export default { fetch(request) { return new Response("${text} " + new URL(request.url).pathname); } };` });

async function zone(weir, ...args) {
  return JSON.parse((await command(weir, "zone", "add", ...args, "--json")).stdout);
}

const at = (weir, host, path = "/") => weir.request("", path, { host });

for (const release of releases) {
  test(`${release}: routes of the configuration are made, changed and served`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    const origin = http.createServer((request, response) => response.end("the origin"));
    await new Promise((done) => origin.listen(0, "127.0.0.1", done));
    t.after(() => origin.close());
    const made = await zone(weir, "example.com", "--origin", `http://127.0.0.1:${origin.address().port}`);
    await zone(weir, "example.org");
    const project = await startProject(t, weir, { release, files: saying("one"),
      config: { workers_dev: false, routes: ["example.com/api/*", { pattern: "*.example.org/*", zone_name: "example.org" }] } });
    let listed;
    const routesOf = async () => (await callApi(project.environment, "GET", `/zones/${made.id}/workers/routes`)).body.result;
    await project.shows("deploy: routes", async () => {
      const deployed = await project.run("deploy");
      assert.match(deployed.stdout, /example\.com\/api\/\*/);
      assert.equal((await at(weir, "example.com", "/api/x")).text, "one /api/x");
      assert.equal((await at(weir, "www.example.org", "/y")).text, "one /y");
      assert.equal((await at(weir, "example.com", "/other")).text, "the origin");
      listed = await routesOf();
      assert.deepEqual(listed.map(({ pattern, script }) => [pattern, script]), [["example.com/api/*", "hello"]]);

      // Another set of routes takes the place of the first; what is in both keeps its id.
      project.configure({ workers_dev: false, routes: [{ pattern: "example.com/api/*", zone_id: made.id }, "example.com/more*"] });
      await project.run("deploy");
      assert.equal((await at(weir, "example.com", "/more")).text, "one /more");
      assert.notEqual((await at(weir, "www.example.org", "/y")).text, "one /y");
      const now = await routesOf();
      assert.deepEqual(now.map((route) => route.pattern), ["example.com/api/*", "example.com/more*"]);
      assert.equal(now[0].id, listed[0].id);
    });
    await project.shows("deploy: workers.dev on and off", async () => {
      assert.equal((await weir.request("hello")).status, 404);
      project.configure({ workers_dev: true, routes: ["example.com/api/*"] });
      await project.run("deploy");
      assert.equal((await weir.request("hello", "/z")).text, "one /z");
      project.configure({ workers_dev: false, routes: ["example.com/api/*"] });
      await project.run("deploy");
      assert.equal((await weir.request("hello")).status, 404);
    });
  });

  test(`${release}: custom domains of the configuration are made, moved and served`, async (t) => {
    const weir = await startWeir({});
    t.after(() => weir.stop());
    await zone(weir, "example.com");
    const config = { workers_dev: false, routes: [{ pattern: "shop.example.com", custom_domain: true }] };
    const one = await startProject(t, weir, { release, files: saying("one"), config });
    await one.shows("deploy: custom domains", async () => {
      const deployed = await one.run("deploy");
      assert.match(deployed.stdout, /shop\.example\.com \(custom domain\)/);
      assert.equal((await at(weir, "shop.example.com", "/a")).text, "one /a");
      const [first] = (await callApi(one.environment, "GET", "{A}/workers/domains")).body.result;
      assert.equal(first.hostname, "shop.example.com");
      assert.equal(first.service, "hello");
      assert.equal(first.zone_name, "example.com");

      // Another Worker takes it over, and the first has it no longer.
      const two = await startProject(t, weir, { release, files: saying("two"), config: { ...config, name: "second" } });
      await two.run("deploy");
      assert.equal((await at(weir, "shop.example.com", "/a")).text, "two /a");
      const domains = (await callApi(one.environment, "GET", "{A}/workers/domains")).body.result;
      assert.deepEqual(domains.map(({ id, service }) => [id, service]), [[first.id, "second"]]);
      const changes = await callApi(one.environment, "POST", "{A}/workers/scripts/hello/domains/changeset?replace_state=true",
        { body: JSON.stringify([{ hostname: "shop.example.com" }, { hostname: "new.example.com" }]) });
      assert.deepEqual(changes.body.result.updated.map(({ id, modified }) => [id, modified]), [[first.id, true]]);
      assert.deepEqual(changes.body.result.added.map((one) => one.hostname), ["new.example.com"]);
      assert.deepEqual(changes.body.result.conflicting, []);

      // Its own others go when these are all.
      two.configure({ ...config, name: "second", routes: [{ pattern: "other.example.com", custom_domain: true }] });
      await two.run("deploy");
      assert.equal((await at(weir, "other.example.com")).text, "two /");
      assert.notEqual((await at(weir, "shop.example.com")).text, "two /");
    });
  });
}

test("routes and domains that cannot be had are refused, and nothing of them is made", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const made = await zone(weir, "example.com");
  await command(weir, "account", "add", "other");
  await zone(weir, "other.example.com", "--account", "other");
  const one = await startProject(t, weir, { files: saying("one"), config: { workers_dev: false, routes: ["example.com/*"] } });
  await one.run("deploy");
  const refused = async (config, pattern) => {
    const project = await startProject(t, weir, { files: saying("two"), config: { workers_dev: false, name: "second", ...config } });
    const result = await project.tryRun("deploy");
    assert.equal(result.code, 1, result.text);
    assert.match(result.text, pattern);
  };
  await refused({ routes: ["nowhere.org/*"] }, /The host name nowhere\.org is in no zone of your account\. Zones are made by whoever operates this platform\. \[code: 100112\]/);
  await refused({ workers_dev: true, routes: ["example.com/fresh", "nowhere.org/*"] }, /nowhere\.org is in no zone of your account.*\[code: 100112\]/s);
  await refused({ workers_dev: true, routes: [{ pattern: "x.other.example.com", custom_domain: true }] }, /x\.other\.example\.com is in no zone of your account/);
  await refused({ workers_dev: true, routes: [{ pattern: "example.com/fresh", zone_id: "f".repeat(32) }] }, /There is no zone f{32} on your account/);
  const routes = await callApi(one.environment, "GET", `/zones/${made.id}/workers/routes`);
  assert.deepEqual(routes.body.result.map(({ pattern, script }) => [pattern, script]), [["example.com/*", "hello"]]);

  const put = (script, body) => callApi(one.environment, "PUT", `{A}/workers/scripts/${script}/routes`, { body: JSON.stringify(body) });
  const taken = await put("second", [{ pattern: "example.com/mine" }, { pattern: "example.com/*" }]);
  assert.equal(taken.status, 409);
  assert.equal(taken.body.errors[0].code, 10020);
  assert.equal((await callApi(one.environment, "GET", `/zones/${made.id}/workers/routes`)).body.result.length, 1);
  assert.equal((await put("nobody", [])).body.errors[0].code, 10007);
  assert.equal((await put("hello", [{ pattern: "example.com/x?y" }])).body.errors[0].code, 10022);
  assert.equal((await put("hello", {})).body.errors[0].code, 10026);
  assert.equal((await put("hello", [{}])).body.errors[0].code, 10026);

  // `*/*` is a route in each zone of the account.
  const everywhere = await put("hello", [{ pattern: "*/*" }]);
  assert.deepEqual(everywhere.body.result.map(({ pattern, zone_name }) => [pattern, zone_name]), [["*/*", "example.com"]]);
  assert.equal((await at(weir, "deep.below.example.com", "/q")).text, "one /q");
});

test("zones and routes have the public paths of the API", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: saying("one") });
  await project.run("deploy");
  const { environment } = project;
  const call = async (method, path, body, options = {}) => {
    const answered = await callApi(environment, method, path, { body: body && JSON.stringify(body), ...options });
    return { ...answered.body, status: answered.status };
  };
  // An account's token makes no zones; one for every account does.
  const account = environment.CLOUDFLARE_ACCOUNT_ID;
  const refused = await call("POST", "/zones", { name: "example.com", account: { id: account } });
  assert.equal(refused.status, 403);
  assert.match(refused.errors[0].message, /does not allow making zones; that is for whoever operates this platform/);
  const operator = { token: (await command(weir, "token", "create", "ops", "--every-account")).stdout.trim() };
  const made = await call("POST", "/zones", { name: "Example.com", account: { id: account } }, operator);
  assert.equal(made.success, true, JSON.stringify(made));
  assert.equal(made.result.name, "example.com");
  assert.equal(made.result.status, "active");
  assert.equal((await call("POST", "/zones", { name: "example.com", account: { id: account } }, operator)).errors[0].code, 1061);
  const id = made.result.id;
  assert.equal((await call("GET", `/zones/${id}`)).result.account.id, account);
  assert.deepEqual((await call("GET", "/zones?name=example.com")).result.map((one) => one.id), [id]);
  assert.deepEqual((await call("GET", "/zones?name=example.net")).result, []);
  assert.equal((await call("GET", `/zones?account.id=${"0".repeat(32)}`)).status, 403);
  assert.equal((await call("PATCH", `/zones/${id}`, { origin: "http://127.0.0.1:9" })).status, 403);
  assert.equal((await call("PATCH", `/zones/${id}`, { origin: "http://127.0.0.1:9" }, operator)).result.origin, "http://127.0.0.1:9");

  const routes = `/zones/${id}/workers/routes`;
  const route = await call("POST", routes, { pattern: "example.com/a*", script: "hello", request_limit_fail_open: true });
  assert.equal(route.result.pattern, "example.com/a*");
  assert.equal(route.result.request_limit_fail_open, true);
  assert.equal((await at(weir, "example.com", "/abc")).text, "one /abc");
  assert.equal((await call("POST", routes, { pattern: "example.com/a*" })).errors[0].code, 10020);
  assert.equal((await call("POST", routes, { pattern: "example.com/b", script: "nobody" })).errors[0].code, 10007);
  const changed = await call("PUT", `${routes}/${route.result.id}`, { pattern: "example.com/b*", script: "hello" });
  assert.equal(changed.result.id, route.result.id);
  assert.equal((await at(weir, "example.com", "/bcd")).text, "one /bcd");
  assert.equal((await call("GET", `${routes}/${route.result.id}`)).result.pattern, "example.com/b*");
  assert.equal((await call("DELETE", `${routes}/${route.result.id}`)).result.id, route.result.id);
  assert.equal((await call("GET", `${routes}/${route.result.id}`)).errors[0].code, 10009);

  // Another account sees none of it.
  await command(weir, "account", "add", "other");
  const stranger = { token: (await command(weir, "token", "create", "s", "--account", "other")).stdout.trim() };
  assert.deepEqual((await call("GET", "/zones", undefined, stranger)).result, []);
  for (const [method, path] of [["GET", `/zones/${id}`], ["GET", routes], ["POST", routes], ["DELETE", `/zones/${id}`], ["GET", "/zones/example.com"]]) {
    const hidden = await call(method, path, method === "POST" ? { pattern: "example.com/x" } : undefined, stranger);
    assert.equal(hidden.status, 404, `${method} ${path}`);
    assert.equal(hidden.errors[0].code, 7003);
  }
  assert.equal((await call("DELETE", `/zones/${id}`, undefined, operator)).result.id, id);

  const domain = await call("PUT", "{A}/workers/domains", { hostname: "any.example.net", service: "hello" }, operator);
  assert.equal(domain.result.zone_id, null);
  assert.equal((await at(weir, "any.example.net", "/d")).text, "one /d");
  assert.equal((await call("PUT", "{A}/workers/domains", { hostname: "mine.example.net", service: "hello" })).errors[0].code, 100112);
  assert.equal((await call("GET", `{A}/workers/domains/${domain.result.id}`)).result.hostname, "any.example.net");
  assert.equal((await call("GET", `{A}/workers/domains/records/${domain.result.id}`)).result.service, "hello");
  assert.deepEqual((await call("GET", "{A}/workers/domains?service=nobody")).result, []);
  assert.equal((await call("DELETE", `{A}/workers/domains/${domain.result.id}`)).result.id, domain.result.id);
  assert.equal((await call("DELETE", `{A}/workers/domains/${domain.result.id}`)).errors[0].code, 100114);
});
