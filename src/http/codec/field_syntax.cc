#include "http/codec/field_syntax.h"

#include <array>
#include <limits>

namespace weir::http {
namespace {

enum : uint8_t { kTokenChar = 1, kValueChar = 2, kTargetChar = 4, kHostChar = 8 };

constexpr std::array<uint8_t, 256> makeTable() {
  std::array<uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    uint8_t classes = 0;
    if (alnum ||
        (c < 128 && c > 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos))
      classes |= kTokenChar;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) classes |= kValueChar;
    if (c > 0x20 && c != 0x7f && c != '#') classes |= kTargetChar;
    if (alnum || c == '-' || c == '.' || c == '_' || c == '~') classes |= kHostChar;
    table[static_cast<size_t>(c)] = classes;
  }
  return table;
}
constexpr auto kClasses = makeTable();

bool consistsOf(std::string_view text, uint8_t wanted) {
  uint8_t all = wanted;
  for (const char c : text) all &= kClasses[static_cast<unsigned char>(c)];
  return all != 0;
}

}  // namespace

bool isToken(std::string_view text) { return !text.empty() && consistsOf(text, kTokenChar); }
bool isFieldValue(std::string_view text) { return consistsOf(text, kValueChar); }
bool isTarget(std::string_view text) { return !text.empty() && consistsOf(text, kTargetChar); }

bool isAuthority(std::string_view text) {
  size_t hostEnd;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    const std::string_view literal = text.substr(1, close - 1);
    if (literal.find(':') == std::string_view::npos) return false;  // no IPv6 address is without
    for (const char c : literal) {
      const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!hex && c != ':' && c != '.') return false;
    }
    hostEnd = close + 1;
  } else {
    hostEnd = std::min(text.find(':'), text.size());
    if (hostEnd == 0 || hostEnd > 255 || !consistsOf(text.substr(0, hostEnd), kHostChar)) return false;
  }
  if (hostEnd == text.size()) return true;
  const std::string_view port = text.substr(hostEnd);
  if (port.front() != ':' || port.size() < 2 || port.size() > 6) return false;
  const auto number = parseDecimal(port.substr(1));
  return number && *number <= 65535;
}

std::optional<Header> parseFieldLine(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view name = line.substr(0, colon);
  if (!isToken(name)) return std::nullopt;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  if (!isFieldValue(value)) return std::nullopt;
  return Header{name, value};
}

std::optional<uint64_t> parseDecimal(std::string_view text) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (text.empty()) return std::nullopt;
  uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (number > (kMax - digit) / 10) return std::nullopt;
    number = number * 10 + digit;
  }
  return number;
}

}  // namespace weir::http
