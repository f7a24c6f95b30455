// Bytes as text and text as bytes: the same memory, looked at in the other way.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace weir::base {

inline std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> asBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace weir::base
