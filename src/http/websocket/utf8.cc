#include "http/websocket/utf8.h"

#include <cstring>

namespace weir::http::websocket {

bool Utf8Validator::feed(std::span<const std::byte> bytes) {
  if (!valid_) return false;
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto* const end = at + bytes.size();
  while (at != end) {
    if (needed_ == 0) {
      // Eight bytes of ASCII at a time.
      for (uint64_t word; end - at >= 8; at += 8) {
        std::memcpy(&word, at, sizeof word);
        if ((word & 0x8080808080808080ULL) != 0) break;
      }
      if (at == end) break;
      const uint8_t lead = *at++;
      if (lead < 0x80) continue;
      lowest_ = 0x80;
      highest_ = 0xbf;
      if (lead >= 0xc2 && lead <= 0xdf) {
        needed_ = 1;
      } else if (lead >= 0xe0 && lead <= 0xef) {
        needed_ = 2;
        if (lead == 0xe0) lowest_ = 0xa0;
        if (lead == 0xed) highest_ = 0x9f;
      } else if (lead >= 0xf0 && lead <= 0xf4) {
        needed_ = 3;
        if (lead == 0xf0) lowest_ = 0x90;
        if (lead == 0xf4) highest_ = 0x8f;
      } else {
        return valid_ = false;
      }
      continue;
    }
    const uint8_t next = *at++;
    if (next < lowest_ || next > highest_) return valid_ = false;
    lowest_ = 0x80;
    highest_ = 0xbf;
    --needed_;
  }
  return true;
}

bool isUtf8(std::span<const std::byte> bytes) {
  Utf8Validator validator;
  return validator.feed(bytes) && validator.complete();
}

}  // namespace weir::http::websocket
