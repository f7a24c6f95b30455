// Messages between the two kinds of process: whatever decodes encodes to the same bytes, and every view of it lies in
// the input.
#include <string>

#include "base/byte_text.h"
#include "base/check.h"
#include "target.h"
#include "wire/bundle.h"
#include "wire/codec.h"
#include "wire/confinement.h"

namespace {

using namespace weir::wire;

// Visits a message's fields as the codec does and looks at their bounds.
class Inspector {
 public:
  explicit Inspector(Bytes input) : input_(input) {}
  template <class T>
  void number(const T&) {}
  void real(const double& value) { CHECK(value >= 0 && value <= 8.64e15); }
  void flag(const bool&) {}
  template <class T>
  void enumeration(const T& value, T last) {
    CHECK(value <= last);
  }
  void text(const std::string_view& value, size_t max) {
    bytes({reinterpret_cast<const uint8_t*>(value.data()), value.size()}, max);
  }
  void bytes(const Bytes& value, size_t max) {
    CHECK(value.size() <= max);
    if (value.empty()) return;
    CHECK(value.data() >= input_.data());
    CHECK(value.data() + value.size() <= input_.data() + input_.size());
  }
  void head(const HeadBlock& value) {
    text(value.text, Bounds::kHeadBytesMax);
    CHECK(isHeadBlock(value.text));
    // What walks a head block relies on this: lines come in pairs and each is ended.
    size_t lines = 0;
    for (const char c : value.text) {
      CHECK(c != '\0');
      CHECK(c != '\r');
      lines += c == '\n';
    }
    CHECK(lines % 2 == 0);
    CHECK(lines <= 2 * Bounds::kHeaderCountMax);
    CHECK(value.text.empty() || value.text.back() == '\n');
  }

 private:
  const Bytes input_;
};

template <class Set>
void tryMessage(Bytes input) {
  const auto decoded = decode<Set>(input);
  bool called = false;
  const bool taken = decodeTo<Set>(input, [&](const auto& message) {
    called = true;
    Inspector inspector(input);
    std::remove_cvref_t<decltype(message)>::fields(inspector, message);
    CHECK(decoded.has_value());
    CHECK(decoded->index() == input[0]);
  });
  CHECK(taken == decoded.has_value());
  CHECK(called == taken);
  if constexpr (!std::is_same_v<Set, Notice>) {
    const auto chunk = decodeChunk<Set>(input);
    CHECK(chunk.has_value() == (decoded && std::holds_alternative<BodyChunk>(*decoded)));
    if (chunk) {
      const auto& whole = std::get<BodyChunk>(*decoded);
      CHECK(chunk->invocation == whole.invocation);
      CHECK(chunk->stream == whole.stream);
      CHECK(chunk->bytes.data() == whole.bytes.data());
      CHECK(chunk->bytes.size() == whole.bytes.size());
    }
  }
  if (!taken) return;
  std::vector<uint8_t> again;
  encodeAny(*decoded, again);
  CHECK(std::equal(again.begin(), again.end(), input.begin(), input.end()));
}

void tryBundle(Bytes input) {
  const auto bundle = decodeBundle(input);
  if (!bundle) return;
  CHECK(!bundle->modules.empty());
  CHECK(bundle->modules.size() <= BundleBounds::kModulesMax);
  Inspector inspector(input);
  for (const Module& module : bundle->modules) {
    inspector.text(module.name, BundleBounds::kModuleNameBytesMax);
    inspector.bytes(module.content, BundleBounds::kModuleBytesMax);
  }
  // What encodes finds out for itself which modules are ASCII.
  for (const Module& module : bundle->modules) {
    if (module.ascii != weir::base::isAscii(module.content)) return;
  }
  std::vector<uint8_t> again;
  encodeBundle(*bundle, again);
  CHECK(std::equal(again.begin(), again.end(), input.begin(), input.end()));
}

void tryConfinements(Bytes input) {
  const auto report = Confinements::decode(std::as_bytes(input));
  if (!report.ok()) return;
  const auto bytes = report->encode();
  const auto again = Confinements::decode(bytes);
  CHECK(again.ok());
  CHECK(*again == *report);
  Confinements merged = *report;
  merged.merge(*again);
  CHECK(merged == *report);
  for (const char c : report->summary()) CHECK(static_cast<signed char>(c) < 0 || (c >= 0x20 && c != 0x7f));
  CHECK(report->table().size() > weir::wire::kConfinementCount);
}

constexpr std::string_view kHead = "host\na.example\naccept\n*/*\n";

template <class Set, class Message>
void addSeed(std::vector<std::vector<uint8_t>>& out, uint8_t kind, const Message& message) {
  std::vector<uint8_t> bytes{kind};
  encode<Set>(message, bytes);
  out.push_back(std::move(bytes));
}

}  // namespace

