// Who may do what through the management API, how failures are slowed, and what the audit log tells of it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callApi, environmentOf, startProject } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

const script = { "src/index.js": `export default { fetch() { return new Response("hello"); } };` };
const token = async (weir, ...args) => (await command(weir, "token", "create", ...args)).stdout.trim();

async function caller(weir) {
  const environment = await environmentOf(weir);
  return async (method, path, { body, ...options } = {}) => {
    const answered = await callApi(environment, method, path, { body: body && JSON.stringify(body), ...options });
    return { ...answered.body, status: answered.status, headers: answered.headers };
  };
}

test("a token does what its scope says and no more", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: script });
  await project.run("deploy");
  project.configure({ name: "shop" });
  await project.run("deploy");
  const call = await caller(weir);

  const reader = { token: await token(weir, "reader", "--read-only") };
  assert.equal((await call("GET", "{A}/workers/scripts", reader)).result.length, 2);
  for (const [method, path] of [["DELETE", "{A}/workers/scripts/shop"], ["PUT", "{A}/workers/scripts/shop/schedules"], ["PUT", "{A}/workers/subdomain"], ["POST", "/user/tokens"]]) {
    const refused = await call(method, path, { ...reader, body: {} });
    assert.equal(refused.status, 403, path);
    assert.equal(refused.errors[0].code, 10023);
  }
  const denied = await project.tryRunWith({ env: { CLOUDFLARE_API_TOKEN: reader.token } }, "deploy");
  assert.equal(denied.code, 1);
  assert.match(denied.text, /does not allow changes/);

  const narrow = { token: await token(weir, "narrow", "--script", "shop") };
  const deployed = await project.runWith({ env: { CLOUDFLARE_API_TOKEN: narrow.token } }, "deploy");
  assert.match(deployed.stdout, /Uploaded shop/);
  for (const [method, path] of [["GET", "{A}/workers/scripts/hello/settings"], ["DELETE", "{A}/workers/scripts/hello"], ["PUT", "{A}/workers/subdomain"],
    ["PUT", "{A}/workers/domains"], ["POST", "/zones"], ["GET", "/user/tokens"], ["GET", "{A}/audit_logs"]]) {
    const refused = await call(method, path, { ...narrow, body: method === "GET" ? undefined : {} });
    assert.equal(refused.status, 403, path);
    assert.equal(refused.errors[0].code, 10023, path);
  }

  await command(weir, "account", "add", "other");
  const stranger = { token: await token(weir, "stranger", "--account", "other") };
  const refused = await call("GET", "{A}/workers/scripts", stranger);
  assert.equal(refused.status, 403);
  assert.equal(refused.errors[0].code, 9109);
  const { stdout, stderr } = await command(weir, "env", "--json", "--account", "other");
  assert.deepEqual(Object.keys(JSON.parse(stdout)), ["CLOUDFLARE_API_BASE_URL", "CLOUDFLARE_ACCOUNT_ID"]);
  assert.match(stderr, /weir token create NAME --account other/);
  assert.deepEqual((await call("GET", "/accounts", stranger)).result.map((one) => one.name), ["other"]);

  // As a key with an e-mail address, which wins over a token.
  const key = { headers: { "x-auth-key": narrow.token, "x-auth-email": "me@example.com" } };
  assert.equal((await call("GET", "{A}/workers/scripts/shop/settings", key)).success, true);
  assert.equal((await call("GET", "{A}/workers/scripts/hello/settings", key)).errors[0].code, 10023);
  const keyed = await project.runWith({ env: { CLOUDFLARE_API_TOKEN: "", CLOUDFLARE_API_KEY: narrow.token, CLOUDFLARE_EMAIL: "me@example.com" } }, "deploy");
  assert.match(keyed.stdout, /Uploaded shop/);

  // Revoked: worth nothing at once.
  await command(weir, "token", "revoke", "narrow");
  assert.equal((await call("GET", "{A}/workers/scripts/shop/settings", narrow)).errors[0].code, 10000);
});

