// Static assets, deployed by the real wrangler: directories with and without a Worker, unchanged files, rules, versions.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

import { until } from "./processes.mjs";
import { callApi, releases, startProject } from "./wrangler.mjs";
import { command, startWeir } from "./weir.mjs";

async function start(t, options) {
  const weir = await startWeir({}, options);
  t.after(() => weir.stop());
  return weir;
}

const site = { "public/index.html": "<h1>home</h1>", "public/about.html": "about", "public/blog/index.html": "blog",
  "public/style.css": "body{}", "public/a b/ü%#.txt": "odd name", "public/data": "no ending" };

for (const release of releases) {
  test(`${release}: a directory is served without a Worker, and only what changed is uploaded again`, async (t) => {
    const weir = await start(t);
    const project = await startProject(t, weir, { release, files: site, config: { main: undefined, assets: { directory: "public" } } });
    await project.shows("deploy: assets alone", async () => {
      const first = await project.run("deploy");
      assert.match(first.text, /Uploaded 6 of 6 assets/);

      const home = await weir.request("hello", "/");
      assert.equal(home.status, 200);
      assert.equal(home.text, "<h1>home</h1>");
      assert.match(home.headers["content-type"], /^text\/html; ?charset=utf-8$/); // as the release spells it
      assert.match(home.headers.etag, /^"[0-9a-f]{32}"$/);
      assert.equal(home.headers["cache-control"], "public, max-age=0, must-revalidate");
      assert.ok(home.headers["cf-ray"]);
      assert.equal(home.headers["cf-cache-status"], "MISS");
      assert.equal((await weir.request("hello", "/")).headers["cf-cache-status"], "HIT");
      assert.equal((await weir.request("hello", "/about")).text, "about");
      assert.equal((await weir.request("hello", "/blog/")).text, "blog");
      assert.match((await weir.request("hello", "/style.css")).headers["content-type"], /^text\/css; ?charset=utf-8$/);
      assert.equal((await weir.request("hello", "/a%20b/%C3%BC%25%23.txt")).text, "odd name");
      assert.equal((await weir.request("hello", "/data")).text, "no ending");
      for (const [path, to] of [["/about.html", "/about"], ["/blog", "/blog/"], ["/index.html?q=1", "/?q=1"]]) {
        const answer = await weir.request("hello", path);
        assert.equal(answer.status, 307, path);
        assert.equal(answer.headers.location, to, path);
      }
      const missing = await weir.request("hello", "/missing");
      assert.equal(missing.status, 404);
      assert.equal((await weir.request("hello", "/", { method: "POST", body: "x" })).status, 405);

      const same = await weir.request("hello", "/", { headers: { "if-none-match": home.headers.etag } });
      assert.equal(same.status, 304);
      assert.equal(same.text, "");
      const head = await weir.request("hello", "/", { method: "HEAD" });
      assert.equal(head.headers["content-length"], "13");
      assert.equal(head.text, "");
      const part = await weir.request("hello", "/", { headers: { range: "bytes=4-7" } });
      assert.equal(part.status, 206);
      assert.equal(part.text, "home");
      assert.equal(part.headers["content-range"], "bytes 4-7/13");

      project.write("public/about.html", "about, changed");
      rmSync(join(project.folder, "public/data"));
      const second = await project.run("deploy");
      assert.match(second.text, /Uploaded 1 of 1 asset/);
      assert.equal((await weir.request("hello", "/about")).text, "about, changed");
      assert.equal((await weir.request("hello", "/data")).status, 404);
      assert.equal((await weir.request("hello", "/")).text, "<h1>home</h1>");
      const third = await project.run("deploy");
      assert.match(third.text, /No updated asset files to upload|No files to upload/);
      assert.equal((await weir.request("hello", "/about")).text, "about, changed");
    });
  });
}

