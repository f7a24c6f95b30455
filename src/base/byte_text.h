// Bytes as text and text as bytes: the same memory, looked at in the other way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace weir::base {

inline std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> asBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// Whether UTF-8 is one byte a character.
inline bool isAscii(std::span<const uint8_t> bytes) {
  uint64_t all = 0;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= sizeof all; at += sizeof all, left -= sizeof all) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    all |= word;
  }
  for (; left > 0; ++at, --left) all |= *at;
  return (all & 0x8080808080808080u) == 0;
}

}  // namespace weir::base
