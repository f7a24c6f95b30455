// How much the two ends of a connection read and join at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weir::http {

inline constexpr size_t kJoinedBytesMax = 16 * 1024;  // a body is copied behind its head, to leave with it in one write
inline constexpr size_t kReadAheadBytes = 4 * 1024;   // read beyond what its reader has granted

// How much of a buffer to read into while a body's reader has granted `granted` bytes. `size`: at least
// kReadAheadBytes.
inline size_t readRoom(size_t size, uint64_t granted) {
  return std::min(granted, uint64_t{size} - kReadAheadBytes) + kReadAheadBytes;
}

}  // namespace weir::http
