// Cuts a byte stream into lines that end with CRLF, whatever pieces it arrives in.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir::http {

class LineReader {
 public:
  enum class Outcome {
    kLine,     // `line` is set, without its line end
    kMore,     // everything was consumed and no line has ended yet
    kTooLong,  // the line with its end passes `bytesMax`
    kBareLf,
  };
  struct Step {
    Outcome outcome;
    size_t consumed;
    std::string_view line;  // borrows from `bytes` or from this reader; dies with the next call
  };

  // `bytesMax` bounds the line including what earlier calls consumed of it.
  Step next(std::span<const std::byte> bytes, size_t bytesMax);

  void reset() {
    partial_.clear();
    delivered_ = false;
  }

 private:
  std::string partial_;
  bool delivered_ = false;  // `partial_` was handed out and is stale
};

}  // namespace weir::http