for (const release of releases) {
  test(`${release}: rules of _headers and _redirects hold, and those for what is missing`, async (t) => {
    const weir = await start(t);
    const project = await startProject(t, weir, { release,
      files: { ...site,
        "public/_headers": "/*\n  X-Frame-Options: DENY\n/blog/*\n  Cache-Control: max-age=60\n  x-splat: :splat\n/style.css\n  ! ETag\n",
        "public/_redirects": "/old /about 301\n/posts/:slug /blog/:slug\n/go/* https://example.com/:splat 302\n/rewritten /about 200\n",
        "public/404.html": "nothing here", "public/blog/404.html": "no such post" },
      config: { main: undefined, assets: { directory: "public", not_found_handling: "404-page" } } });
    await project.shows("deploy: _headers and _redirects", async () => {
      await project.run("deploy");
      const blog = await weir.request("hello", "/blog/");
      assert.equal(blog.headers["x-frame-options"], "DENY");
      assert.equal(blog.headers["cache-control"], "max-age=60");
      assert.equal((await weir.request("hello", "/style.css")).headers.etag, undefined);
      const old = await weir.request("hello", "/old?q=1");
      assert.equal(old.status, 301);
      assert.equal(old.headers.location, "/about?q=1");
      assert.equal((await weir.request("hello", "/posts/x")).headers.location, "/blog/x");
      assert.equal((await weir.request("hello", "/go/a/b")).headers.location, "https://example.com/a/b");
      assert.equal((await weir.request("hello", "/go//evil.example")).headers.location, "https://example.com//evil.example");
      assert.equal((await weir.request("hello", "/rewritten")).text, "about");
      for (const path of ["/_headers", "/_redirects"]) assert.equal((await weir.request("hello", path)).status, 404);
    });
    await project.shows("deploy: not-found and HTML handling", async () => {
      const missing = await weir.request("hello", "/missing");
      assert.equal(missing.status, 404);
      assert.equal(missing.text, "nothing here");
      const post = await weir.request("hello", "/blog/x/y");
      assert.equal(post.status, 404);
      assert.equal(post.text, "no such post");
      assert.equal(post.headers["x-splat"], "x/y");
      project.configure({ main: undefined, assets: { directory: "public", not_found_handling: "single-page-application", html_handling: "none" } });
      await project.run("deploy");
      assert.equal((await weir.request("hello", "/missing")).text, "<h1>home</h1>");
      assert.equal((await weir.request("hello", "/about.html")).text, "about");
    });
  });
}

const answering = (text) => `export default { fetch() { return new Response("worker ${text}"); } };`;

const worker = `export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/through") return env.ASSETS.fetch(new URL("/style.css", url));
    if (url.pathname === "/status") {
      const answer = await env.ASSETS.fetch("https://any.example/missing");
      return Response.json({ status: answer.status, body: await answer.text() });
    }
    if (url.pathname === "/same") return env.ASSETS.fetch(request);
    if (url.pathname === "/others") {
      const head = await env.ASSETS.fetch("https://any.example/style.css", { method: "HEAD" });
      const part = await env.ASSETS.fetch("https://any.example/style.css", { headers: { range: "bytes=0-3" } });
      const post = await env.ASSETS.fetch("https://any.example/style.css", { method: "POST", body: "x" });
      const unchanged = await env.ASSETS.fetch("https://any.example/style.css", { headers: { "if-none-match": head.headers.get("etag") } });
      return Response.json([head.status, await head.text(), part.status, await part.text(), post.status, unchanged.status]);
    }
    if (url.pathname === "/large") {
      const answer = await env.ASSETS.fetch("https://any.example/large.bin");
      const bytes = await answer.arrayBuffer();
      return Response.json({ size: bytes.byteLength, etag: answer.headers.get("etag") });
    }
    return new Response("worker " + request.method + " " + url.pathname);
  }
};`;

