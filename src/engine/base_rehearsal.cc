#include "engine/base_rehearsal.h"

#include <limits>
#include <memory>
#include <optional>

#include "engine/base_snapshot.h"
#include "engine/script_isolate.h"
#include "wire/bundle.h"
#include "wire/ring.h"

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

struct Request {
  std::string_view method;
  std::string_view url;
  std::string_view body;
};
constexpr Request kRequests[] = {
    {"GET", "http://script.example/text", ""},     {"POST", "http://script.example/json", "{\"a\":[1,true,\"x\"]}"},
    {"GET", "http://script.example/head?q=1", ""}, {"POST", "http://script.example/later", "text"},
    {"POST", "http://script.example/fetch", "{}"}, {"GET", "http://script.example/pass", ""},
};
constexpr std::string_view kHead = "host\nscript.example\naccept\n*/*\ncontent-type\napplication/json\n";
constexpr std::string_view kAnswer = "{\"b\":2}";

wire::Bytes asBytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// The isolate and, in the platform's place, who reads its effects and answers its subrequests.
class Rehearsal {
 public:
  Rehearsal(node::MultiIsolatePlatform& platform, const v8::StartupData& empty, std::shared_ptr<const Version> version)
      : memory_(wire::ringMemoryBytes(wire::Bounds::kEffectRingBytes)),
        reader_(memory_.data(), wire::Bounds::kEffectRingBytes),
        effects_({{memory_.data(), -1}}),
        isolate_({platform, empty, effects_}, 1, std::move(version), js::Heap::Purpose::kRun) {}

  std::vector<uint8_t> run(std::string& error) {
    ScriptIsolate::Failure failure;
    clock_.attach();
    const ScriptIsolate::Turn turn(isolate_);
    const auto context = v8::Context::New(isolate_.v8());
    const v8::Context::Scope scope(context);
    InstalledWebApi installed;
    if (!installWebApi(context, {}, installed, error)) return {};
    if (!isolate_.startIn(context, installed.dispatch, failure)) {
      error = "the rehearsal does not start: " + failure.message;
      return {};
    }
    uint64_t number = 0;
    for (const Request& request : kRequests) {
      if (play(request, {++number << 8})) continue;
      error = "the rehearsal of " + std::string(request.url) + " gives no response";
      return {};
    }
    const std::unique_ptr<v8::ScriptCompiler::CachedData> cache(
        v8::ScriptCompiler::CreateCodeCacheForFunction(installed.installer));
    return {cache->data, cache->data + cache->length};
  }

 private:
  // True when it ended well, with a response.
  bool play(const Request& request, wire::InvocationId id) {
    wire::StartFetch start;
    start.invocation = id;
    start.method = request.method;
    start.url = request.url;
    start.head.text = kHead;
    start.bodyKind = request.body.empty() ? wire::BodyKind::kNone : wire::BodyKind::kInline;
    start.bodyLength = request.body.size();
    start.body = asBytes(request.body);
    deliver(start);
    bool responded = false;
    for (;;) {
      std::optional<uint32_t> asked;
      bool ended = false;
      bool well = true;
      while (const auto record = reader_.peek()) {
        const auto effect = wire::decode<wire::Effect>(*record);
        if (!effect) return false;
        if (std::holds_alternative<wire::Respond>(*effect)) responded = true;
        if (const auto* subrequest = std::get_if<wire::Subrequest>(&*effect)) asked = subrequest->subrequest;
        if (const auto* done = std::get_if<wire::Done>(&*effect)) {
          ended = true;
          well = done->outcome == wire::Outcome::kOk;
        }
        reader_.pop();
      }
      if (ended) return responded && well;
      if (asked) {
        wire::SubresponseHead head;
        head.invocation = id;
        head.subrequest = *asked;
        head.status = 200;
        head.statusText = "OK";
        head.head.text = "content-type\napplication/json\n";
        head.bodyKind = wire::BodyKind::kInline;
        head.body = asBytes(kAnswer);
        head.bodyLength = kAnswer.size();
        deliver(head);
      } else if (const uint32_t timer = isolate_.nextDue(std::numeric_limits<uint64_t>::max()); timer != 0) {
        clock_.begin();
        isolate_.fireTimer(timer);
        finish(isolate_.timerSeq(timer));
      } else {
        return false;
      }
    }
  }

  template <class Message>
  void deliver(const Message& message) {
    clock_.begin();
    isolate_.deliver(message);
    finish(isolate_.seqOf(message.invocation));
  }

  void finish(uint32_t seq) {
    isolate_.finish(seq, clock_);
    while (isolate_.hasLocal()) {
      isolate_.deliverLocal();
      isolate_.finish(seq, clock_);
    }
    clock_.end();
  }

  std::vector<uint8_t> memory_;
  wire::RingReader reader_;
  EffectPorts effects_;
  TurnClock clock_;
  ScriptIsolate isolate_;
};

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
  return Rehearsal(platform, empty, std::move(version)).run(error);
}

}  // namespace weir::engine
