#include "engine/base_rehearsal.h"

#include <memory>

#include "engine/base_snapshot.h"
#include "engine/rehearsal.h"
#include "wire/bundle.h"

namespace weir::engine {

namespace {

constexpr std::string_view kScript = R"(
const answers = {
  "/text": () => new Response("text", { headers: { "content-type": "text/plain" } }),
  "/json": async (request) => Response.json(await request.json(), { status: 201 }),
  "/head": (request) => {
    const url = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.set("x-query", url.searchParams.get("q") ?? "");
    for (const [name, value] of headers) headers.append(name, value);
    return new Response(request.method + url.pathname, { headers });
  },
  "/later": async (request, env, context) => {
    context.waitUntil(new Promise((resolve) => setTimeout(resolve, 1)));
    console.log("later", request.method);
    return new Response(await request.text(), { status: 200 });
  },
  "/fetch": async (request) => {
    const got = await fetch("http://upstream.example/", { method: "POST", headers: { accept: "*/*" }, body: "{}" });
    return got.ok ? Response.json(await got.json()) : new Response(null, { status: 502 });
  },
  "/pass": (request) => fetch(request),
};
export default {
  fetch(request, env, context) {
    const url = new URL(request.url);
    return answers[url.pathname](request, env, context);
  },
};
)";

constexpr Rehearsal::Request kRequests[] = {
    {"GET", "http://script.example/text", ""},     {"POST", "http://script.example/json", "{\"a\":[1,true,\"x\"]}"},
    {"GET", "http://script.example/head?q=1", ""}, {"POST", "http://script.example/later", "text"},
    {"POST", "http://script.example/fetch", "{}"}, {"GET", "http://script.example/pass", ""},
};
wire::Bytes asBytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::vector<uint8_t> playAll(Rehearsal& rehearsal, std::string& error) {
  ScriptIsolate& isolate = rehearsal.isolate();
  ScriptIsolate::Failure failure;
  const ScriptIsolate::Turn turn(isolate);
  const auto context = v8::Context::New(isolate.v8());
  const v8::Context::Scope scope(context);
  InstalledWebApi installed;
  if (!installWebApi(context, {}, installed, error)) return {};
  if (!isolate.startIn(context, installed.dispatch, failure)) {
    error = "the rehearsal does not start: " + failure.message;
    return {};
  }
  for (const Rehearsal::Request& request : kRequests) {
    if (rehearsal.play(request) != 0) continue;
    error = "the rehearsal of " + std::string(request.url) + " gives no response";
    return {};
  }
  const std::unique_ptr<v8::ScriptCompiler::CachedData> cache(
      v8::ScriptCompiler::CreateCodeCacheForFunction(installed.installer));
  return {cache->data, cache->data + cache->length};
}

}  // namespace

std::vector<uint8_t> rehearse(node::MultiIsolatePlatform& platform, const v8::StartupData& empty, std::string& error) {
  wire::Bundle bundle;
  bundle.scriptName = "rehearsal";
  bundle.env = "{}";
  bundle.compatibilityDate = "2026-01-01";
  bundle.modules.push_back({"rehearsal.js", wire::ModuleType::kEsModule, asBytes(kScript)});
  std::vector<uint8_t> bytes;
  wire::encodeBundle(bundle, bytes);
  auto blob = wire::makeSealedBlob("rehearsal", std::as_bytes(std::span(bytes)));
  auto mapped = blob.ok() ? wire::mapSealedBlob(blob->get(), wire::BundleBounds::kBundleBytesMax) : blob.error();
  auto version = mapped.ok() ? Version::make({1}, std::move(mapped).value(), {}) : nullptr;
  if (!version) {
    error = "the rehearsal cannot be handed over";
    return {};
  }
  TurnClock clock;
  clock.attach();
  Rehearsal rehearsal(platform, empty, std::move(version), clock);
  return playAll(rehearsal, error);
}

}  // namespace weir::engine
