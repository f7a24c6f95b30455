// When to start an engine again that has ended: at once, unless it keeps ending before it is ready.
//
// A value without clock or process; the supervisor keeps one per engine slot.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace weir::sandbox {

struct RestartLimits {
  std::chrono::milliseconds firstDelay{100};   // after the second failed start in a row
  std::chrono::milliseconds delayMax{10'000};  // doubling stops here
  // An engine that ended so soon after it was ready counts as a failed start: a crash on the first event must
  // not spin.
  std::chrono::milliseconds settledAfter{2'000};
};

class RestartPolicy {
 public:
  explicit RestartPolicy(RestartLimits limits = {}) : limits_(limits) {}

  void started(base::Instant) { ready_ = false; }
  void becameReady(base::Instant now) {
    ready_ = true;
    readyAt_ = now;
  }

  // How long to wait before the next start; 0 for an engine that had settled, and for the first failure in a
  // row.
  [[nodiscard]] std::chrono::milliseconds ended(base::Instant now) {
    const bool settled = ready_ && now - readyAt_ >= limits_.settledAfter;
    ready_ = false;
    failures_ = settled ? 0 : std::min<uint32_t>(failures_ + 1, kFailuresMax);
    if (failures_ < 2) return std::chrono::milliseconds(0);
    return std::min(limits_.firstDelay * (int64_t{1} << (failures_ - 2)), limits_.delayMax);
  }

  // Failed starts in a row; 0 once an engine has settled and ended. For the log and `/health`.
  uint32_t failedStarts() const { return failures_; }

 private:
  static constexpr uint32_t kFailuresMax = 20;  // keeps the shift in range

  RestartLimits limits_;
  bool ready_ = false;
  base::Instant readyAt_{};
  uint32_t failures_ = 0;
};

}  // namespace weir::sandbox
