// ByteBudget: how many bytes may be held at a time, and HeldBytes: who holds them. A script can make the platform keep
// bytes for it (a body that nobody reads yet); what one script, and all of them, may have kept that way is bounded
// here.
//
// Threads: one's.
#pragma once

#include <cstddef>

#include "base/check.h"

namespace weir::base {

class ByteBudget {
 public:
  explicit ByteBudget(size_t bytesMax) : left_(bytesMax) {}
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  size_t leftBytes() const { return left_; }

 private:
  friend class HeldBytes;
  size_t left_;
};

// Counts against two budgets: a script's own and one that it shares. Gives back what it holds when it goes.
class HeldBytes {
 public:
  // Both borrowed; they outlive this.
  HeldBytes(ByteBudget& own, ByteBudget& shared) : own_(own), shared_(shared) {}
  ~HeldBytes() { shrink(held_); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  // False: over one of the budgets; nothing has changed.
  [[nodiscard]] bool grow(size_t bytes) {
    if (bytes > own_.left_ || bytes > shared_.left_) return false;
    own_.left_ -= bytes;
    shared_.left_ -= bytes;
    held_ += bytes;
    return true;
  }
  void shrink(size_t bytes) {
    CHECK(bytes <= held_);
    held_ -= bytes;
    own_.left_ += bytes;
    shared_.left_ += bytes;
  }
  size_t bytes() const { return held_; }

 private:
  ByteBudget& own_;
  ByteBudget& shared_;
  size_t held_ = 0;
};

}  // namespace weir::base
