#include "engine/version_checker.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "engine/code_trim.h"
#include "engine/startup_profile.h"

namespace weir::engine {

namespace {

constexpr timespec kTick{0, 1'000'000};
constexpr uint64_t kForceAfterNs = 5'000'000;    // CPU after the request to end until plain termination
constexpr uint64_t kGiveUpAfterNs = 50'000'000;  // … until the process ends with the script in it
constexpr uint64_t kCompileFactor = 4;           // of the start-up limit
constexpr uint64_t kMemoryTicks = 8;
constexpr uint64_t kRehearsalNs = 200'000'000;
constexpr size_t kRehearsedBytesMin = 16u << 10;  // all functions of less are compiled in a fraction of the time
constexpr size_t kScopeDroppedBytesMin = 128u << 10;
constexpr int kLostInRehearsal = 7;                // how the process ends
constexpr size_t kMessageTextBytesMax = 8u << 10;  // a control message holds two of them and more
constexpr size_t kFileTextBytesMax = 1u << 10;

const ScriptIsolate::Failure kCpuFailure{wire::StartFailure::kCpu, "Script startup exceeded CPU time limit.", {}, 0, 0};
const ScriptIsolate::Failure kMemoryFailure{
    wire::StartFailure::kMemory, "Script startup exceeded memory limits.", {}, 0, 0};

VersionChecker* self = nullptr;  // for V8's handler, which carries no data

wire::Bytes asBytes(const std::vector<char>& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

VersionChecker::VersionChecker(node::MultiIsolatePlatform& platform, v8::StartupData base, uint32_t hashMark,
                               wire::ControlSocket control)
    : platform_(platform), base_(base), hashMark_(hashMark), control_(std::move(control)), effects_({}) {}

void VersionChecker::run(const std::function<void(wire::ControlSocket& control)>& sayReady) {
  self = this;
  // Before it is ready: where no thread can be had, that is not the version's fault.
  std::thread([this] {
    receive();
    received_.store(true);
    received_.notify_one();
    check();
  }).detach();
  sayReady(control_);
  received_.wait(false);
  watch();
  _exit(0);
}

void VersionChecker::receive() {
  auto received = control_.receive(wire::ControlSocket::Wait::kYes);
  if (!received.ok() || received->peerGone || !received->message) _exit(0);  // the platform does not need it any more
  auto& message = *received->message;
  const auto notice =
      wire::decode<wire::Notice>({reinterpret_cast<const uint8_t*>(message.bytes.data()), message.bytes.size()});
  const auto* wanted = notice ? std::get_if<wire::CheckVersion>(&*notice) : nullptr;
  if (wanted == nullptr || message.descriptors.size() != 1) _exit(5);
  writeHeap_ = wanted->writeHeap;
  rehearse_ = wanted->rehearse;
  bundle_ = std::move(message.descriptors[0]);
  auto bundle = wire::mapSealedBlob(bundle_.get(), wire::BundleBounds::kBundleBytesMax);
  if (!bundle.ok()) _exit(5);
  version_ = Version::make({}, std::move(bundle).value(), {});
  if (!version_) _exit(5);
}

template <class Message>
void VersionChecker::send(const Message& message, std::span<const uint8_t> blob) {
  std::vector<uint8_t> bytes;
  wire::encode<wire::Notice>(message, bytes);
  wire::Descriptor descriptor;
  if (!blob.empty()) {
    auto sealed = wire::makeSealedBlob("image", std::as_bytes(blob));
    if (!sealed.ok()) _exit(3);
    descriptor = std::move(sealed).value();
  }
  const int number = descriptor.get();
  const std::span<const int> descriptors(&number, blob.empty() ? 0 : 1);
  const auto sent = control_.send({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, descriptors);
  if (!sent.ok() || *sent != wire::ControlSocket::Sent::kYes) _exit(3);
}

void VersionChecker::fail(const ScriptIsolate::Failure& failure, const std::string& profile) {
  wire::VersionFailed failed;
  failed.failure = failure.failure;
  failed.message = std::string_view(failure.message).substr(0, kMessageTextBytesMax);
  failed.file = std::string_view(failure.file).substr(0, kFileTextBytesMax);
  failed.line = failure.line;
  failed.column = failure.column;
  send(failed, {reinterpret_cast<const uint8_t*>(profile.data()), profile.size()});
  _exit(0);
}

void VersionChecker::onOutOfMemory(const char*, const v8::OOMDetails&) {
  if (self->running_.load() && !self->passed_) {
    const std::lock_guard lock(self->mutex_);
    self->fail(kMemoryFailure);
  }
  _exit(6);
}

// The platform shows the line, and does not take it for the script's fault.
void VersionChecker::onFatalError(const char* location, const char* message) {
  std::fprintf(stderr, "Check failed: %s: %s\n", location != nullptr ? location : "V8", message);
  std::abort();
}

void VersionChecker::finish(wire::StartSource source, const std::string& reason, std::span<const uint8_t> image) {
  wire::ImageMade made;
  made.source = source;
  made.hashMark = hashMark_;
  made.reason = std::string_view(reason).substr(0, kMessageTextBytesMax);
  send(made, image);
  _exit(0);
}

void VersionChecker::check() {
  clock_.attach();
  // What isolates start from a heap without, they would need to start from a code cache; and what is little is not
  // worth the time.
  const auto wanted = writeHeap_ && codeBytes() >= kScopeDroppedBytesMin ? Compiled::kForRequest : Compiled::kForAll;
  const bool rehearses = rehearse_ && (!writeHeap_ || codeBytes() >= kRehearsedBytesMin);
  if (rehearses && !rehearse(wanted)) makeCodeCache("the top-level scope fails");
  if (writeHeap_) checkAndWriteHeap();
  else makeCodeCache("it was not asked for");
}

bool VersionChecker::rehearse(Compiled wanted) {
  compiled_ = wanted;
  // Never destroyed, as everything here: what is left ends with the process.
  auto* rehearsal = new Rehearsal(platform_, base_, version_, clock_);
  ScriptIsolate::Failure failure;
  if (!start(rehearsal->isolate(), failure, nullptr)) {
    tooSlow_ = failure.failure == wire::StartFailure::kCpu;
    return false;
  }
  const ScriptIsolate::Turn turn(rehearsal->isolate());
  {
    const std::lock_guard lock(mutex_);
    isolate_ = &rehearsal->isolate();
    limitNs_.store(kRehearsalNs);
  }
  if (wanted == Compiled::kForRequest) dropAllCode(rehearsal->isolate().v8());
  answer(*rehearsal);
  const std::lock_guard lock(mutex_);
  isolate_ = nullptr;
  return true;
}

size_t VersionChecker::codeBytes() const {
  size_t bytes = 0;
  for (const auto& module : version_->bundle().modules) bytes += module.content.size();
  return bytes;
}

void VersionChecker::answer(Rehearsal& rehearsal) {
  const std::string_view handlers = rehearsal.isolate().handlers();
  const auto handles = [&](std::string_view name) {
    return ("," + std::string(handlers) + ",").find("," + std::string(name) + ",") != std::string::npos;
  };
  // An answer that says no says nothing of what the script does when it says yes.
  constexpr uint16_t kRefusals = 400;
  const uint16_t status = handles("fetch")       ? rehearsal.play({"GET", "https://script.example/", ""})
                          : handles("scheduled") ? rehearsal.playScheduled()
                                                 : 0;
  if (status == 0 || status >= kRefusals) return;
  const auto cache = encodeCodeCaches(rehearsal.isolate().codeCaches());
  if (cache.empty() || cache.size() > wire::Bounds::kImageBytesMax) return;
  rehearsed_ = versionWith(wire::StartSource::kCodeCache, std::as_bytes(std::span(cache)));
}

bool VersionChecker::start(ScriptIsolate& isolate, ScriptIsolate::Failure& failure, std::string* profile) {
  // All of a script is compiled at once for its heap, more than a start would: compilation has a limit of its own.
  const uint64_t limitNs = uint64_t{version_->bundle().limits.startupCpuMs} * 1'000'000u;
  uint64_t compiledNs = 0;
  std::optional<CompiledFunctions> compiledByScope;
  isolate.onCompiled = [&] {
    compiledNs = clock_.lapNs();
    limitNs_.store(limitNs);
    if (rehearsed_ && compiled_ == Compiled::kForRequest) compiledByScope.emplace(isolate.v8());
  };
  isolate.setFatalHandlers(&VersionChecker::onOutOfMemory, &VersionChecker::onFatalError);
  const ScriptIsolate::Turn turn(isolate);
  std::optional<StartupProfile> profiler;
  if (profile != nullptr) profiler.emplace(isolate.v8());
  {
    const std::lock_guard lock(mutex_);
    isolate_ = &isolate;
    limitNs_.store(kCompileFactor * limitNs);
    clock_.begin();
    running_.store(true);
  }
  const bool ok = isolate.start(failure);
  {
    const std::lock_guard lock(mutex_);
    running_.store(false);
    isolate_ = nullptr;
  }
  const uint64_t usedUs = (compiledNs + clock_.lapNs()) / 1000;
  clock_.end();
  if (profiler && !ok && failure.failure == wire::StartFailure::kCpu)
    *profile = profiler->end(wire::Bounds::kProfileBytesMax);
  if (!ok) return false;
  if (!passed_) {
    passed_ = true;
    handlers_ = isolate.handlers();
    send(wire::VersionChecked{usedUs, handlers_}, {});
  }
  if (compiledByScope) compiledByScope->dropCode(isolate.v8()->GetCurrentContext());
  return true;
}

void VersionChecker::checkAndWriteHeap() {
  std::string reason;
  std::vector<char> heap = makeHeap(reason);
  if (heap.empty() && rehearsed_ && reason.empty()) {  // V8 did not take the code cache
    rehearsed_ = nullptr;
    heap = makeHeap(reason);
  }
  if (heap.size() > wire::Bounds::kImageBytesMax) {
    reason = "the heap takes " + std::to_string(heap.size() >> 20) + " MB, more than is kept";
  } else if (!heap.empty() && readBack(heap, reason)) {
    finish(wire::StartSource::kSnapshot, {}, asBytes(heap));
  }
  makeCodeCache(reason);
}

std::vector<char> VersionChecker::makeHeap(std::string& reason) {
  auto* isolate = new ScriptIsolate({platform_, base_, effects_}, 1, rehearsed_ ? rehearsed_ : version_,
                                    js::Heap::Purpose::kSnapshot);
  ScriptIsolate::Failure failure;
  if (start(*isolate, failure, nullptr)) {
    if (rehearsed_ && isolate->source() != wire::StartSource::kCodeCache) return {};
    return isolate->writeHeap(reason);
  }
  reason = isolate->obstacle();
  tooSlow_ = reason.empty() && failure.failure == wire::StartFailure::kCpu;
  if (reason.empty()) reason = "the top-level scope fails where its heap would be written: " + failure.message;
  return {};
}

void VersionChecker::makeCodeCache(const std::string& reason) {
  if (rehearsed_ && compiled_ == Compiled::kForRequest) {
    rehearsed_ = nullptr;
    (void)rehearse(Compiled::kForAll);
  }
  if (rehearsed_) {
    const auto cache = rehearsed_->image();
    finish(wire::StartSource::kCodeCache, reason, {reinterpret_cast<const uint8_t*>(cache.data()), cache.size()});
  }
  auto* isolate = new ScriptIsolate({platform_, base_, effects_}, 2, version_, js::Heap::Purpose::kRun);
  ScriptIsolate::Failure failure;
  std::string profile;
  if (!start(*isolate, failure, tooSlow_ ? &profile : nullptr)) {
    if (!passed_) fail(failure, profile);
    finish(wire::StartSource::kCompiled, reason, {});
  }
  std::vector<uint8_t> cache;
  {
    const ScriptIsolate::Turn turn(*isolate);
    cache = encodeCodeCaches(isolate->codeCaches());
  }
  if (cache.empty() || cache.size() > wire::Bounds::kImageBytesMax) finish(wire::StartSource::kCompiled, reason, {});
  finish(wire::StartSource::kCodeCache, reason, cache);
}

// A heap that V8 wrote without complaint and cannot read is found out here, not by the engine that serves.
bool VersionChecker::readBack(const std::vector<char>& heap, std::string& reason) {
  const auto version = versionWith(wire::StartSource::kSnapshot, std::as_bytes(std::span(heap)));
  if (version->snapshot() == nullptr) _exit(3);
  ScriptIsolate isolate({platform_, base_, effects_}, 3, version, js::Heap::Purpose::kRun);
  const ScriptIsolate::Turn turn(isolate);
  ScriptIsolate::Failure failure;
  if (!isolate.start(failure)) {
    reason = "the heap was written and could not be read back: " + failure.message;
    return false;
  }
  if (isolate.handlers() != handlers_) {
    reason = "the heap was written and had other handlers when it was read back";
    return false;
  }
  return true;
}

std::shared_ptr<const Version> VersionChecker::versionWith(wire::StartSource source, std::span<const std::byte> bytes) {
  auto bundle = wire::mapSealedBlob(bundle_.get(), wire::BundleBounds::kBundleBytesMax);
  auto blob = wire::makeSealedBlob("image", bytes);
  if (!bundle.ok() || !blob.ok()) _exit(3);
  auto mapped = wire::mapSealedBlob(blob->get(), wire::Bounds::kImageBytesMax);
  if (!mapped.ok()) _exit(3);
  StartImage image{source, std::move(mapped).value(), 0};
  auto version = Version::make({}, std::move(bundle).value(), std::move(image));
  if (!version) _exit(3);
  return version;
}

void VersionChecker::watch() {
  uint64_t lap = 0;
  int stage = 0;
  uint64_t askedAtNs = 0;
  for (uint64_t tick = 1;; ++tick) {
    nanosleep(&kTick, nullptr);
    const std::lock_guard lock(mutex_);  // kept while it gives up: the other thread says nothing then
    if (isolate_ == nullptr) continue;
    const uint32_t isolateLap = isolate_->lap();
    const TurnClock::Look seen = clock_.look(readClock(CLOCK_MONOTONIC));
    if (seen.lap == 0) continue;
    if (seen.lap != lap) stage = 0;
    lap = seen.lap;
    const Kill kill = isolate_->killPending();
    if (stage == 0) {
      const bool exceeded = seen.usedNs > limitNs_.load();
      if (kill == Kill::kNone && exceeded) isolate_->requestKill(Kill::kCpu, isolateLap);
      if (kill != Kill::kNone || exceeded) {  // or V8's memory limits asked for it
        stage = 1;
        askedAtNs = seen.usedNs;
      } else if (tick % kMemoryTicks == 0) {
        isolate_->requestMemoryCheck();
      }
    } else if (stage == 1) {
      if (seen.usedNs < askedAtNs + kForceAfterNs) continue;
      isolate_->forceTermination();
      stage = 2;
    } else if (seen.usedNs > askedAtNs + kGiveUpAfterNs) {
      if (passed_) _exit(kLostInRehearsal);
      fail(kill == Kill::kMemory ? kMemoryFailure : kCpuFailure);
    }
  }
}

}  // namespace weir::engine
