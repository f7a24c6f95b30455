// Text as it may be shown: cut to a bound, or without control characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::base {

// The longest beginning of `text` that has no more than `bytesMax` bytes and cuts no character. Borrowed from `text`.
inline std::string_view cutText(std::string_view text, size_t bytesMax) {
  if (text.size() <= bytesMax) return text;
  while (bytesMax > 0 && (static_cast<uint8_t>(text[bytesMax]) & 0xc0) == 0x80) --bytesMax;
  return text.substr(0, bytesMax);
}

// Control characters as '?', line breaks among them.
inline std::string withoutControls(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace weir::base
