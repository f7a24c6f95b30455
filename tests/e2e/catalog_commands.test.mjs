// weir account, zone, route, domain: what they say, to people and to programs, and how they refuse.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tryCommand } from "./weir.mjs";

test("commands on a catalog that nobody serves", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "weir-e2e-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = (...args) => tryCommand({ folder }, ...args);
  const json = async (...args) => {
    const result = await run(...args, "--json");
    assert.equal(result.code, 0, result.stderr);
    return JSON.parse(result.stdout);
  };
  const refused = async (code, pattern, ...args) => {
    const result = await run(...args);
    assert.equal(result.code, code, args.join(" "));
    assert.equal(result.stdout, "");
    assert.match(result.stderr, pattern);
    assert.equal(result.stderr.trimEnd().split("\n").length, 1, `one line: ${result.stderr}`);
  };

  await t.test("there is nothing to read before anything was made", async () => {
    await refused(2, /there is no catalog; run weir serve once/, "zone", "list");
  });
  await t.test("the first change makes the catalog with its first account", async () => {
    const zone = await json("zone", "add", "Example.COM", "--origin", "HTTP://10.0.0.1:9000/");
    assert.equal(zone.name, "example.com");
    assert.equal(zone.origin, "http://10.0.0.1:9000");
    assert.match(zone.id, /^[0-9a-f]{32}$/);
    assert.match(zone.created_on, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const accounts = await json("account", "list");
    assert.equal(accounts.length, 1);
    assert.equal(accounts[0].name, "local");
    assert.equal(accounts[0].plan, "paid");
    assert.equal(zone.account_id, accounts[0].id);
  });
  await t.test("accounts have plans and limits of their own", async () => {
    const made = await json("account", "add", "acme", "--subdomain", "acme", "--limit", "cpu_ms=50", "--limit", "requests_per_day=7");
    assert.equal(made.plan, "free");
    assert.equal(made.limits.cpu_ms, 50);
    assert.equal(made.limits.burst_per_minute, 1000);
    assert.deepEqual(made.limits_set.sort(), ["cpu_ms", "requests_per_day"]);
    const changed = await json("account", "set", "acme", "--plan", "paid", "--drop-limit", "cpu_ms", "--name", "acme-inc");
    assert.equal(changed.name, "acme-inc");
    assert.equal(changed.limits.cpu_ms, 30000);
    assert.equal(changed.limits.requests_per_day, 7);
    assert.equal((await json("account", "suspend", "acme-inc")).suspended, true);
    assert.equal((await json("account", "resume", made.id)).suspended, false);
    assert.match((await run("account", "show", "acme-inc")).stdout, /requests_per_day +7 +\(set\)/);
    assert.equal((await json("account", "show", "acme-inc")).requests_today, 0);
  });
  await t.test("with two accounts, whose it is has to be said", async () => {
    await refused(1, /there are 2 accounts: name one with --account/, "zone", "add", "example.org");
    assert.equal((await json("zone", "add", "example.org", "--account", "acme-inc")).origin, null);
    assert.deepEqual((await json("zone", "list", "--account", "acme-inc")).map((zone) => zone.name), ["example.org"]);
    assert.equal((await json("zone", "list")).length, 2);
  });
  await t.test("routes find their zone, in one spelling", async () => {
    const route = await json("route", "add", "https://*.Example.com/a/../b*", "--script", "one", "--fail-open");
    assert.equal(route.pattern, "https://*.example.com/b*");
    assert.equal(route.zone_name, "example.com");
    assert.equal(route.request_limit_fail_open, true);
    assert.equal((await json("route", "add", "example.com/b/c", "--none")).script, null);
    assert.equal((await json("route", "add", "*/*", "--script", "all", "--zone", "example.org")).zone_name, "example.org");
    assert.equal((await json("route", "list")).length, 3);
    assert.equal((await json("route", "list", "--zone", "example.com")).length, 2);
    assert.match((await run("route", "list")).stdout, /PATTERN +SCRIPT +FAILS +ZONE +ID\n/);
    await json("route", "remove", "EXAMPLE.com/b/c");
    assert.equal((await json("route", "list")).length, 2);
  });
  await t.test("custom domains", async () => {
    const domain = await json("domain", "add", "shop.example.com", "--script", "shop", "--account", "local");
    assert.equal(domain.service, "shop");
    assert.equal((await json("domain", "list")).length, 1);
    assert.equal((await run("domain", "remove", "shop.example.com", "--account", "local")).code, 0);
    assert.match((await run("domain", "list")).stdout, /^no custom domains; add one with/);
  });
  await t.test("what is refused says what to do", async () => {
    await refused(1, /zone example\.com: there is one of this name/, "zone", "add", "example.com", "--account", "local");
    await refused(1, /it is no host name/, "zone", "add", "10.0.0.1", "--account", "local");
    await refused(1, /an origin has no path/, "zone", "set", "example.com", "--origin", "http://10.0.0.1/app");
    await refused(1, /write it as http:\/\/HOST:PORT/, "zone", "set", "example.com", "--origin", "10.0.0.1");
    await refused(1, /see weir zone list/, "zone", "remove", "example.net");
    await refused(1, /zone example\.com has none of this pattern or id/, "route", "remove", "example.com/gone");
    await refused(1, /a route has no port/, "route", "add", "example.com:8080/*", "--script", "one");
    await refused(1, /in a host, \* may only be the first character/, "route", "add", "www.*.example.com/*", "--script", "one");
    await refused(1, /write international names in their xn-- form/, "route", "add", "b\u00fccher.example.com/*", "--script", "one");
    await refused(1, /the zone has it already/, "route", "add", "HTTPS://*.example.com/b*", "--script", "two");
    await refused(2, /--plan, --subdomain, --limit, --drop-limit or --name is required/, "account", "set", "local");
    await refused(1, /may only be the last character/, "route", "add", "example.com/*.jpg", "--script", "one");
    await refused(1, /the zone has it already/, "route", "add", "https://*.example.com/b*", "--script", "two");
    await refused(1, /lies in no zone; add one/, "route", "add", "example.net/*", "--script", "one");
    await refused(1, /name its zone with --zone/, "route", "add", "*/*", "--script", "one");
    await refused(1, /none of this pattern or id/, "route", "remove", "example.com/none");
    await refused(1, /belongs to another account/, "domain", "add", "a.example.com", "--script", "s", "--account", "acme-inc");
    await refused(1, /no script can have this name/, "domain", "add", "b.example.com", "--script", "S", "--account", "local");
    await refused(1, /limit warp: there is none of this name; known are cpu_ms/, "account", "add", "x", "--limit", "warp=9");
    await refused(1, /write it as NAME=NUMBER/, "account", "add", "x", "--limit", "cpu_ms");
    await refused(1, /must be from 1 to 300000/, "account", "add", "x", "--limit", "cpu_ms=0");
    await refused(1, /another account has it/, "account", "set", "local", "--subdomain", "acme");
    await refused(1, /still has 0 scripts, 1 zones/, "account", "remove", "acme-inc");
    await refused(1, /--plan gold: known are free and paid/, "account", "add", "x", "--plan", "gold");
    await refused(2, /--script or --none is required; see weir route add --help/, "route", "add", "example.com/x");
    await refused(1, /zone a\?b: it is no host name/, "zone", "add", "a\nb", "--account", "local");
    await refused(1, /zone \?\[31mred: there is none/, "zone", "remove", "\u001b[31mred");
    await refused(1, /script a\?b: no script can have this name/, "route", "add", "example.com/x", "--script", "a\nb");
    await refused(1, /account a\?b: there is none/, "account", "show", "a\nb");
    await refused(2, /not expected: b\?c/, "zone", "add", "a", "b\nc");
    await refused(2, /see weir zone --help/, "zone");
    await refused(2, /see weir zone --help/, "zone", "frobnicate");
  });
  await t.test("every verb explains itself with an example", async () => {
    const verbs = { account: ["list", "add", "show", "set", "suspend", "resume", "remove"], zone: ["list", "add", "set", "remove"],
      route: ["list", "add", "remove"], domain: ["list", "add", "remove"] };
    let count = 0;
    for (const [noun, all] of Object.entries(verbs)) {
      assert.match((await tryCommand(null, noun, "--help")).stdout, new RegExp(`Example:\\n  weir ${noun} `));
      for (const verb of all) {
        const { code, stdout } = await tryCommand(null, noun, verb, "--help");
        assert.equal(code, 0);
        assert.match(stdout, new RegExp(`Example:\\n  weir ${noun} ${verb}`));
        ++count;
      }
    }
    assert.equal(count, 17);
  });
  await t.test("a file that is no catalog", async () => {
    mkdirSync(join(folder, "other/data"), { recursive: true });
    writeFileSync(join(folder, "other/data/catalog.db"), "x".repeat(4096));
    const result = await tryCommand({ folder: join(folder, "other") }, "zone", "list");
    assert.equal(result.code, 2);
    assert.match(result.stderr, /^weir: .*catalog\.db: .*\n$/);
  });
});
