// BorrowedText: text of one byte a character that V8 reads where it lies, instead of copying it into a heap.
#pragma once

#include <v8.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace weir::js {

// Borrowed by every isolate that has a string of it: both it and the text outlive them. A snapshot refers to it by its
// address, which must be among the external references.
class BorrowedText final : public v8::String::ExternalOneByteStringResource {
 public:
  explicit BorrowedText(std::string_view text) : text_(text) {}
  const char* data() const override { return text_.data(); }
  size_t length() const override { return text_.size(); }

 private:
  void Dispose() override {}  // an isolate is done with it; others are not
  const std::string_view text_;
};

// Whether UTF-8 is one byte a character.
inline bool isAscii(std::span<const uint8_t> bytes) {
  uint64_t all = 0;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= sizeof all; at += sizeof all, left -= sizeof all) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    all |= word;
  }
  for (; left > 0; ++at, --left) all |= *at;
  return (all & 0x8080808080808080u) == 0;
}

}  // namespace weir::js
