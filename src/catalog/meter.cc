#include "catalog/meter.h"

namespace weir::catalog {

// Seconds start beyond the window, so that no second before the first underflows and 0 is an empty slot.
uint32_t BurstWindow::secondOf(base::Instant now) {
  return static_cast<uint32_t>(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count()) + 2 * kSlots;
}

uint32_t BurstWindow::countOf(uint32_t second) const {
  const uint64_t word = slots_[second % kSlots].load(std::memory_order_acquire);
  return static_cast<uint32_t>(word >> 32) == second ? static_cast<uint32_t>(word) : 0;
}

uint32_t BurstWindow::sumBefore(uint32_t second) const {
  uint32_t sum = 0;
  for (uint32_t age = 1; age <= kSeconds; ++age) sum += countOf(second - age);
  return sum;
}

void BurstWindow::raise(uint32_t second, uint32_t count) {
  const uint64_t wanted = uint64_t{second} << 32 | count;
  auto& slot = slots_[second % kSlots];
  uint64_t seen = slot.load(std::memory_order_relaxed);
  while (seen < wanted && !slot.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel)) {
  }
}

// The state that `word` becomes when `second` has come. What the second of `word` admitted is written down first:
// whoever sees the new state sees that number too. A thread that comes late writes a smaller number for the same
// second, which changes nothing.
BurstWindow::State BurstWindow::advance(uint64_t word, uint32_t second) {
  const State old = unpack(word);
  if (old.total > 0) {
    const uint32_t admitted = old.total - sumBefore(old.second);
    if (state_.load(std::memory_order_acquire) == word) raise(old.second, admitted);
  }
  return {second, sumBefore(second)};
}

BurstWindow::Admission BurstWindow::take(uint32_t limit, base::Instant now) {
  const uint32_t wanted = secondOf(now);
  uint64_t word = state_.load(std::memory_order_acquire);
  for (;;) {
    State state = unpack(word);
    if (wanted > state.second) state = advance(word, wanted);
    const bool admitted = state.total < limit;
    const uint64_t next = pack({state.second, state.total + (admitted ? 1 : 0)});
    if (next != word && !state_.compare_exchange_weak(word, next, std::memory_order_acq_rel)) continue;
    if (admitted) return {true, std::chrono::seconds(0)};
    // The first second by which enough has left the window.
    uint32_t left = state.total;
    uint32_t at = state.second;
    while (left >= limit && at < state.second + kSeconds) {
      ++at;
      left -= std::min(left, countOf(at - 1 - kSeconds));
    }
    if (left >= limit) ++at;
    return {false, std::chrono::seconds(std::max<uint32_t>(1, at - std::min(at, wanted)))};
  }
}

std::vector<BurstWindow::Slot> BurstWindow::slots(base::Instant now) const {
  const uint32_t second = secondOf(now);
  std::vector<Slot> out;
  const State state = unpack(state_.load(std::memory_order_acquire));
  for (uint32_t age = kSeconds; age > 0; --age) {
    const uint32_t at = second - age;
    const uint32_t count = at == state.second ? state.total - sumBefore(at) : countOf(at);
    if (count > 0) out.push_back({age, count});
  }
  if (state.second >= second) {
    const uint32_t count = state.total - sumBefore(state.second);
    if (count > 0) out.push_back({0, count});
  }
  return out;
}

void BurstWindow::restore(const std::vector<Slot>& slots, base::Instant now) {
  const uint32_t second = secondOf(now);
  uint32_t current = 0;
  for (const auto& slot : slots) {
    if (slot.ageSeconds == 0) current += slot.count;
    else if (slot.ageSeconds <= kSeconds) raise(second - slot.ageSeconds, slot.count);
  }
  state_.store(pack({second, sumBefore(second) + current}), std::memory_order_release);
}

bool DailyCount::take(uint64_t limit, double wallMs) {
  uint64_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    Usage usage = unpack(word);
    const uint32_t day = dayOf(wallMs);
    if (day > usage.day) usage = {day, 0};
    if (usage.requests >= std::min(limit, kRequestsMax)) return false;
    ++usage.requests;
    if (word_.compare_exchange_weak(word, pack(usage), std::memory_order_relaxed)) return true;
  }
}

bool DailyCount::isExhausted(uint64_t limit, double wallMs) const {
  const Usage usage = unpack(word_.load(std::memory_order_relaxed));
  return dayOf(wallMs) <= usage.day && usage.requests >= std::min(limit, kRequestsMax);
}

}  // namespace weir::catalog