for (const release of releases) {
  test(`${release}: a Worker gets what is no asset, and asks for assets by its binding`, async (t) => {
    const weir = await start(t);
    const large = randomBytes(3_000_000);
    const project = await startProject(t, weir, { release, files: { ...site, "src/index.js": worker, "public/large.bin": large },
      config: { assets: { directory: "public", binding: "ASSETS" } } });
    await project.shows("deploy: assets beside a Worker", async () => {
      await project.run("deploy");
      assert.equal((await weir.request("hello", "/")).text, "<h1>home</h1>");
      assert.equal((await weir.request("hello", "/api")).text, "worker GET /api");
      assert.equal((await weir.request("hello", "/api", { method: "POST", body: "x" })).text, "worker POST /api");
      const through = await weir.request("hello", "/through");
      assert.equal(through.text, "body{}");
      assert.match(through.headers["content-type"], /^text\/css; ?charset=utf-8$/);
      assert.deepEqual(JSON.parse((await weir.request("hello", "/status")).text), { status: 404, body: "" });
      assert.equal((await weir.request("hello", "/same")).status, 404);
      assert.deepEqual(JSON.parse((await weir.request("hello", "/others")).text), [200, "", 206, "body", 405, 304]);
      const whole = await weir.request("hello", "/large.bin");
      assert.equal(whole.headers["content-length"], "3000000");
      assert.equal(JSON.parse((await weir.request("hello", "/large")).text).size, 3_000_000);
    });

    // The Worker changes and the files do not.
    project.write("src/index.js", worker.replace('"worker "', '"changed "'));
    assert.match((await project.run("deploy")).text, /No updated asset files to upload|No files to upload/);
    assert.equal((await weir.request("hello", "/api")).text, "changed GET /api");
    assert.equal((await weir.request("hello", "/")).text, "<h1>home</h1>");

    // A secret makes another version, with the same files; so does one for a version that is not deployed.
    await project.runWith({ input: "hush" }, "secret", "put", "KEY");
    assert.equal((await weir.request("hello", "/")).text, "<h1>home</h1>");
    assert.equal((await weir.request("hello", "/api")).text, "changed GET /api");
    const put = await project.runWith({ input: "hush" }, "versions", "secret", "put", "OTHER");
    const id = /version (?:ID )?([0-9a-f]{8}-[0-9a-f-]{27})/i.exec(put.text)[1];
    await project.run("versions", "deploy", `${id}@100`, "-y");
    assert.equal((await weir.request("hello", "/")).text, "<h1>home</h1>");
    assert.equal((await weir.request("hello", "/through")).text, "body{}");
  });

  test(`${release}: run_worker_first decides who sees a request first`, async (t) => {
    const weir = await start(t);
    const project = await startProject(t, weir, { release, files: { ...site, "src/index.js": worker },
      config: { assets: { directory: "public", binding: "ASSETS", run_worker_first: true } } });
    await project.shows("deploy: run_worker_first", async () => {
      await project.run("deploy");
      assert.equal((await weir.request("hello", "/about")).text, "worker GET /about");
      assert.equal((await weir.request("hello", "/through")).text, "body{}");
      if (release === "wrangler-3") return; // knows true and false
      project.configure({ assets: { directory: "public", binding: "ASSETS", run_worker_first: ["/blog/*", "!/blog/static/*"], not_found_handling: "single-page-application" } });
      await project.run("deploy");
      assert.equal((await weir.request("hello", "/blog/")).text, "worker GET /blog/");
      assert.equal((await weir.request("hello", "/blog/static/x")).text, "<h1>home</h1>");
      assert.equal((await weir.request("hello", "/about")).text, "about");
      assert.equal((await weir.request("hello", "/app")).text, "worker GET /app");
      assert.equal((await weir.request("hello", "/app", { headers: { "sec-fetch-mode": "navigate" } })).text, "<h1>home</h1>");
    });
  });
}

