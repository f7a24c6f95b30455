#include "wire/codec.h"

namespace weir::wire {

bool isHeadBlock(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > Bounds::kHeadBytesMax || text.back() != '\n') return false;
  size_t lines = 0;
  size_t lineStart = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0' || c == '\r') return false;
    if (c != '\n') continue;
    if (lines % 2 == 0 && i == lineStart) return false;
    ++lines;
    lineStart = i + 1;
  }
  return lines % 2 == 0 && lines / 2 <= Bounds::kHeaderCountMax;
}

}  // namespace weir::wire
