// How a ScriptIsolate is killed: who asks for it, when it is looked at, and what becomes of its invocations. The rest
// of it is in script_isolate.cc.
#include <algorithm>

#include "engine/script_isolate.h"
#include "js/exception.h"

namespace weir::engine {

namespace {

constexpr const char* kCpuExceeded = "Worker exceeded CPU time limit.";
constexpr const char* kMemoryExceeded = "Worker exceeded memory limit.";
constexpr size_t kHeapGrace = 64u << 20;  // above the limit, once, so that termination can unwind
constexpr int kKillFramesMax = 32;

}  // namespace

size_t ScriptIsolate::onNearHeapLimit(void* self, size_t current, size_t initial) {
  static_cast<ScriptIsolate*>(self)->killForMemory();
  return current < initial + kHeapGrace ? initial + kHeapGrace : current;
}

void ScriptIsolate::requestKill(Kill kill, uint32_t lap) {
  uint64_t none = 0;
  if (!kill_.compare_exchange_strong(none, uint64_t{lap} << 8 | static_cast<uint64_t>(kill))) return;
  heap_->isolate()->RequestInterrupt(
      [](v8::Isolate* isolate, void* self) {
        auto& script = *static_cast<ScriptIsolate*>(self);
        if (script.killPending() == Kill::kNone) return;
        script.killStack_ = js::currentStack(isolate, kKillFramesMax);
        isolate->TerminateExecution();
      },
      this);
}

Kill ScriptIsolate::killPending() const {
  const uint64_t pending = kill_.load(std::memory_order_acquire);
  return pending != 0 && pending >> 8 == lap() ? static_cast<Kill>(pending & 0xff) : Kill::kNone;
}

void ScriptIsolate::forceTermination() {
  const std::lock_guard lock(killMutex_);
  if (killPending() != Kill::kNone) heap_->isolate()->TerminateExecution();
}

// What the lap was killed for. Nothing of it reaches the next.
Kill ScriptIsolate::endLap() {
  Kill kill = Kill::kNone;
  if (kill_.load(std::memory_order_acquire) != 0) {
    const std::lock_guard lock(killMutex_);
    kill = killPending();
    kill_.store(0, std::memory_order_release);
    heap_->isolate()->CancelTerminateExecution();
  }
  lap_.fetch_add(1, std::memory_order_release);
  return kill;
}

void ScriptIsolate::requestMemoryCheck() {
  heap_->isolate()->RequestInterrupt(
      [](v8::Isolate*, void* self) {
        auto& script = *static_cast<ScriptIsolate*>(self);
        if (script.isOverLimit()) script.killForMemory();
      },
      this);
}

// Garbage does not count, but is only looked for when the limit seems to have been passed.
bool ScriptIsolate::isOverLimit() {
  const size_t limit = heap_->limitBytes();
  const size_t used = usedBytes();
  if (used <= limit) return false;
  if (used > limit + kHeapGrace) return true;
  heap_->collectUnderPressure();
  return usedBytes() > limit;
}

void ScriptIsolate::handleKill(Kill kill, uint32_t running) {
  condemn(kill);
  const auto outcome = kill == Kill::kCpu ? wire::Outcome::kExceededCpu : wire::Outcome::kExceededMemory;
  const char* message = kill == Kill::kCpu ? kCpuExceeded : kMemoryExceeded;
  const std::string stack = std::exchange(killStack_, {});
  // V8 drops what was queued when it terminates: an invocation that waits for nothing else can never go on.
  std::vector<uint32_t> stranded;
  for (const auto& [seq, invocation] : invocations_) {
    if (seq != running && invocation->pending == 0 && !invocation->doneRequested) stranded.push_back(seq);
  }
  const auto endOne = [&](uint32_t seq, std::string_view where) {
    Invocation* invocation = find(seq);
    if (invocation == nullptr) return;
    recordException(*invocation, "Error", message, where);
    if (invocation->responded) writeAbort(*invocation, 0, "resource limit");
    end(seq, outcome);
  };
  endOne(running, stack);
  for (const uint32_t seq : stranded) endOne(seq, "");
}

}  // namespace weir::engine
