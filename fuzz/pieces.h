// Pieces: how a target cuts its input, to show that a decoder does not care.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace weir::fuzz {

// The next sizes follow from `seed`: 1 to 17 bytes each. A seed of 0 gives everything at once.
class Pieces {
 public:
  explicit Pieces(unsigned seed) : seed_(seed) {}

  // The first piece of what is left. Empty once `left` is.
  template <class Byte>
  std::span<Byte> first(std::span<Byte> left) {
    if (seed_ == 0) return left;
    seed_ = seed_ * 1103515245 + 12345;
    return left.first(std::min<size_t>(left.size(), 1 + (seed_ >> 16) % 17));
  }

 private:
  unsigned seed_;
};

}  // namespace weir::fuzz
