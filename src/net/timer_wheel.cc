#include "net/timer_wheel.h"

#include <bit>

#include "base/check.h"

namespace weir::net {

TimerWheel::TimerWheel(base::Instant start) : start_(start) {}

TimerWheel::~TimerWheel() {
  for (Timer*& slot : slots_) {
    while (slot) {
      CHECK(!slot->armed_);
      unlink(*slot);
    }
  }
}

uint64_t TimerWheel::tickAtOrAfter(base::Instant when) const {
  if (when <= start_) return 0;
  const auto since = when - start_;
  const auto tick = std::chrono::nanoseconds(kTick);
  return static_cast<uint64_t>(since / tick) + (since % tick != std::chrono::nanoseconds(0) ? 1 : 0);
}

void TimerWheel::link(Timer& timer) {
  const uint64_t wanted = tickAtOrAfter(timer.deadline_);
  const uint64_t at = std::min(std::max(wanted, tick_ + 1), tick_ + kSlots - 1);
  const size_t slot = at % kSlots;
  timer.linkedTick_ = at;
  timer.previous_ = nullptr;
  timer.next_ = slots_[slot];
  if (timer.next_) timer.next_->previous_ = &timer;
  slots_[slot] = &timer;
  occupied_[slot / 64] |= uint64_t{1} << (slot % 64);
  timer.linked_ = true;
}

void TimerWheel::unlink(Timer& timer) {
  const size_t slot = timer.linkedTick_ % kSlots;
  if (timer.previous_) {
    timer.previous_->next_ = timer.next_;
  } else {
    CHECK(slots_[slot] == &timer);
    slots_[slot] = timer.next_;
    if (!timer.next_) occupied_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }
  if (timer.next_) timer.next_->previous_ = timer.previous_;
  timer.previous_ = timer.next_ = nullptr;
  timer.linked_ = false;
}

size_t TimerWheel::advance(base::Instant now) {
  if (now < start_) return 0;
  // A tick is due when it lies wholly in the past; a timer armed for "now" sits one tick ahead of it at most.
  const uint64_t due = static_cast<uint64_t>((now - start_) / std::chrono::nanoseconds(kTick));
  size_t fired = 0;
  while (tick_ < due) {
    const auto next = findNext();
    if (!next) {
      tick_ = due;
      break;
    }
    const uint64_t at = tickAtOrAfter(*next);
    if (at > due) {
      tick_ = due;
      break;
    }
    // `tick_` moves first: what a callback arms goes to a later slot, so this slot only shrinks.
    tick_ = at;
    const size_t slot = at % kSlots;
    while (Timer* timer = slots_[slot]) {
      unlink(*timer);
      if (!timer->armed_) continue;
      if (timer->deadline_ > now) {
        link(*timer);
        continue;
      }
      timer->armed_ = false;
      ++fired;
      timer->fire_();  // may destroy the timer
    }
  }
  return fired;
}

std::optional<base::Instant> TimerWheel::findNext() const {
  const size_t first = (tick_ + 1) % kSlots;
  for (size_t step = 0; step <= kSlots / 64; ++step) {
    const size_t word = (first / 64 + step) % (kSlots / 64);
    uint64_t bits = occupied_[word];
    if (step == 0) bits &= ~uint64_t{0} << (first % 64);
    if (step == kSlots / 64) bits &= ~(~uint64_t{0} << (first % 64));
    if (!bits) continue;
    const size_t slot = word * 64 + static_cast<size_t>(std::countr_zero(bits));
    const uint64_t ahead = (slot + kSlots - first) % kSlots;
    return start_ + kTick * static_cast<int64_t>(tick_ + 1 + ahead);
  }
  return std::nullopt;
}

Timer::~Timer() {
  if (linked_) wheel_.unlink(*this);
}

void Timer::arm(base::Instant deadline) {
  deadline_ = deadline;
  armed_ = true;
  if (linked_) {
    // Later than where it waits: it will be moved when that slot comes up.
    if (wheel_.tickAtOrAfter(deadline) >= linkedTick_) return;
    wheel_.unlink(*this);
  }
  wheel_.link(*this);
}

}  // namespace weir::net
