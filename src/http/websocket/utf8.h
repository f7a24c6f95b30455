// UTF-8 checked as it arrives: a code point may be split anywhere (RFC 6455 §8.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::http::websocket {

class Utf8Validator {
 public:
  // False at the first byte that no valid text could have here; then for ever, until `reset`.
  [[nodiscard]] bool feed(std::span<const std::byte> bytes);
  // Whether what was fed ends with a whole code point.
  bool complete() const { return needed_ == 0 && valid_; }
  void reset() { *this = {}; }

 private:
  uint8_t needed_ = 0;  // continuation bytes to come
  uint8_t lowest_ =
      0x80;  // bounds of the next one: they rule out overlong forms, surrogates and what is above U+10FFFF
  uint8_t highest_ = 0xbf;
  bool valid_ = true;
};

[[nodiscard]] bool isUtf8(std::span<const std::byte> bytes);

}  // namespace weir::http::websocket
