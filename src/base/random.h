// Randomness as an argument: `main` makes the real one, tests a seeded one.
#pragma once

#include <sys/random.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"

namespace weir::base {

class Random {
 public:
  virtual ~Random() = default;
  // Unpredictable to anybody else. Any thread.
  virtual void fill(std::span<std::byte> out) = 0;

  uint64_t next() {
    uint64_t value = 0;
    fill(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
};

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t got = getrandom(out.data(), out.size(), 0);
      CHECK(got > 0);  // the kernel's generator is up, and a read of this size is not interrupted
      out = out.subspan(static_cast<size_t>(got));
    }
  }
};

}  // namespace weir::base