std::vector<std::vector<uint8_t>> weir::fuzz::seeds() {
  static const std::string body = "hello";
  const Bytes content{reinterpret_cast<const uint8_t*>(body.data()), body.size()};
  std::vector<std::vector<uint8_t>> out;
  const auto invocation = InvocationId::make(3, 77, 5);
  addSeed<Event>(out, 0,
                 StartFetch{.invocation = invocation,
                            .version = {12},
                            .nowMs = 1.7e12,
                            .bodyKind = BodyKind::kInline,
                            .bodyLength = 5,
                            .method = "POST",
                            .url = "http://a.example/x?y=1",
                            .head = {kHead},
                            .cf = "{}",
                            .entrypoint = "Named",
                            .props = R"({"tier":"gold"})",
                            .body = content});
  addSeed<Event>(out, 0,
                 LoadVersion{.version = {7},
                             .bundleBlob = 1,
                             .source = StartSource::kSnapshot,
                             .imageBlob = 2,
                             .imageHash = 300,
                             .hashMark = 5});
  addSeed<Event>(out, 0,
                 SubresponseHead{.invocation = invocation,
                                 .subrequest = 2,
                                 .nowMs = 5,
                                 .status = 200,
                                 .bodyKind = BodyKind::kStream,
                                 .bodyLength = 70'000,
                                 .statusText = "OK",
                                 .url = "http://b.example/",
                                 .head = {kHead},
                                 .body = {}});
  addSeed<Event>(
      out, 0,
      StartScheduled{.invocation = invocation, .version = {1}, .nowMs = 1, .scheduledMs = 2, .cron = "* * * * *"});
  addSeed<Event>(out, 0, Shutdown{});
  addSeed<Effect>(out, 1,
                  Respond{.invocation = invocation,
                          .bodyKind = BodyKind::kPipe,
                          .pipeFrom = 3,
                          .statusText = "Found",
                          .head = {kHead},
                          .body = {}});
  addSeed<Effect>(out, 1,
                  Subrequest{.invocation = invocation,
                             .subrequest = 9,
                             .redirect = Redirect::kManual,
                             .method = "GET",
                             .url = "https://c.example/",
                             .head = {kHead},
                             .body = content});
  addSeed<Effect>(out, 1,
                  LogLine{.invocation = invocation, .level = LogLevel::kWarn, .timestampMs = 9, .message = "[1]"});
  addSeed<Effect>(out, 1,
                  ExceptionThrown{.invocation = invocation, .name = "TypeError", .message = "no", .stack = "at x"});
  addSeed<Effect>(out, 1,
                  Done{.invocation = invocation, .outcome = Outcome::kExceededCpu, .failOpen = true, .cpuUs = 50'000});
  addSeed<Effect>(out, 1, VersionFailed{.version = {7}, .message = "no", .file = "index.js", .line = 3, .column = 9});
  addSeed<Effect>(out, 1, BodyChunk{.invocation = invocation, .stream = 1, .bytes = content});
  addSeed<Event>(out, 0, SocketPiece{.invocation = invocation, .socket = 1, .last = true, .bytes = content});
  addSeed<Effect>(out, 1, SocketClose{.invocation = invocation, .socket = 1, .code = 4000, .reason = "bye"});
  addSeed<Effect>(out, 1,
                  CountRate{.invocation = invocation,
                            .call = 1,
                            .limiter = 1,
                            .limit = 100,
                            .periodSeconds = 60,
                            .delta = 1,
                            .key = "192.0.2.1"});
  addSeed<Event>(out, 0, RateCounted{.invocation = invocation, .call = 1, .nowMs = 5, .within = true});
  addSeed<Effect>(out, 1, Fail{.invocation = invocation});
  addSeed<Effect>(out, 1,
                  Forward{.invocation = invocation, .failedOpen = true, .bodyKind = BodyKind::kPipe, .body = {}});
  addSeed<Effect>(out, 1, SocketCredit{.invocation = invocation, .socket = 1, .bytes = 65'536});
  addSeed<Notice>(out, 2, EngineReady{.v8Version = "14.6", .confinements = content});
  addSeed<Notice>(out, 2, BlobSent{.blob = 4});
  addSeed<Notice>(out, 2, CheckVersion{});
  addSeed<Notice>(out, 2, VersionFailed{.version = {0}, .message = "no", .file = "index.js", .line = 3, .column = 9});
  addSeed<Notice>(out, 2, VersionChecked{.startupUs = 900, .handlers = "fetch,scheduled"});
  addSeed<Notice>(out, 2, ImageMade{.source = StartSource::kCodeCache, .hashMark = 5, .reason = "V8 cannot"});
  addSeed<Notice>(out, 2, EngineWanted{});
  addSeed<Notice>(out, 2, EngineMade{.made = false, .reason = "fork: Resource temporarily unavailable"});
  Bundle bundle;
  bundle.scriptName = "hello";
  bundle.compatibilityDate = "2026-01-01";
  bundle.env = R"({"A":1})";
  bundle.modules.push_back({"index.js", ModuleType::kEsModule, content});
  bundle.modules.push_back({"a.wasm", ModuleType::kWasm, content});
  bundle.services = {"BACK"};
  bundle.limiters = {{"LIMITER", 100, 60}};
  auto& bundleSeed = out.emplace_back(std::vector<uint8_t>{3});
  encodeBundle(bundle, bundleSeed);
  Confinements report;
  report.setActive(Confinement::kSeccomp);
  report.setInactive(Confinement::kLandlock, "the kernel has none");
  auto& reportSeed = out.emplace_back(std::vector<uint8_t>{4});
  for (const std::byte byte : report.encode()) reportSeed.push_back(std::to_integer<uint8_t>(byte));
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes input(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0: tryMessage<Event>(input); break;
    case 1: tryMessage<Effect>(input); break;
    case 2: tryMessage<Notice>(input); break;
    case 3: tryBundle(input); break;
    default: tryConfinements(input);
  }
  return 0;
}
