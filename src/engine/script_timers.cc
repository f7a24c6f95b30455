// Timers of a ScriptIsolate. The rest of it is in script_isolate.cc.
#include <algorithm>

#include "engine/script_isolate.h"

namespace weir::engine {

namespace {

constexpr size_t kDueMin = 64;

}  // namespace

uint32_t ScriptIsolate::armTimer(Invocation& invocation, double delayMs, bool repeat) {
  constexpr double kDelayMsMax = 2147483647;
  if (!(delayMs >= 0)) delayMs = 0;
  delayMs = std::min(delayMs, kDelayMsMax);
  if (repeat && delayMs < 1) delayMs = 1;
  const uint32_t id = nextTimer_++;
  const auto [at, added] = timers_.emplace(id, Timer{invocation.seq, 0, delayMs, repeat});
  if (!added) return id;  // four billion timers ago
  invocation.timers.insert(id);
  ++invocation.pending;
  touch(invocation);
  schedule(id, at->second);
  return id;
}

void ScriptIsolate::schedule(uint32_t id, Timer& timer) {
  timer.deadlineNs = readClock(CLOCK_MONOTONIC) + static_cast<uint64_t>(timer.delayMs * 1e6);
  if (due_.size() >= kDueMin && due_.size() > 2 * timers_.size()) {  // mostly timers that were cleared
    due_.clear();
    for (const auto& [other, each] : timers_) due_.emplace_back(each.deadlineNs, other);
    std::make_heap(due_.begin(), due_.end(), std::greater<>());
    if (timers_.contains(id)) return;
  }
  due_.emplace_back(timer.deadlineNs, id);
  std::push_heap(due_.begin(), due_.end(), std::greater<>());
}

uint64_t ScriptIsolate::nextDeadlineNs() {
  while (!due_.empty()) {
    const auto at = timers_.find(due_.front().second);
    if (at != timers_.end() && at->second.deadlineNs == due_.front().first) return due_.front().first;
    std::pop_heap(due_.begin(), due_.end(), std::greater<>());
    due_.pop_back();
  }
  return 0;
}

uint32_t ScriptIsolate::nextDue(uint64_t nowNs) {
  const uint64_t deadline = nextDeadlineNs();
  return deadline != 0 && deadline <= nowNs ? due_.front().second : 0;
}

void ScriptIsolate::clearTimer(uint32_t id) {
  const auto at = timers_.find(id);
  if (at == timers_.end()) return;
  if (Invocation* invocation = find(at->second.seq)) {
    invocation->timers.erase(id);
    --invocation->pending;
    touch(*invocation);
  }
  timers_.erase(at);
}

void ScriptIsolate::fireTimer(uint32_t id) {
  const auto at = timers_.find(id);
  if (at == timers_.end()) return;
  const Timer timer = at->second;
  Invocation* invocation = find(timer.seq);
  if (invocation == nullptr) {
    timers_.erase(at);
    return;
  }
  touch(*invocation);
  if (timer.repeat) {
    schedule(id, at->second);
  } else {
    timers_.erase(at);
    invocation->timers.erase(id);
    --invocation->pending;
  }
  v8::Local<v8::Value> arguments[] = {number(timer.seq), number(id)};
  call(kTimer, 2, arguments);
}

}  // namespace weir::engine
