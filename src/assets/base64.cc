#include "assets/base64.h"

#include <array>
#include <cstdint>

namespace weir::assets {

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

constexpr std::array<int8_t, 256> tableFor(char c62, char c63) {
  std::array<int8_t, 256> table{};
  for (auto& value : table) value = -1;
  for (size_t i = 0; i < kLetters.size(); ++i) table[static_cast<uint8_t>(kLetters[i])] = static_cast<int8_t>(i);
  table[static_cast<uint8_t>(c62)] = 62;
  table[static_cast<uint8_t>(c63)] = 63;
  return table;
}
constexpr auto kPlain = tableFor('+', '/');
constexpr auto kUrl = tableFor('-', '_');

std::optional<std::vector<std::byte>> decode(std::string_view text, const std::array<int8_t, 256>& table,
                                             bool allowBreaks, bool allowPadding, size_t bytesMax) {
  std::vector<std::byte> out;
  if (text.size() / 4 > bytesMax / 3 + 1 && !allowBreaks) return std::nullopt;
  out.reserve(std::min(text.size() / 4 * 3 + 3, bytesMax));
  uint32_t bits = 0;
  int have = 0;
  size_t characters = 0, padding = 0;
  for (const char c : text) {
    if (allowBreaks && (c == '\r' || c == '\n')) continue;
    if (c == '=' && allowPadding) {
      if (++padding > 2) return std::nullopt;
      continue;
    }
    const auto value = table[static_cast<uint8_t>(c)];
    if (value < 0 || padding > 0) return std::nullopt;
    ++characters;
    bits = (bits << 6) | static_cast<uint32_t>(value);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    if (out.size() == bytesMax) return std::nullopt;
    out.push_back(static_cast<std::byte>(bits >> have));
  }
  if (characters % 4 == 1 || (bits & ((1u << have) - 1)) != 0) return std::nullopt;
  if (padding > 0 && (characters + padding) % 4 != 0) return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::vector<std::byte>> decodeBase64(std::string_view text, size_t bytesMax) {
  return decode(text, kPlain, true, true, bytesMax);
}

std::optional<std::vector<std::byte>> decodeBase64Url(std::string_view text, size_t bytesMax) {
  return decode(text, kUrl, false, false, bytesMax);
}

std::string encodeBase64Url(std::span<const std::byte> bytes) {
  const auto letter = [](uint32_t value) { return value < 62 ? kLetters[value] : value == 62 ? '-' : '_'; };
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  uint32_t bits = 0;
  int have = 0;
  for (const std::byte byte : bytes) {
    bits = (bits << 8) | static_cast<uint32_t>(byte);
    have += 8;
    while (have >= 6) {
      have -= 6;
      out.push_back(letter((bits >> have) & 63));
    }
  }
  if (have > 0) out.push_back(letter((bits << (6 - have)) & 63));
  return out;
}

}  // namespace weir::assets
