// Reads HTTP/1.1 responses as far as a load generator needs: where one ends, its status, how long its body was. Keeps
// nothing of a body. No I/O.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::bench {

class ResponseReader {
 public:
  enum class State { kMore, kDone, kBroken };

  static constexpr size_t kHeadBytesMax = 64 * 1024;

  // Consumes a prefix of `bytes` and cuts it off. After kDone the response's facts are below until reset().
  State feed(std::string_view& bytes) {
    while (!bytes.empty()) {
      switch (part_) {
        case Part::kHead:
          if (!takeLine(bytes)) break;
          if (!onHeadLine()) return State::kBroken;
          if (part_ == Part::kDone) return State::kDone;
          break;
        case Part::kBody:
          if (takeBody(bytes)) return State::kDone;
          break;
        case Part::kChunkBody:
          if (takeBody(bytes)) part_ = Part::kChunkEnd;
          break;
        case Part::kChunkEnd:
          if (!takeLine(bytes)) break;
          if (!line_.empty()) return State::kBroken;
          part_ = Part::kChunkSize;
          break;
        case Part::kChunkSize:
          if (!takeLine(bytes)) break;
          if (!parse(line_.substr(0, line_.find(';')), 16)) return State::kBroken;
          part_ = left_ == 0 ? Part::kTrailer : Part::kChunkBody;
          break;
        case Part::kTrailer:
          if (!takeLine(bytes)) break;
          if (line_.empty()) {
            part_ = Part::kDone;
            return State::kDone;
          }
          break;
        case Part::kDone: return State::kDone;
      }
      if (line_.size() > kHeadBytesMax) return State::kBroken;
    }
    return State::kMore;
  }

  void reset() { *this = ResponseReader(); }
  int status() const { return status_; }
  uint64_t bodyBytes() const { return bodyBytes_; }

 private:
  enum class Part { kHead, kBody, kChunkSize, kChunkBody, kChunkEnd, kTrailer, kDone };

  // True: line_ holds a whole line, without its end.
  bool takeLine(std::string_view& bytes) {
    if (lineDone_) {
      line_.clear();
      lineDone_ = false;
    }
    const size_t end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end == std::string_view::npos) return false;
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    lineDone_ = true;
    return true;
  }

  bool takeBody(std::string_view& bytes) {
    const uint64_t part = bytes.size() < left_ ? bytes.size() : left_;
    bodyBytes_ += part;
    left_ -= part;
    bytes.remove_prefix(part);
    if (left_ == 0 && part_ == Part::kBody) part_ = Part::kDone;
    return left_ == 0;
  }

  bool parse(std::string_view digits, int base) {
    while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
    while (!digits.empty() && digits.back() == ' ') digits.remove_suffix(1);
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, base);
    return code == std::errc() && end == digits.data() + digits.size();
  }

  static bool startsWith(std::string_view line, std::string_view lowerCase) {
    if (line.size() < lowerCase.size()) return false;
    for (size_t i = 0; i < lowerCase.size(); ++i)
      if ((line[i] | 0x20) != (lowerCase[i] | 0x20)) return false;
    return true;
  }

  bool onHeadLine() {
    if (status_ == 0) {
      if (!line_.starts_with("HTTP/1.1 ") || line_.size() < 12) return false;
      status_ = (line_[9] - '0') * 100 + (line_[10] - '0') * 10 + (line_[11] - '0');
      return status_ >= 100 && status_ <= 599;
    }
    if (!line_.empty()) {
      if (startsWith(line_, "content-length:")) return parse(std::string_view(line_).substr(15), 10);
      if (startsWith(line_, "transfer-encoding:")) chunked_ = true;
      return true;
    }
    part_ = chunked_ ? Part::kChunkSize : left_ > 0 ? Part::kBody : Part::kDone;
    return true;
  }

  Part part_ = Part::kHead;
  std::string line_;
  bool lineDone_ = false;
  bool chunked_ = false;
  int status_ = 0;
  uint64_t left_ = 0;  // of the body, or of the chunk
  uint64_t bodyBytes_ = 0;
};

}  // namespace weir::bench
