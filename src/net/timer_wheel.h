// A hashed timer wheel with lazy deadlines: arming, moving a deadline later and disarming are a few stores, which is
// what a connection that re-arms its idle timer on every request needs.
//
// Resolution is one tick (1 ms). A timer never fires early. A timer further away than one turn of the wheel waits in
// the furthest slot and is looked at again once per turn.
//
// Threads: none of its own; a wheel and its timers belong to one loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.h"

namespace weir::net {

class Timer;

class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{1};
  static constexpr size_t kSlots = 4096;

  explicit TimerWheel(base::Instant start);
  ~TimerWheel();  // every timer must be gone or disarmed by then

  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Fires every timer whose deadline is at or before `now`. Callbacks may arm, disarm and destroy timers, their own
  // included; a timer armed by a callback for `now` or earlier fires in the next call. Returns how many fired.
  size_t advance(base::Instant now);

  // When `advance` next has something to look at (possibly only a timer whose deadline has moved), or nullopt.
  std::optional<base::Instant> findNext() const;

 private:
  friend class Timer;

  void link(Timer& timer);
  void unlink(Timer& timer);
  uint64_t tickAtOrAfter(base::Instant when) const;

  base::Instant start_;
  uint64_t tick_ = 0;  // every slot up to and including this one has been looked at
  std::array<Timer*, kSlots> slots_{};
  std::array<uint64_t, kSlots / 64> occupied_{};
};

// One deadline and what to do then. A resource: dropping it cancels it. Outlived by its wheel.
class Timer {
 public:
  Timer(TimerWheel& wheel, std::function<void()> fire) : wheel_(wheel), fire_(std::move(fire)) {}
  ~Timer();

  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once at `deadline` or up to a tick after it; replaces an earlier deadline.
  void arm(base::Instant deadline);
  void disarm() { armed_ = false; }
  bool armed() const { return armed_; }

 private:
  friend class TimerWheel;

  TimerWheel& wheel_;
  std::function<void()> fire_;
  base::Instant deadline_{};
  bool armed_ = false;
  bool linked_ = false;
  uint64_t linkedTick_ = 0;  // at or before the deadline's tick while armed
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
};

}  // namespace weir::net
