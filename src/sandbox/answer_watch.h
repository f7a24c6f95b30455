// Whether an engine still answers: its event ring must move while something waits in it.
//
// A value without clock, process or ring; the supervisor keeps one per engine and shows it the ring's positions now and
// then. Only time that was looked at counts: after a pause of the whole platform (a stopped process, a frozen machine)
// an engine is not blamed for what nobody watched.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace weir::sandbox {

class AnswerWatch {
 public:
  // `silentMax`: how long events may wait while none is read. `stepMax`: the most that one look adds to that.
  AnswerWatch(std::chrono::milliseconds silentMax, std::chrono::milliseconds stepMax, base::Instant now)
      : silentMax_(silentMax), stepMax_(stepMax), lookedAt_(now) {}

  enum class Verdict {
    kAnswering,
    kIdle,    // nothing waits, so nothing can be said: send it something to read
    kSilent,  // it has to go
  };
  [[nodiscard]] Verdict look(base::Instant now, uint64_t written, uint64_t read) {
    const auto step = std::min<std::chrono::nanoseconds>(now - lookedAt_, stepMax_);
    lookedAt_ = now;
    if (read == written || read != read_) {
      read_ = read;
      silent_ = {};
      return read == written ? Verdict::kIdle : Verdict::kAnswering;
    }
    silent_ += step;
    return silent_ >= silentMax_ ? Verdict::kSilent : Verdict::kAnswering;
  }

 private:
  std::chrono::milliseconds silentMax_;
  std::chrono::milliseconds stepMax_;
  base::Instant lookedAt_;
  uint64_t read_ = 0;
  std::chrono::nanoseconds silent_{};
};

}  // namespace weir::sandbox
