// The description of the management API: a valid document, of what is really there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";

import { callApi, environmentOf } from "./wrangler.mjs";
import { startWeir } from "./weir.mjs";

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
