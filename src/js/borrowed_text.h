// BorrowedText: text of one byte a character that V8 reads where it lies, instead of copying it into a heap.
#pragma once

#include <v8.h>

#include <cstddef>
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

}  // namespace weir::js
