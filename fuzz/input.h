// Input: a fuzzer's bytes read as choices, for targets that drive an interface instead of a parser. Reading past the
// end gives zeros and empty text, so every input is a whole program.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace weir::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}

  bool empty() const { return rest_.empty(); }
  uint8_t byte() { return number<uint8_t>(); }
  bool flag() { return (byte() & 1) != 0; }
  // 0 to `max`, both included.
  size_t upTo(size_t max) { return max < 256 ? byte() % (max + 1) : number<uint32_t>() % (max + 1); }

  template <class T>
  T number() {
    T value{};
    const size_t size = std::min(sizeof value, rest_.size());
    if (size > 0) std::memcpy(&value, rest_.data(), size);
    rest_ = rest_.subspan(size);
    return value;
  }

  // A length of one byte, or of two after 255, and so much of what is left. Borrowed from the input.
  std::string_view text() {
    size_t size = byte();
    if (size == 255) size = number<uint16_t>();
    return take(std::min(size, rest_.size()));
  }
  std::string_view rest() { return take(rest_.size()); }
  std::span<const uint8_t> bytes() const { return rest_; }

 private:
  std::string_view take(size_t size) {
    const std::string_view view(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return view;
  }

  std::span<const uint8_t> rest_;
};

}  // namespace weir::fuzz