test("text is compressed for who takes it, and not for a script in this process", async (t) => {
  const weir = await start(t, { flags: ["--asset-cache-mb", "3"] });
  const page = `<ul>${Array.from({ length: 400 }, (_, i) => `<li>${i}</li>`).join("")}</ul>`;
  const asks = `export default {
    async fetch(request, env) {
      const answer = await env.ASSETS.fetch(new Request("https://any.example/page.html", request));
      return Response.json([answer.headers.get("content-encoding"), (await answer.text()).length]);
    }
  };`;
  const project = await startProject(t, weir, { files: { "public/page.html": page, "public/icon.png": page, "src/index.js": asks },
    config: { assets: { directory: "public", binding: "ASSETS", html_handling: "none" } } });
  await project.run("deploy");
  const url = `http://127.0.0.1:${weir.port}`;
  const get = async (path, encoding) => {
    const parts = [];
    const request = http.get(url + path, { headers: { host: "hello.local.workers.localhost", "accept-encoding": encoding } });
    const [response] = await once(request, "response");
    for await (const part of response) parts.push(part);
    return { headers: response.headers, bytes: Buffer.concat(parts) };
  };
  for (const [encoding, decode] of [["br", brotliDecompressSync], ["gzip", gunzipSync]]) {
    const coded = await get("/page.html", encoding);
    assert.equal(coded.headers["content-encoding"], encoding);
    assert.equal(coded.headers.vary, "accept-encoding");
    assert.match(coded.headers.etag, /^W\//);
    assert.equal(Number(coded.headers["content-length"]), coded.bytes.length);
    assert.equal(decode(coded.bytes).toString(), page);
  }
  assert.equal((await get("/page.html", "identity")).bytes.toString(), page);
  assert.equal((await get("/icon.png", "gzip")).headers["content-encoding"], undefined);
  assert.equal((await get("/ask", "gzip")).bytes.toString(), JSON.stringify([null, page.length]));

  // One content, which both files have, and what it is under either coding.
  const metrics = await (await fetch(new URL("/metrics", project.environment.CLOUDFLARE_API_BASE_URL))).text();
  const figure = (name) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(metrics)[1]);
  assert.equal(figure("weir_asset_cache_limit_bytes"), 3 << 20);
  assert.ok(figure("weir_asset_cache_bytes") > page.length, metrics);
  assert.equal(figure("weir_asset_reads_total"), 3);
});

test("versions, gradual deployments and rollbacks serve their own files", async (t) => {
  const weir = await start(t);
  const project = await startProject(t, weir, { files: { "public/index.html": "one", "public/only-one.txt": "1" },
    config: { main: undefined, assets: { directory: "public" } } });
  await project.run("deploy");
  project.write("public/index.html", "two");
  rmSync(join(project.folder, "public/only-one.txt"));
  await project.run("deploy");
  assert.equal((await weir.request("hello", "/")).text, "two");
  assert.equal((await weir.request("hello", "/only-one.txt")).status, 404);
  await project.run("rollback", "-y");
  assert.equal((await weir.request("hello", "/")).text, "one");
  assert.equal((await weir.request("hello", "/only-one.txt")).text, "1");
});

test("files are there after a kill, and deploys go on from what was uploaded", async (t) => {
  const before = await startWeir({});
  const project = await startProject(t, before, { files: site, config: { main: undefined, assets: { directory: "public" } } });
  await project.run("deploy");
  await before.kill();
  const weir = await startWeir({}, { folder: before.folder });
  t.after(() => weir.stop());
  assert.equal((await weir.request("hello", "/")).text, "<h1>home</h1>");
  assert.equal((await weir.request("hello", "/about")).text, "about");
});

test("a version that is not in memory yet gets its first request whole", async (t) => {
  const echo = `export default {
    async fetch(request, env) {
      const text = await request.text();
      return Response.json({ method: request.method, size: text.length, ends: text.slice(-3) });
    }
  };`;
  const before = await startWeir({});
  const project = await startProject(t, before, { files: { ...site, "src/index.js": echo }, config: { assets: { directory: "public", binding: "ASSETS" } } });
  await project.run("deploy");
  await before.kill();
  const requests = [["POST", "abc"], ["GET", undefined], ["PUT", "x".repeat(3_000_000) + "end"]];
  for (const [number, [method, body]] of requests.entries()) {
    const weir = await startWeir({}, { folder: before.folder });
    const end = number + 1 < requests.length ? () => weir.kill() : () => weir.stop();
    try {
      const answer = await weir.request("hello", "/api", { method, body });
      assert.deepEqual(JSON.parse(answer.text), { method, size: body?.length ?? 0, ends: (body ?? "").slice(-3) });
      assert.equal((await weir.request("hello", "/about")).text, "about");
    } finally {
      await end();
    }
  }
});

