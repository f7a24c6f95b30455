#include "engine/base_rehearsal.h"

#include <memory>

#include "engine/base_snapshot.h"
#include "engine/own_script.h"
#include "engine/rehearsal.h"

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
  auto version = makeOwnScript("rehearsal", kScript);
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