test("tokens are made, rolled and revoked through the API, by who may", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const call = await caller(weir);
  const { CLOUDFLARE_ACCOUNT_ID: account } = await environmentOf(weir);
  const [read, write] = (await call("GET", "/user/tokens/permission_groups")).result;
  const policy = (groups, resource = `com.cloudflare.api.account.${account}`) =>
    [{ effect: "allow", resources: { [resource]: "*" }, permission_groups: groups.map(({ id }) => ({ id })) }];
  const made = await call("POST", "/user/tokens", { body: { name: "ci", policies: policy([read, write]), expires_on: "2100-01-01T00:00:00Z" } });
  assert.equal(made.success, true, JSON.stringify(made.errors));
  assert.match(made.result.value, /^weir_/);
  assert.equal(made.result.status, "active");
  assert.equal(made.result.expires_on, "2100-01-01T00:00:00.000Z");
  assert.deepEqual(made.result.policies[0].resources, { [`com.cloudflare.api.account.${account}`]: "*" });
  const ci = { token: made.result.value };
  assert.equal((await call("GET", "/user/tokens/verify", ci)).result.id, made.result.id);
  const shown = await call("GET", `{A}/tokens/${made.result.id}`);
  assert.equal(shown.result.name, "ci");
  assert.equal(shown.result.value, undefined);

  const rolled = await call("PUT", `/user/tokens/${made.result.id}/value`, { body: {} });
  assert.match(rolled.result, /^weir_/);
  assert.equal((await call("GET", "/user/tokens/verify", ci)).errors[0].code, 10000);
  ci.token = rolled.result;
  assert.equal((await call("GET", "/user/tokens/verify", ci)).success, true);

  // Nobody gives more than they have.
  const refusals = [
    [{ name: "x", policies: policy([read], "com.cloudflare.api.account.*"), expires_on: "2099-01-01" }, 403, 10023],
    [{ name: "x", policies: policy([read], `com.cloudflare.api.account.${"0".repeat(32)}`), expires_on: "2099-01-01" }, 403, 9109],
    [{ name: "x", policies: policy([read]) }, 403, 10023],  // it would outlive its maker
    [{ name: "x", policies: policy([read]), expires_on: "2100-01-02" }, 403, 10023],
    [{ name: "x", policies: policy([]), expires_on: "2099-01-01" }, 400, 10026],
    [{ name: "x", policies: [], expires_on: "2099-01-01" }, 400, 10026],
    [{ name: "x", policies: policy([{ id: "0" }]), expires_on: "2099-01-01" }, 400, 10026],
    [{ name: "x", policies: policy([read], "com.cloudflare.api.user.1"), expires_on: "2099-01-01" }, 400, 10026],
    [{ name: "x", policies: policy([read]), expires_on: "tomorrow" }, 400, 10026],
    [{ name: "x", policies: policy([read]), expires_on: "2099-01-01", condition: { "request.ip": { in: ["192.0.2.1"] } } }, 400, 10026],
    [{ name: "x", policies: policy([read]), expires_on: "2001-01-01" }, 400, 1002],
    [{ name: "ci", policies: policy([read]), expires_on: "2099-01-01" }, 409, 1003],
    [{ policies: policy([read]), expires_on: "2099-01-01" }, 400, 10026],
  ];
  for (const [body, status, code] of refusals) {
    const refused = await call("POST", "/user/tokens", { ...ci, body });
    assert.equal(refused.errors[0]?.code, code, JSON.stringify([body, refused.errors]));
    assert.equal(refused.status, status, JSON.stringify(body));
  }
  const narrow = await call("POST", "{A}/tokens", { ...ci, body: { name: "shop", expires_on: "2099-01-01",
    policies: policy([read, write], `com.cloudflare.edge.worker.script.${account}_shop`) } });
  assert.deepEqual(narrow.result.policies[0].resources, { [`com.cloudflare.edge.worker.script.${account}_shop`]: "*" });

  await command(weir, "account", "add", "other");
  const stranger = { token: await token(weir, "stranger", "--account", "other") };
  assert.deepEqual((await call("GET", "/user/tokens", stranger)).result.map((one) => one.name), ["stranger"]);
  for (const method of ["GET", "DELETE"]) assert.equal((await call(method, `/user/tokens/${made.result.id}`, stranger)).errors[0].code, 1001);
  assert.equal((await call("PUT", `/user/tokens/${made.result.id}/value`, { ...stranger, body: {} })).errors[0].code, 1001);

  assert.equal((await call("DELETE", `/user/tokens/${made.result.id}`)).result.id, made.result.id);
  assert.equal((await call("GET", "/user/tokens/verify", ci)).errors[0].code, 10000);
});

