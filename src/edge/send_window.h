// SendWindow: how much of one body an engine may still send. Bytes it sent come back as credit when the peer has taken
// enough of them.
#pragma once

#include <cstdint>
#include <utility>

#include "wire/bounds.h"

namespace weir::edge {

class SendWindow {
 public:
  // The engine sent so much. False: more than it may.
  [[nodiscard]] bool take(size_t bytes) {
    if (bytes > open_) return false;
    open_ -= bytes;
    owed_ += static_cast<uint32_t>(bytes);
    return true;
  }
  // What is to be credited now: all that is owed, once it is worth a message or `all` is asked for.
  uint32_t giveBack(bool all) {
    if (owed_ == 0 || (!all && owed_ < wire::Bounds::kChunkBytesMax)) return 0;
    open_ += owed_;
    return std::exchange(owed_, 0);
  }

 private:
  uint64_t open_ = wire::Bounds::kStreamWindowBytes;
  uint32_t owed_ = 0;
};

}  // namespace weir::edge
