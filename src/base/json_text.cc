#include "base/json_text.h"

#include <array>
#include <bitset>
#include <cstring>

namespace weir::base {

namespace {

constexpr uint64_t kOnes = 0x0101010101010101u;
constexpr uint64_t kHighs = 0x8080808080808080u;

// Nonzero if any of the eight bytes is a control character, a quote, a backslash or not ASCII.
inline uint64_t needsCare(uint64_t bytes) {
  const uint64_t quote = bytes ^ (kOnes * '"');
  const uint64_t slash = bytes ^ (kOnes * '\\');
  const uint64_t below = (bytes - kOnes * 0x20) & ~bytes;
  const uint64_t isQuote = (quote - kOnes) & ~quote;
  const uint64_t isSlash = (slash - kOnes) & ~slash;
  return (below | isQuote | isSlash | bytes) & kHighs;
}

inline bool isPlain(uint8_t byte) { return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\'; }

inline char* writeCarefully(char* out, std::string_view& rest) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto byte = static_cast<uint8_t>(rest[0]);
  if (byte >= 0x80) {
    const size_t size = utf8SequenceBytes(rest);
    if (size == 0) {
      std::memcpy(out, "\xEF\xBF\xBD", 3);
      rest.remove_prefix(1);
      return out + 3;
    }
    std::memcpy(out, rest.data(), size);
    rest.remove_prefix(size);
    return out + size;
  }
  rest.remove_prefix(1);
  if (isPlain(byte)) {
    *out = static_cast<char>(byte);
    return out + 1;
  }
  *out++ = '\\';
  switch (byte) {
    case '"':
    case '\\': *out++ = static_cast<char>(byte); return out;
    case '\n': *out++ = 'n'; return out;
    case '\r': *out++ = 'r'; return out;
    case '\t': *out++ = 't'; return out;
    default:
      std::memcpy(out, "u00", 3);
      out[3] = kHex[byte >> 4];
      out[4] = kHex[byte & 15];
      return out + 5;
  }
}

}  // namespace

char* writeJsonCharacters(char* out, std::string_view text) {
  while (text.size() >= 8) {
    uint64_t bytes;
    std::memcpy(&bytes, text.data(), 8);
    if (needsCare(bytes) == 0) [[likely]] {
      std::memcpy(out, &bytes, 8);
      out += 8;
      text.remove_prefix(8);
      continue;
    }
    // At least one of the next eight bytes is special; a sequence may reach past them, so stop by what is left.
    const size_t until = text.size() - 8;
    while (text.size() > until) out = writeCarefully(out, text);
  }
  while (!text.empty()) out = writeCarefully(out, text);
  return out;
}

void appendJsonString(std::string& out, std::string_view text) {
  const size_t before = out.size();
  out.resize(before + jsonStringBytesMax(text.size()));
  char* begin = out.data() + before;
  out.resize(before + static_cast<size_t>(writeJsonString(begin, text) - begin));
}

// https://www.unicode.org/versions/Unicode15.0.0/ch03.pdf, table 3-7.
size_t utf8SequenceBytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
    return i < text.size() && at(i) >= low && at(i) <= high;
  };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return continues(1) ? 2 : 0;
  if (first < 0xF0) {
    const uint8_t low = first == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = first == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first > 0xF4) return 0;
  const uint8_t low = first == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xF4 ? 0x8F : 0xBF;
  return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
}

std::string wellFormedUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t size = utf8SequenceBytes(text);
    if (size == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, size);
      text.remove_prefix(size);
    }
  }
  return out;
}

namespace {

// One pass, no recursion: the open brackets are a bit each (set: object).
class Checker {
 public:
  Checker(std::string_view text, bool breaksAllowed)
      : at_(text.data()), end_(text.data() + text.size()), breaksAllowed_(breaksAllowed) {}

  bool check(JsonKind kind) {
    space();
    if (at_ == end_) return false;
    if (kind == JsonKind::kArray && *at_ != '[') return false;
    if (kind == JsonKind::kObject && *at_ != '{') return false;
    for (;;) {
      if (!value()) return false;
      if (opened_) continue;
      // A value is complete: close what it closes, or go on to the next one.
      for (;;) {
        space();
        if (depth_ == 0) return at_ == end_;
        if (at_ == end_) return false;
        const bool object = objects_[depth_ - 1];
        if (*at_ == ',') {
          ++at_;
          space();
          if (object && !key()) return false;
          break;
        }
        if (*at_ != (object ? '}' : ']')) return false;
        ++at_;
        --depth_;
      }
    }
  }

 private:
  void space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || (breaksAllowed_ && (*at_ == '\n' || *at_ == '\r')))) ++at_;
  }

  // Reads a scalar or an empty container, or opens a container and stands before its first value (opened_).
  bool value() {
    opened_ = false;
    space();
    if (at_ == end_) return false;
    switch (*at_) {
      case '"': return string();
      case '{':
      case '[': return open(*at_ == '{');
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number();
    }
  }

  bool open(bool object) {
    if (depth_ == kJsonDepthMax) return false;
    ++at_;
    space();
    if (at_ != end_ && *at_ == (object ? '}' : ']')) {
      ++at_;
      return true;
    }
    objects_[depth_++] = object;
    opened_ = true;
    return !object || key();
  }

  bool key() {
    if (at_ == end_ || *at_ != '"' || !string()) return false;
    space();
    if (at_ == end_ || *at_ != ':') return false;
    ++at_;
    return true;
  }

  bool string() {
    ++at_;
    while (at_ != end_) {
      while (end_ - at_ >= 8) {
        uint64_t bytes;
        std::memcpy(&bytes, at_, 8);
        if (needsCare(bytes) != 0) break;
        at_ += 8;
      }
      if (at_ == end_) return false;
      const auto byte = static_cast<uint8_t>(*at_);
      if (byte == '"') {
        ++at_;
        return true;
      }
      if (byte < 0x20) return false;
      if (byte == '\\') {
        if (!escape()) return false;
      } else if (byte < 0x80) {
        ++at_;
      } else {
        const size_t size = utf8SequenceBytes({at_, static_cast<size_t>(end_ - at_)});
        if (size == 0) return false;
        at_ += size;
      }
    }
    return false;
  }

  bool escape() {
    ++at_;
    if (at_ == end_) return false;
    const char kind = *at_++;
    if (kind != 'u') return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == end_) return false;
      const char c = *at_;
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return false;
    }
    return true;
  }

  bool word(std::string_view text) {
    if (static_cast<size_t>(end_ - at_) < text.size() || std::memcmp(at_, text.data(), text.size()) != 0) return false;
    at_ += text.size();
    return true;
  }

  bool digits() {
    const char* begin = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != begin;
  }

  bool number() {
    if (*at_ == '-') ++at_;
    if (at_ == end_) return false;
    if (*at_ == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return false;
    }
    return true;
  }

  const char* at_;
  const char* end_;
  bool breaksAllowed_;
  bool opened_ = false;
  size_t depth_ = 0;
  std::bitset<kJsonDepthMax> objects_;
};

}  // namespace

bool isJsonLine(std::string_view text, JsonKind kind) { return Checker(text, false).check(kind); }
bool isJson(std::string_view text, JsonKind kind) { return Checker(text, true).check(kind); }

}  // namespace weir::base