test("a gradual deployment answers page and Worker of one version to one visitor", async (t) => {
  const weir = await start(t);
  const project = await startProject(t, weir, { files: { "public/page.txt": "one", "src/index.js": answering("one") },
    config: { assets: { directory: "public" } } });
  const versionOf = (text) => /(?:Current Version ID|Worker Version ID): (\S+)/.exec(text)[1];
  const first = versionOf((await project.run("deploy")).text);
  project.write("public/page.txt", "two");
  project.write("src/index.js", answering("two"));
  const second = versionOf((await project.run("versions", "upload")).text);
  assert.equal((await weir.request("hello", "/page.txt")).text, "one");
  await project.run("versions", "deploy", `${first}@50`, `${second}@50`, "-y");
  const seen = new Set();
  for (let visitor = 0; visitor < 40; ++visitor) {
    const headers = { "cloudflare-workers-version-key": `visitor ${visitor}` };
    const page = (await weir.request("hello", "/page.txt", { headers })).text;
    assert.equal((await weir.request("hello", "/api", { headers })).text, `worker ${page}`);
    seen.add(page);
  }
  assert.deepEqual([...seen].sort(), ["one", "two"]);
});

test("assets use up no quota, and are stopped with their account", async (t) => {
  const weir = await start(t);
  const project = await startProject(t, weir, { files: { ...site, "src/index.js": worker }, config: { assets: { directory: "public", binding: "ASSETS" } } });
  await project.run("deploy");
  await command(weir, "account", "set", "local", "--limit", "requests_per_day=2");
  await until("the quota to be used up", async () => (await weir.request("hello", "/api")).status === 429);
  for (let i = 0; i < 5; ++i) assert.equal((await weir.request("hello", "/about")).text, "about");
  assert.equal((await weir.request("hello", "/api")).status, 429);
  const usage = JSON.parse((await command(weir, "account", "show", "local", "--json")).stdout);
  assert.ok(usage.requests_today <= 2, JSON.stringify(usage));
  await command(weir, "account", "suspend", "local");
  await until("the account to be stopped", async () => (await weir.request("hello", "/about")).status === 403);
});

test("a service binding to a Worker with assets is answered like a request from outside", async (t) => {
  const weir = await start(t);
  const project = await startProject(t, weir, { files: { ...site, "src/index.js": worker }, config: { assets: { directory: "public", binding: "ASSETS" } } });
  await project.run("deploy");
  const caller = await startProject(t, weir, { files: { "src/index.js": "export default { fetch(request, env) { return env.SITE.fetch(request); } };" },
    config: { name: "caller", services: [{ binding: "SITE", service: "hello" }] } });
  await caller.run("deploy");
  assert.equal((await weir.request("caller", "/about")).text, "about");
  assert.equal((await weir.request("caller", "/api")).text, "worker GET /api");
  assert.equal((await weir.request("caller", "/api", { method: "POST", body: "x" })).text, "worker POST /api");
});

test("a kill at any moment of a deploy leaves one version's files, whole, and what was acknowledged", async (t) => {
  const folder = (await startWeir({}).then(async (weir) => (await weir.kill(), weir))).folder;
  const paths = Array.from({ length: 30 }, (_, i) => `/file-${i}.txt`);
  const filesOf = (round) => Object.fromEntries(paths.map((path) => [`public${path}`, `${path} of round ${round}`]));
  let acknowledged = 0;
  const rounds = 6;
  for (let round = 1; round <= rounds; ++round) {
    const weir = await startWeir({}, { folder });
    const project = await startProject(t, weir, { files: filesOf(round), config: { main: undefined, assets: { directory: "public" } } });
    const deploy = project.tryRun("deploy");
    // Somewhere in it: the first round before it talks to weir, the last after its end.
    const first = await Promise.race([deploy, new Promise((done) => setTimeout(done, 400 + round * 180))]);
    await weir.kill();
    if ((first ?? (await deploy)).code === 0) acknowledged = round;
    const again = await startWeir({}, { folder });
    const seen = new Set();
    for (const path of paths) {
      const answer = await again.request("hello", path);
      if (answer.status === 200) assert.ok(answer.text.startsWith(`${path} of round `), answer.text);
      seen.add(answer.status === 200 ? Number(answer.text.split(" ").at(-1)) : answer.status);
    }
    assert.equal(seen.size, 1, `files of several versions: ${[...seen]}`);
    const [served] = seen;
    if (acknowledged > 0) assert.ok(served >= acknowledged && served <= round, `${served} is served, ${acknowledged} was acknowledged`);
    await again.kill();
  }
  const weir = await startWeir({}, { folder });
  t.after(() => weir.stop());
  const project = await startProject(t, weir, { files: filesOf(99), config: { main: undefined, assets: { directory: "public" } } });
  await project.run("deploy");
  assert.equal((await weir.request("hello", paths[7])).text, `${paths[7]} of round 99`);
});

