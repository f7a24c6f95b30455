// Time as an argument: `main` makes the real clock, tests advance a fake one.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir::base {

// A point on a clock that never goes back. Only differences mean anything.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  // Milliseconds since 1970-01-01T00:00:00Z, with microseconds as the fraction.
  virtual double wallMs() const = 0;
};

class SystemClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }
  double wallMs() const override {
    using namespace std::chrono;
    return static_cast<double>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()) / 1000.0;
  }
};

}  // namespace weir::base
