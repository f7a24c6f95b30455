// UTF-8 text that is cut to a bound.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::base {

// The longest beginning of `text` that has no more than `bytesMax` bytes and cuts no character. Borrowed from `text`.
inline std::string_view cutText(std::string_view text, size_t bytesMax) {
  if (text.size() <= bytesMax) return text;
  while (bytesMax > 0 && (static_cast<uint8_t>(text[bytesMax]) & 0xc0) == 0x80) --bytesMax;
  return text.substr(0, bytesMax);
}

}  // namespace weir::base
