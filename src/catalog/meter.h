// Meters: how many requests an account has had, for the limits of its plan.
//
// Threads: any, all at once, without locks: each admission is one compare-and-swap of one word, and the sum of all
// admissions never passes the limit, whatever threads do. Time is passed in and may differ a little between threads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace weir::catalog {

// At most `limit` admissions in any sixty seconds: a sliding window, counted by whole seconds. An admission counts
// until the second it fell into lies wholly outside, so the window is between 60 and 61 seconds long.
class BurstWindow {
 public:
  static constexpr uint32_t kSeconds = 60;

  struct Admission {
    bool admitted;
    std::chrono::seconds retryAfter;  // 0 if admitted, else when one may be admitted again: 1 to 61
  };

  // Takes one place if there is one. A refusal takes nothing. `limit` > 0; it may change from call to call.
  [[nodiscard]] Admission take(uint32_t limit, base::Instant now);

  // Admissions that still count, in the order of seconds; what `restore` takes.
  struct Slot {
    uint32_t ageSeconds;  // whole seconds before `now`'s
    uint32_t count;
    bool operator==(const Slot&) const = default;
  };
  std::vector<Slot> slots(base::Instant now) const;
  // Before anybody takes. Ages are as of `now`.
  void restore(const std::vector<Slot>& slots, base::Instant now);

  // Another number whenever something was admitted.
  uint64_t admitted() const { return state_.load(std::memory_order_relaxed); }

 private:
  // Slots of twice the window: one is used again more than a minute after nobody looks at it any more.
  static constexpr uint32_t kSlots = 128;

  struct State {
    uint32_t second;
    uint32_t total;  // admissions of this second and the sixty before
  };
  static uint64_t pack(State state) { return uint64_t{state.second} << 32 | state.total; }
  static State unpack(uint64_t word) { return {static_cast<uint32_t>(word >> 32), static_cast<uint32_t>(word)}; }
  static uint32_t secondOf(base::Instant now);

  uint32_t countOf(uint32_t second) const;
  uint32_t sumBefore(uint32_t second) const;  // of the sixty seconds before it
  void raise(uint32_t second, uint32_t count);
  State advance(uint64_t word, uint32_t second);

  std::atomic<uint64_t> state_{0};
  std::array<std::atomic<uint64_t>, kSlots> slots_{};  // second << 32 | count; a slot's word only grows
};

// Requests since 00:00 UTC.
class DailyCount {
 public:
  struct Usage {
    uint32_t day = 0;  // since 1970-01-01
    uint64_t requests = 0;
    bool operator==(const Usage&) const = default;
  };

  static uint32_t dayOf(double wallMs) { return static_cast<uint32_t>(wallMs / 86'400'000.0); }

  // Counts one request if that stays within `limit` (> 0). A clock that goes back stays in the day it has seen.
  [[nodiscard]] bool take(uint64_t limit, double wallMs);
  bool isExhausted(uint64_t limit, double wallMs) const;

  Usage usage() const { return unpack(word_.load(std::memory_order_relaxed)); }
  // Before anybody takes.
  void restore(const Usage& usage) { word_.store(pack(usage), std::memory_order_relaxed); }

 private:
  static constexpr uint64_t kRequestsMax = (uint64_t{1} << 44) - 1;
  static uint64_t pack(const Usage& usage) { return uint64_t{usage.day} << 44 | usage.requests; }
  static Usage unpack(uint64_t word) { return {static_cast<uint32_t>(word >> 44), word & kRequestsMax}; }

  std::atomic<uint64_t> word_{0};
};

// What one account is measured by, as long as the process lives. Shared by every routing snapshot.
struct AccountMeter {
  BurstWindow burst;
  DailyCount daily;
};

}  // namespace weir::catalog
