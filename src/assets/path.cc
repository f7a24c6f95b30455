#include "assets/path.h"

#include <array>

#include "base/hex.h"
#include "base/json_text.h"
#include "http/url.h"

namespace weir::assets {

namespace {

constexpr std::array<bool, 256> kUnescaped = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()"))
    table[static_cast<uint8_t>(c)] = true;
  return table;
}();

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = base::utf8SequenceBytes(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

// Appends the segment decoded; as it is when that is not possible.
void appendDecoded(std::string& out, std::string_view segment) {
  if (segment.find('%') == std::string_view::npos) {
    out += segment;
    return;
  }
  const size_t from = out.size();
  for (size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      out.push_back(segment[i]);
      continue;
    }
    const int high = i + 2 < segment.size() ? base::hexValue(segment[i + 1]) : -1;
    const int low = high < 0 ? -1 : base::hexValue(segment[i + 2]);
    if (low < 0) {
      out.resize(from);
      out += segment;
      return;
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  if (isUtf8(std::string_view(out).substr(from))) return;
  out.resize(from);
  out += segment;
}

}  // namespace

bool isPlainPath(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  for (size_t i = 1; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '/' || c == '.') {
      // A run of slashes, or what may be a dot segment.
      if (path[i - 1] == '/') return false;
    } else if (!kUnescaped[static_cast<uint8_t>(c)]) {
      return false;
    }
  }
  return true;
}

std::string urlPath(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (isPlainPath(path)) return std::string(path);
  if (path.empty() || (path.front() != '/' && path.front() != '\\')) return "/";
  const auto url = http::Url::parse("http://h" + std::string(path));
  if (!url) return "/";
  return url->target;
}

std::string_view queryOf(std::string_view target) {
  const size_t at = target.find('?');
  return at == std::string_view::npos ? std::string_view() : target.substr(at);
}

std::string decodePath(std::string_view path) {
  if (isPlainPath(path)) return std::string(path);
  std::string decoded;
  decoded.reserve(path.size());
  for (;;) {
    const size_t slash = path.find('/');
    appendDecoded(decoded, path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    decoded.push_back('/');
    path.remove_prefix(slash + 1);
  }
  return collapseSlashes(decoded);
}

std::string encodePath(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '/' || kUnescaped[byte]) {
      out.push_back(c);
    } else {
      base::appendPercentEncoded(out, byte);
    }
  }
  return out;
}

std::string collapseSlashes(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    if (c == '/' && !out.empty() && out.back() == '/') continue;
    out.push_back(c);
  }
  return out;
}

}  // namespace weir::assets
