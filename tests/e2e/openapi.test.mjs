// The description of the management API: a valid document, of what is really there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

import { callApi, environmentOf, uploadForm } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

test("GET /client/v4/openapi.json", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = await environmentOf(weir);
  const { status, headers, body } = await callApi(environment, "GET", "/openapi.json", { token: "" });
  assert.equal(status, 200, "anybody may read it");
  assert.equal(headers.get("content-type"), "application/json");
  const { valid, errors } = await new Validator().validate(structuredClone(body));
  assert.ok(valid, JSON.stringify(errors, null, 1));
  assert.equal(body.servers[0].url, "/client/v4");

  const operations = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })));
  assert.ok(operations.length > 80, `${operations.length} operations`);
  assert.equal(new Set(operations.map((one) => one.operationId)).size, operations.length);
  for (const { path, summary, parameters, security } of operations) {
    assert.match(summary, /^[A-Z].*[^.]$/, path);
    const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]);
    assert.deepEqual(parameters.filter((one) => one.in === "path").map((one) => one.name), inPath, path);
    for (const each of security) assert.ok(Object.values(each).every(([scope]) => scope === "read" || scope === "write"), path);
  }

  // Each is there: another method of the same path is refused as a method, another path as a path.
  const place = (path) => path.replaceAll(/\{account\}/g, environment.CLOUDFLARE_ACCOUNT_ID).replaceAll(/\{[^}]+\}/g, "none");
  for (const { path, method } of operations.filter((one) => one.method === "GET")) {
    const answer = await callApi(environment, method, place(path));
    const code = answer.body?.errors?.[0]?.code;
    assert.ok(code !== 7001 && (code !== 7003 || path.startsWith("/zones/")), `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  for (const path of Object.keys(body.paths)) {
    const answer = await callApi(environment, "PROPFIND", place(path));
    assert.equal(answer.body.errors[0].code, 7001, path);
  }
  assert.equal((await callApi(environment, "GET", "/none")).body.errors[0].code, 7003);

  // What a token needs is what the document says.
  const { body: made } = await callApi(environment, "POST", "{A}/tokens", { body: { name: "reader",
    policies: [{ effect: "allow", resources: { [`com.cloudflare.api.account.${environment.CLOUDFLARE_ACCOUNT_ID}`]: "*" },
      permission_groups: [{ id: (await callApi(environment, "GET", "{A}/tokens/permission_groups")).body.result[0].id }] }] } });
  for (const { path, method, security } of operations) {
    if (method === "GET" || security.length === 0) continue;
    const answer = await callApi(environment, method, place(path), { token: made.result.value });
    assert.equal(answer.status, 403, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    assert.deepEqual(security[0], { token: ["write"] }, path);
  }
});

// Looks at answers as strictly as it goes: what the document does not tell of is not in them.
function strictly(schema) {
  if (Array.isArray(schema)) return schema.map(strictly);
  if (schema === null || typeof schema !== "object") return schema;
  const own = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, strictly(value)]));
  return own.type === "object" && own.properties ? { additionalProperties: false, ...own } : own;
}

test("answers are what the description says", async (t) => {
  const weir = await startWeir({});
  t.after(() => weir.stop());
  const environment = { ...await environmentOf(weir), CLOUDFLARE_API_TOKEN: (await command(weir, "token", "create", "operator", "--every-account")).stdout.trim() };
  const { body: description } = await callApi(environment, "GET", "/openapi.json");
  const ajv = new Ajv({ strict: false });
  addFormats(ajv);
  ajv.addSchema({ $id: "api", ...strictly({ components: description.components }) });
  const unseen = new Set(Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, one]) => one.responses["2XX"]).map(([method]) => `${method.toUpperCase()} ${path}`)));
  const account = environment.CLOUDFLARE_ACCOUNT_ID;

  const visit = async (method, template, { at = {}, query = "", ...options } = {}) => {
    const values = { account, script: "hello", environment: "production", ...at };
    const path = template.replaceAll(/\{([^}]+)\}/g, (_, name) => values[name] ?? assert.fail(`${template} has a {${name}}`));
    const { status, body } = await callApi(environment, method, path + query, options);
    assert.ok(status >= 200 && status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
    const [[media, { schema }]] = Object.entries(description.paths[template][method.toLowerCase()].responses["2XX"].content);
    unseen.delete(`${method} ${template}`);
    if (media !== "application/json") return body;
    const result = schema.allOf[1].properties.result;
    for (const [what, value, reference] of [["envelope", body, { $ref: "#/components/schemas/Envelope" }], ["result", body.result, result]]) {
      const check = ajv.compile({ ...JSON.parse(JSON.stringify(strictly(reference)).replaceAll("#/", "api#/")) });
      assert.ok(check(value), `${what} of ${method} ${path}: ${JSON.stringify(check.errors)} in ${JSON.stringify(value)}`);
    }
    return body.result;
  };
  const A = "/accounts/{account}";
  const W = `${A}/workers`;
  const S = `${W}/scripts/{script}`;
  const form = (metadata, files = "export default { fetch() {}, scheduled() {}, tail() {} };") => uploadForm(files, metadata);

  // ---- who asks, accounts, tokens
  const user = await visit("GET", "/user");
  const isUser = ajv.compile({ $ref: "api#/components/schemas/User" });
  for (const wrong of [{ ...user, more: 1 }, { ...user, email: undefined }, { ...user, suspended: "no" }]) assert.equal(isUser(JSON.parse(JSON.stringify(wrong))), false, "looking helps");
  await visit("GET", "/user/tokens/verify");
  await visit("GET", "/accounts");
  await visit("GET", "/memberships");
  const second = await visit("POST", "/accounts", { body: { name: "second", plan: "paid" } });
  await visit("PUT", A, { at: { account: second.id }, body: { suspended: true, subdomain: "second" } });
  await visit("GET", A, { at: { account: second.id } });
  await visit("DELETE", A, { at: { account: second.id } });
  for (const place of ["/user/tokens", `${A}/tokens`]) {
    const groups = await visit("GET", `${place}/permission_groups`);
    const made = await visit("POST", place, { body: { name: `of ${place}`, expires_on: "2999-01-01T00:00:00Z",
      policies: [{ effect: "allow", resources: { [`com.cloudflare.api.account.${account}`]: "*" }, permission_groups: groups.map(({ id }) => ({ id })) }] } });
    const at = { token: made.id };
    await visit("PUT", `${place}/{token}/value`, { at, body: {} });
    await visit("GET", `${place}/{token}`, { at });
    await visit("GET", place);
    await visit("DELETE", `${place}/{token}`, { at });
  }

  // ---- a Worker with all there is to it, and one that it calls and tells
  const file = "hello, world\n";
  const hash = "0123456789abcdef0123456789abcdef";
  await visit("PUT", S, { at: { script: "other" }, body: form({}) });
  const session = await visit("POST", `${S}/assets-upload-session`, { body: { manifest: { "/a.txt": { hash, size: file.length } } } });
  const data = new FormData();
  data.append(hash, new File([Buffer.from(file).toString("base64")], hash, { type: "text/plain" }), hash);
  const uploaded = await visit("POST", `${W}/assets/upload`, { query: "?base64=true", body: data, token: "", headers: { authorization: `Bearer ${session.jwt}` } });
  const bindings = [{ name: "TEXT", type: "plain_text", text: "t" }, { name: "JSON", type: "json", json: [1] }, { name: "OTHER", type: "service", service: "other" },
    { name: "SECRET", type: "secret_text", text: "hidden" }, { name: "ABOUT", type: "version_metadata" }, { name: "ASSETS", type: "assets" },
    { name: "LIMITER", type: "ratelimit", namespace_id: "1", simple: { limit: 1, period: 10 } }];
  await visit("PUT", S, { body: form({ bindings, assets: { jwt: uploaded.jwt }, limits: { cpu_ms: 50 }, placement: { mode: "smart" }, tags: ["tag"], logpush: true,
    observability: { enabled: true }, annotations: { "workers/message": "first" }, tail_consumers: [{ service: "other" }] }) });
  await visit("PUT", S, { at: { script: "other" }, body: form({ tail_consumers: [{ service: "hello" }], bindings: [{ name: "HELLO", type: "service", service: "hello" }] }) });
  await visit("GET", `${W}/scripts`);
  for (const part of ["", "/content", "/content/v2"]) await visit("GET", S + part);
  const version = await visit("POST", `${S}/versions`, { body: form({ keep_bindings: ["secret_text"] }) });
  await visit("GET", `${S}/versions`);
  await visit("GET", `${S}/versions/{version}`, { at: { version: version.id } });
  const { items } = await visit("GET", `${S}/versions`);
  const deployment = await visit("POST", `${S}/deployments`, { body: { strategy: "percentage", annotations: { "workers/message": "half" },
    versions: [{ version_id: items[0].id, percentage: 99.5 }, { version_id: items[1].id, percentage: 0.5 }] } });
  await visit("GET", `${S}/deployments`);
  await visit("GET", `${S}/deployments/{deployment}`, { at: { deployment: deployment.id } });
  await visit("PATCH", `${S}/settings`, { body: { tags: ["another"], compatibility_date: "2026-01-02" } });
  await visit("GET", `${S}/settings`);
  await visit("PATCH", `${S}/script-settings`, { body: { logpush: false } });
  await visit("GET", `${S}/script-settings`);
  await visit("PUT", `${S}/secrets`, { body: { name: "KEY", text: "k", type: "secret_text" } });
  await visit("GET", `${S}/secrets`);
  await visit("GET", `${S}/secrets/{secret}`, { at: { secret: "KEY" } });
  await visit("PATCH", `${S}/secrets-bulk`, { body: { secrets: { ONE: { name: "ONE", text: "1", type: "secret_text" } } } });
  await visit("DELETE", `${S}/secrets/{secret}`, { at: { secret: "KEY" } });
  await visit("PATCH", `${W}/workers/{script}/versions/latest`, { body: { env: { TWO: { text: "2", type: "secret_text" } } } });
  await callApi(environment, "PUT", "{A}/workers/scripts/slow", { body: form({}, { "index.js": "for (;;);" }) });
  await visit("GET", `${S}/startup-profile`, { at: { script: "slow" } });

  // ---- by the names that other clients have for it
  await visit("GET", `${W}/services/{script}`);
  await visit("GET", `${W}/services/{script}/environments/{environment}`);
  await visit("GET", `${W}/services/{script}/environments/{environment}/bindings`);
  assert.equal((await visit("GET", `${S}/references`)).services.incoming.length, 1);
  assert.equal((await visit("GET", `${W}/tails/by-consumer/{script}`)).length, 1);
  await visit("GET", `${W}/workers`);
  await visit("GET", `${W}/workers/{script}`);
  await visit("GET", `${A}/storage/kv/namespaces`);
  await visit("GET", `${W}/durable_objects/namespaces`);

  // ---- where it answers
  await visit("GET", `${W}/subdomain`);
  await visit("PUT", `${W}/subdomain`, { body: { subdomain: "mine" } });
  await visit("GET", `${W}/subdomains/{subdomain}`, { at: { subdomain: "mine" } });
  await visit("POST", `${S}/subdomain`, { body: { enabled: true, previews_enabled: true } });
  await visit("GET", `${S}/subdomain`);
  await visit("PUT", `${S}/schedules`, { body: [{ cron: "*/5 * * * *" }] });
  await visit("GET", `${S}/schedules`);
  const zone = await visit("POST", "/zones", { body: { name: "example.com", account: { id: account }, origin: "http://127.0.0.1:1" } });
  const at = { zone: zone.id };
  await visit("PATCH", "/zones/{zone}", { at, body: { origin: null } });
  await visit("GET", "/zones/{zone}", { at });
  await visit("GET", "/zones");
  const route = await visit("POST", "/zones/{zone}/workers/routes", { at, body: { pattern: "example.com/a*", script: "hello" } });
  const routeAt = { ...at, route: route.id };
  await visit("PUT", "/zones/{zone}/workers/routes/{route}", { at: routeAt, body: { pattern: "example.com/b*", script: null } });
  await visit("GET", "/zones/{zone}/workers/routes/{route}", { at: routeAt });
  await visit("GET", "/zones/{zone}/workers/routes", { at });
  await visit("DELETE", "/zones/{zone}/workers/routes/{route}", { at: routeAt });
  await visit("PUT", `${S}/routes`, { body: [{ pattern: "example.com/c*", zone_name: "example.com" }] });
  await visit("GET", `${S}/routes`);
  await visit("GET", `${W}/services/{script}/environments/{environment}/routes`);
  const domain = await visit("PUT", `${W}/domains`, { body: { hostname: "shop.example.com", service: "hello", zone_id: zone.id } });
  await visit("GET", `${W}/domains`);
  await visit("GET", `${W}/domains/records`);
  for (const place of [`${W}/domains/{domain}`, `${W}/domains/records/{domain}`]) await visit("GET", place, { at: { domain: domain.id } });
  const changes = await visit("POST", `${S}/domains/changeset`, { query: "?replace_state=true", body: [{ hostname: "api.example.com" }] });
  assert.deepEqual([changes.added.length, changes.removed.length], [1, 1]);
  const [only] = await visit("PUT", `${S}/domains/records`, { body: { override_scope: true, origins: [{ hostname: "api.example.com" }] } });
  assert.equal((await visit("POST", `${S}/domains/changeset`, { body: [{ hostname: "api.example.com", enabled: false }] })).updated.length, 1);
  await visit("DELETE", `${W}/domains/{domain}`, { at: { domain: only.id } });
  const again = await visit("PUT", `${W}/domains`, { body: { hostname: "shop.example.com", service: "hello" } });
  await visit("DELETE", `${W}/domains/records/{domain}`, { at: { domain: again.id } });
  await visit("DELETE", "/zones/{zone}", { at });

  // ---- the end
  await visit("DELETE", `${W}/services/{script}`, { at: { script: "other" } });
  await visit("DELETE", S);
  await visit("GET", `${A}/audit_logs`);
  await visit("GET", "/user/audit_logs");
  await visit("GET", "/openapi.json");
  assert.deepEqual([...unseen], [], "each operation has been looked at");

  // The rest refuses whatever it is asked.
  const refused = Object.entries(description.paths).flatMap(([path, methods]) => Object.entries(methods).filter(([, one]) => !one.responses["2XX"]).map(([method]) => [method, path]));
  assert.equal(refused.length, 13);
  const failure = ajv.compile({ $ref: "api#/components/schemas/Failure" });
  for (const [method, path] of refused) {
    const { status, body } = await callApi(environment, method.toUpperCase(), path.replace("{account}", account).replaceAll(/\{[^}]+\}/g, "none"));
    assert.equal(status, 403, path);
    assert.match(body.errors[0].message, /^Your account does not have access to this feature: .* not served here/, path);
    assert.ok(failure(body), JSON.stringify(failure.errors));
  }
});
