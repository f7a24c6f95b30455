#include "catalog/route_target.h"

#include <array>
#include <cstdint>

#include "base/check.h"
#include "base/hex.h"

namespace weir::catalog {

namespace {

// Bytes whose encoded form means the same as the raw one, in any URL: unreserved characters, and those that every URL
// parser encodes anyway.
constexpr bool meansItself(uint8_t byte) {
  if (byte >= 0x80) return true;
  if ((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) return true;
  for (const char c : std::string_view("-._~ \"<>`{}")) {
    if (byte == static_cast<uint8_t>(c)) return true;
  }
  return false;
}

// "." is 1, ".." is 2, with "%2e" for each dot; anything else 0.
int dots(std::string_view segment) {
  int count = 0;
  while (!segment.empty()) {
    if (segment.front() == '.') segment.remove_prefix(1);
    else if (segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' && (segment[2] | 0x20) == 'e')
      segment.remove_prefix(3);
    else return 0;
    if (++count > 2) return 0;
  }
  return count;
}

// What can need a change: percent signs, backslashes, and dots behind a slash.
constexpr std::array<bool, 256> kSuspicious = [] {
  std::array<bool, 256> table{};
  table['%'] = table['\\'] = table['.'] = true;
  return table;
}();

}  // namespace

bool isNormalTarget(std::string_view target) {
  if (target.empty() || target.front() != '/') return false;
  for (size_t i = 1; i < target.size(); ++i) {
    const char c = target[i];
    if (!kSuspicious[static_cast<uint8_t>(c)]) {
      if (c == '?') return true;
      continue;
    }
    if (c != '.' || target[i - 1] == '/') return false;
  }
  return true;
}

std::string_view normalizeTarget(std::string_view target, std::span<char> out) {
  CHECK(out.size() > target.size());
  const size_t queryAt = target.find('?');
  std::string_view path = target.substr(0, queryAt);
  const std::string_view query = queryAt == std::string_view::npos ? std::string_view() : target.substr(queryAt);
  if (!path.empty() && (path.front() == '/' || path.front() == '\\')) path.remove_prefix(1);
  size_t size = 0;
  out[size++] = '/';
  for (;;) {
    const size_t end = path.find_first_of("/\\");
    const std::string_view segment = path.substr(0, end);
    const bool last = end == std::string_view::npos;
    const int up = dots(segment);
    if (up == 2) {
      // Back to behind the slash before the segment that ends here; never above the root.
      if (size > 1) --size;
      while (out[size - 1] != '/') --size;
    } else if (up == 0) {
      size_t bareAt = SIZE_MAX;  // where a percent sign stands that encodes nothing: what follows must not complete it
      for (size_t i = 0; i < segment.size(); ++i) {
        const int high = segment[i] == '%' && i + 2 < segment.size() ? base::hexValue(segment[i + 1]) : -1;
        const int low = high < 0 ? -1 : base::hexValue(segment[i + 2]);
        if (low < 0) {
          if (segment[i] == '%') bareAt = size;
          out[size++] = segment[i];
          continue;
        }
        const auto byte = static_cast<uint8_t>(high * 16 + low);
        if (meansItself(byte) && (size <= bareAt || size - bareAt > 2)) {
          out[size++] = static_cast<char>(byte);
        } else {
          constexpr std::string_view kDigits = "0123456789ABCDEF";
          out[size++] = '%';
          out[size++] = kDigits[byte >> 4];
          out[size++] = kDigits[byte & 15];
        }
        i += 2;
      }
      if (!last) out[size++] = '/';
    }
    if (last) break;
    path.remove_prefix(end + 1);
  }
  query.copy(out.data() + size, query.size());
  return {out.data(), size + query.size()};
}

}  // namespace weir::catalog
