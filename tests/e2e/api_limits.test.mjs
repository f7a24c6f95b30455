// Refusals that depend on what an account has and may have: its names, its limits, its newest version.
import assert from "node:assert/strict";
import { test } from "node:test";

import { callApi, environmentOf, environmentOfAccount, startProject, uploadForm } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

const works = "export default { fetch() { return new Response('works'); }, scheduled() {} };";

function refused(answer, status, code, message) {
  const said = `${answer.status} ${JSON.stringify(answer.body)}`;
  assert.equal(answer.status, status, said);
  assert.equal(answer.body.errors[0].code, code, said);
  assert.match(answer.body.errors[0].message, message, said);
}

test("what an account may not have more of", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const call = (method, path, body) => callApi(environment, method, path, { body });
  const limit = (name, value) => command(weir, "account", "set", "local", "--limit", `${name}=${value}`);
  const put = (name, code = works, metadata = {}) => call("PUT", `{A}/workers/scripts/${name}`, uploadForm(code, metadata));
  assert.equal((await put("one")).status, 200);

  await limit("scripts", 1);
  refused(await put("two"), 403, 10037, /^Worker limit reached: your account allows 1 Workers\./);
  const project = await startProject(t, weir, { files: { "src/index.js": works }, config: { name: "three" } });
  const deployed = await project.tryRun("deploy");
  assert.equal(deployed.code, 1);
  assert.match(deployed.text, /Worker limit reached: your account allows 1 Workers\.[^]*\[code: 10037\]/);
  assert.equal((await put("one")).status, 200, "what is there may be uploaded again");

  await limit("schedules", 1);
  refused(await call("PUT", "{A}/workers/scripts/one/schedules", JSON.stringify([{ cron: "* * * * *" }, { cron: "0 0 * * *" }])), 403, 10072, /1/);
  project.configure({ name: "one", triggers: { crons: ["* * * * *", "0 0 * * *"] } });
  assert.match((await project.tryRun("deploy")).text, /\[code: 10072\]/);

  await command(weir, "zone", "add", "example.com");
  await limit("routes_per_zone", 1);
  assert.equal((await call("POST", "/zones/example.com/workers/routes", { pattern: "example.com/a", script: "one" })).status, 200);
  refused(await call("POST", "/zones/example.com/workers/routes", { pattern: "example.com/b", script: "one" }), 403, 10073, /1/);
  await limit("routes_per_zone", 2);
  refused(await call("POST", "/zones/example.com/workers/routes", { pattern: "example.com/a", script: "one" }), 409, 10020, /has it already/);
  refused(await call("GET", "/zones/example.com/workers/routes/none"), 404, 10009, /./);

  await limit("bundle_bytes", 1000);
  refused(await put("one", `${works}\n// ${"x".repeat(1000)}`), 400, 10027, /^Worker exceeds the size limit of /);
});

test("names that are taken or missing", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const call = (method, path, body) => callApi(environment, method, path, { body });
  await command(weir, "account", "add", "second", "--subdomain", "second");
  refused(await call("GET", "{A}/workers/subdomains/second"), 409, 10031, /not available/);
  refused(await call("PUT", "{A}/workers/subdomain", { subdomain: "second" }), 409, 10031, /./);
  refused(await call("GET", "{A}/workers/subdomains/free"), 404, 10032, /can be registered/);

  await command(weir, "account", "add", "bare");
  const bare = await environmentOfAccount(weir, "bare");
  assert.equal((await callApi(bare, "PUT", "{A}/workers/scripts/one", { body: uploadForm(works) })).status, 200);
  const enable = () => callApi(bare, "POST", "{A}/workers/scripts/one/subdomain", { body: { enabled: true } });
  refused(await enable(), 404, 10063, /subdomain/);
  assert.equal((await callApi(bare, "POST", "{A}/workers/scripts/one/subdomain", { body: { enabled: false } })).status, 200);
  assert.equal((await callApi(bare, "PUT", "{A}/workers/subdomain", { body: { subdomain: "bare" } })).status, 200);
  assert.equal((await enable()).status, 200);
});

test("what does not fit a Worker's versions", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const call = (method, path, body) => callApi(environment, method, `{A}/workers/scripts/hello${path}`, { body });
  refused(await call("PUT", "", uploadForm("export default { connect() {}, test() {} };")), 400, 10069, /event handlers unsupported/);
  assert.equal((await call("PUT", "", uploadForm(works))).status, 200);
  refused(await call("GET", "/secrets/NONE"), 404, 10056, /NONE/);
  refused(await call("DELETE", "/secrets/NONE"), 404, 10056, /NONE/);
  const uploaded = await call("POST", "/versions", uploadForm(works));
  refused(await call("PUT", "/secrets", { name: "KEY", text: "text", type: "secret_text" }), 400, 10215, /latest version of this Worker is not deployed/);
  const share = (version_id, percentage) => call("POST", "/deployments", { strategy: "percentage", versions: [{ version_id, percentage }] });
  refused(await share(uploaded.body.result.id, 50), 400, 10210, /./);
  refused(await share("00000000-0000-4000-8000-000000000000", 100), 404, 10071, /./);
  assert.equal((await share(uploaded.body.result.id, 100)).status, 200);
  assert.equal((await call("PUT", "/secrets", { name: "KEY", text: "text", type: "secret_text" })).status, 200);
});