test("accounts are made, changed and removed by an operator's token", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const call = await caller(weir);
  assert.equal((await call("POST", "/accounts", { body: { name: "acme" } })).errors[0].code, 10023);
  assert.equal((await call("PUT", "{A}", { body: { suspended: true } })).errors[0].code, 10023);
  const ops = { token: await token(weir, "ops", "--every-account") };
  const made = await call("POST", "/accounts", { ...ops, body: { name: "acme", type: "standard", subdomain: "acme", plan: "free" } });
  assert.equal(made.success, true, JSON.stringify(made.errors));
  assert.equal(made.result.plan, "free");
  assert.equal((await call("POST", "/accounts", { ...ops, body: { name: "acme" } })).status, 409);
  assert.equal((await call("POST", "/accounts", { ...ops, body: { name: "b", plan: "gold" } })).errors[0].code, 10026);
  assert.deepEqual((await call("GET", "/accounts", ops)).result.map((one) => one.name), ["local", "acme"]);
  const changed = await call("PUT", `/accounts/${made.result.id}`, { ...ops, body: { name: "acme inc", suspended: true } });
  assert.equal(changed.result.name, "acme inc");
  assert.equal(changed.result.suspended, true);
  assert.equal((await call("GET", `/accounts/${made.result.id}`, ops)).result.name, "acme inc");
  assert.equal((await call("DELETE", `/accounts/${made.result.id}`, ops)).result.id, made.result.id);
  assert.equal((await call("GET", "/accounts", ops)).result.length, 1);
});

test("whoever fails too often has to wait, and nobody else", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const call = await caller(weir);
  const late = { token: await token(weir, "late") };
  assert.equal((await call("GET", "/user/tokens/verify")).success, true);
  assert.equal((await call("GET", "/user/tokens/verify", { token: null })).errors[0].code, 9106);
  for (let i = 0; i < 20; ++i) {
    const refused = await call("GET", "/user/tokens/verify", { token: `wrong${i}` });
    assert.equal(refused.status, 403, i);
    assert.equal(refused.errors[0].code, 10000);
  }
  // The next is not even looked at: a good one that was not seen before is refused, too.
  const slowed = await call("GET", "/user/tokens/verify", late);
  assert.equal(slowed.status, 429);
  assert.equal(slowed.errors[0].code, 10000);
  assert.match(slowed.errors[0].message, /Wait [123] seconds/);
  assert.match(slowed.headers.get("retry-after"), /^[123]$/);
  // Who was known before goes on.
  assert.equal((await call("GET", "/user/tokens/verify")).success, true);
});

test("the audit log tells of what was done through the API", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: script });
  await project.run("deploy");
  await project.runWith({ input: "hunter2\n" }, "secret", "put", "PASSWORD");
  const call = await caller(weir);
  assert.equal((await call("DELETE", "{A}/workers/scripts/hello")).success, true);
  const all = await call("GET", "{A}/audit_logs?direction=asc");
  const mine = all.result.filter((one) => one.interface === "api").map((one) => `${one.action.type} ${one.resource.type} ${one.resource.id}`);
  assert.equal(mine[0], "upload script hello");
  assert.equal(mine.at(-1), "delete script hello");
  assert.equal(mine.filter((one) => one === "upload script hello").length, 2);
  assert.ok(!JSON.stringify(all).includes("hunter2"));
  const upload = all.result.find((one) => one.interface === "api");
  assert.equal(upload.actor.type, "token");
  assert.equal(upload.actor.email, "first start");
  assert.equal(upload.actor.ip, "127.0.0.1");
  assert.equal(upload.owner.id, project.environment.CLOUDFLARE_ACCOUNT_ID);
  assert.ok(Math.abs(Date.parse(upload.when) - Date.now()) < 600_000);
  assert.equal(all.result_info.total_count, all.result.length);

  const site = await startProject(t, weir, { files: { "public/a.txt": "a", "public/b.txt": "b" }, config: { name: "site", main: undefined, assets: { directory: "public" } } });
  await site.run("deploy");
  const assets = (await call("GET", "{A}/audit_logs?resource.type=assets&direction=asc")).result;
  assert.deepEqual(assets.map((entry) => [entry.action.type, entry.resource.id, entry.metadata.files, entry.actor.type, entry.actor.email, entry.actor.ip]),
    [["create", "site", 2, "token", "first start", "127.0.0.1"], ["upload", "site", 2, "token", "first start", "127.0.0.1"]]);
  assert.equal(assets[1].metadata.session, assets[0].metadata.session);

  const one = await call("GET", "{A}/audit_logs?action.type=delete&resource.type=script&per_page=1");
  assert.deepEqual(one.result.map((entry) => entry.action.type), ["delete"]);
  assert.deepEqual((await call("GET", `{A}/audit_logs?id=${upload.id}`)).result.map((entry) => entry.id), [upload.id]);
  assert.deepEqual((await call("GET", "{A}/audit_logs?before=2026-01-01")).result, []);
  assert.equal((await call("GET", "{A}/audit_logs?since=now")).errors[0].code, 10004);
  assert.equal((await call("GET", "{A}/audit_logs?page=0")).errors[0].code, 10004);
  assert.deepEqual(JSON.parse((await command(weir, "audit", "--actor", "first start", "--action", "delete", "--json")).stdout).map((entry) => entry.name), ["hello"]);
});
