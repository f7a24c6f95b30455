// Cuts what an engine prints into lines for the log. The bytes are hostile: a line has a bound, the rest of a
// longer one is dropped and counted, and control characters become '?', so that nothing forges a log line or
// moves a terminal's cursor.
//
// A value without I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::sandbox {

class LineSplitter {
 public:
  static constexpr size_t kLineBytesMax = 4096;

  // Feeds bytes; `onLine(std::string_view)` is called for each line completed, which it borrows for the call.
  template <class OnLine>
  void feed(std::string_view bytes, OnLine&& onLine) {
    for (const char c : bytes) {
      if (c == '\n') {
        onLine(std::string_view(line_));
        line_.clear();
      } else if (line_.size() == kLineBytesMax) {
        ++droppedBytes_;
      } else {
        const auto byte = static_cast<unsigned char>(c);
        line_.push_back((byte < 0x20 && c != '\t') || byte == 0x7f ? '?' : c);
      }
    }
  }

  // At the end of the stream: the line that was not ended, if there is one.
  template <class OnLine>
  void finish(OnLine&& onLine) {
    if (!line_.empty()) onLine(std::string_view(line_));
    line_.clear();
  }

  uint64_t droppedBytes() const { return droppedBytes_; }

 private:
  std::string line_;
  uint64_t droppedBytes_ = 0;
};

}  // namespace weir::sandbox
