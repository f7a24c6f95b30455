// Hexadecimal digits, and the escapes of URLs that are made of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace weir::base {

// The value of a digit of either case; -1 for anything else.
constexpr int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Two lower-case digits per byte.
inline std::string hexOf(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// "%" and two upper-case digits. RFC 3986 §2.1
inline void appendPercentEncoded(std::string& out, uint8_t byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const char escape[] = {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  out.append(escape, sizeof escape);
}

}  // namespace weir::base
