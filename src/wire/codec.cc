#include "wire/codec.h"

namespace weir::wire {

bool isHeadBlock(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > Bounds::kHeadBytesMax || text.back() != '\n') return false;
  // Three searches instead of one loop: the library's run many bytes at a time, and every request pays for this twice.
  if (std::memchr(text.data(), '\0', text.size()) != nullptr) return false;
  if (std::memchr(text.data(), '\r', text.size()) != nullptr) return false;
  const char* at = text.data();
  const char* const end = at + text.size();
  size_t lines = 0;
  while (at != end) {
    const auto* lineEnd = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    if (lines % 2 == 0 && lineEnd == at) return false;
    ++lines;
    at = lineEnd + 1;
  }
  return lines % 2 == 0 && lines / 2 <= Bounds::kHeaderCountMax;
}

}  // namespace weir::wire
