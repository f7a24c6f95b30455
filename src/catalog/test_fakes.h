// Time and randomness for tests of the catalog: a clock that stands until it is set, random bytes that are the same in
// every run.
#pragma once

#include <cstdint>
#include <random>

#include "base/clock.h"
#include "base/random.h"

namespace weir::catalog {

class FakeClock final : public base::Clock {
 public:
  explicit FakeClock(int64_t startMs = 1'000) : ms(startMs) {}

  base::Instant now() const override { return base::Instant{}; }
  double wallMs() const override { return static_cast<double>(ms); }

  int64_t ms;
};

class SeededRandom final : public base::Random {
 public:
  void fill(std::span<std::byte> out) override {
    for (auto& byte : out) byte = static_cast<std::byte>(random_());
  }

 private:
  std::mt19937 random_{42};
};

}  // namespace weir::catalog