// --- The API beside wrangler

const hashOf = (text) => createHash("sha256").update(text).digest("hex").slice(0, 32);

async function openSession(environment, files, script = "raw") {
  const manifest = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, { hash: hashOf(path + text), size: Buffer.byteLength(text) }]));
  return callApi(environment, "POST", `{A}/workers/scripts/${script}/assets-upload-session`, { body: { manifest } });
}

function uploadOf(files, type = "text/plain") {
  const form = new FormData();
  for (const [path, text] of Object.entries(files)) {
    const hash = hashOf(path + text);
    form.append(hash, new File([Buffer.from(text).toString("base64")], hash, { type }), hash);
  }
  return form;
}

const upload = (environment, token, files, type) =>
  callApi(environment, "POST", "{A}/workers/assets/upload?base64=true", { token, body: uploadOf(files, type) });

async function putVersion(environment, assets, script = "raw") {
  const form = new FormData();
  form.append("metadata", JSON.stringify({ assets, compatibility_date: "2026-01-01" }));
  return callApi(environment, "PUT", `{A}/workers/scripts/${script}`, { body: form });
}

test("sessions are refused what is not theirs", async (t) => {
  const weir = await start(t);
  const project = await startProject(t, weir, { files: site });
  const environment = project.environment;
  const files = { "/a.txt": "one", "/b.txt": "two" };

  const opened = await openSession(environment, files);
  assert.equal(opened.status, 200);
  const { jwt, buckets } = opened.body.result;
  assert.deepEqual(buckets.flat().sort(), Object.entries(files).map(([path, text]) => hashOf(path + text)).sort());
  const claims = JSON.parse(Buffer.from(jwt.split(".")[1], "base64url"));
  assert.ok(claims.exp > Date.now() / 1000 && claims.exp <= Date.now() / 1000 + 3601);

  // Not the account's token, not a changed one, not for anything else than uploads.
  for (const token of [environment.CLOUDFLARE_API_TOKEN, jwt.slice(0, -4) + "AAAA", "x.y.z", undefined]) {
    const refused = await upload(environment, token, { "/a.txt": "one" });
    assert.equal(refused.body.success, false, String(token));
    assert.equal(refused.body.errors[0].code, 10000);
  }
  assert.equal((await callApi(environment, "GET", "{A}/workers/scripts", { token: jwt })).body.success, false);
  assert.equal((await putVersion(environment, { jwt, config: {} })).body.errors[0].code, 10302);

  // What the manifest does not name, or says otherwise of.
  assert.equal((await upload(environment, jwt, { "/c.txt": "three" })).body.errors[0].code, 10301);
  const wrongSize = new FormData();
  wrongSize.append(hashOf("/a.txtone"), new File([Buffer.from("longer").toString("base64")], "x", { type: "text/plain" }));
  assert.equal((await callApi(environment, "POST", "{A}/workers/assets/upload?base64=true", { token: jwt, body: wrongSize })).body.errors[0].code, 10301);
  const noBase64 = new FormData();
  noBase64.append(hashOf("/a.txtone"), new File(["***"], "x", { type: "text/plain" }));
  assert.equal((await callApi(environment, "POST", "{A}/workers/assets/upload?base64=true", { token: jwt, body: noBase64 })).body.errors[0].code, 10308);

  const first = await upload(environment, jwt, { "/a.txt": "one" }, "application/null");
  assert.equal(first.status, 202);
  assert.deepEqual(first.body.result, {});
  const last = await upload(environment, jwt, { "/b.txt": "two" });
  assert.equal(last.status, 201);
  const completion = last.body.result.jwt;
  assert.equal(completion.split(".").length, 3);
  assert.equal((await putVersion(environment, { jwt: completion }, "another")).body.errors[0].code, 10302);
  assert.equal((await putVersion(environment, { jwt: completion, config: { html_handling: "sideways" } })).body.errors[0].code, 10021);

  const put = await putVersion(environment, { jwt: completion });
  assert.equal(put.body.success, true, JSON.stringify(put.body));
  assert.equal(put.body.result.has_assets, true);
  const plain = await weir.request("raw", "/a.txt");
  assert.equal(plain.text, "one");
  assert.equal(plain.headers["content-type"], undefined);
  assert.equal((await weir.request("raw", "/b.txt")).headers["content-type"], "text/plain");

  // What has no effect in a file of rules is told.
  const told = await putVersion(environment, { jwt: completion, config: { _redirects: "/x /a.txt\n/y /a.txt 418\n", _headers: "/*\n x-a: 1\nx\n" } });
  assert.equal(told.body.success, true);
  assert.deepEqual(told.body.messages.map((one) => one.message), [
    "_redirects:2: Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got 418.",
    "_headers:3: Expected a colon-separated header pair (e.g. name: value)",
  ]);
  assert.equal((await weir.request("raw", "/x")).headers.location, "/a.txt");
  assert.equal((await weir.request("raw", "/y")).status, 404);

  // The next version may keep the files, and say something else of them.
  const keeping = new FormData();
  keeping.append("metadata", JSON.stringify({ keep_assets: true, compatibility_date: "2026-01-01" }));
  assert.equal((await callApi(environment, "PUT", "{A}/workers/scripts/raw", { body: keeping })).body.success, true);
  assert.equal((await weir.request("raw", "/x")).headers.location, "/a.txt");
  const changing = new FormData();
  changing.append("metadata", JSON.stringify({ keep_assets: true, assets: { config: { _headers: "/*\n x-b: 2\n" } } }));
  assert.equal((await callApi(environment, "PUT", "{A}/workers/scripts/raw", { body: changing })).body.success, true);
  assert.equal((await weir.request("raw", "/a.txt")).headers["x-b"], "2");
  assert.equal((await weir.request("raw", "/x")).status, 404);

  // Nothing is missing now: the session's token is the completion token.
  const again = await openSession(environment, files);
  assert.deepEqual(again.body.result.buckets, []);
  assert.equal((await putVersion(environment, { jwt: again.body.result.jwt })).body.success, true);
});

test("manifests are checked", async (t) => {
  const weir = await start(t);
  const { environment } = await startProject(t, weir, { files: site });
  const hash = hashOf("x");
  const open = (manifest) => callApi(environment, "POST", "{A}/workers/scripts/raw/assets-upload-session", { body: { manifest } });
  for (const [manifest, code] of [
    [{ "/../etc/passwd": { hash, size: 1 } }, 10305], [{ "no-slash": { hash, size: 1 } }, 10305], [{ "/a\u0000b": { hash, size: 1 } }, 10305],
    [{ "/a": { hash: "short", size: 1 } }, 10306], [{ "/a": { hash, size: 26214401 } }, 10304], [[], 10026]]) {
    const refused = await open(manifest);
    assert.equal(refused.status, 400);
    assert.equal(refused.body.errors[0].code, code, JSON.stringify(manifest));
  }
  const empty = await open({});
  assert.deepEqual(empty.body.result.buckets, []);
  assert.equal((await putVersion(environment, { jwt: empty.body.result.jwt })).body.success, true);
  assert.equal((await weir.request("raw", "/")).status, 404);
});
