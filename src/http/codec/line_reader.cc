#include "http/codec/line_reader.h"

#include <cstring>

namespace weir::http {

LineReader::Step LineReader::next(std::span<const std::byte> bytes, size_t bytesMax) {
  if (delivered_) reset();
  const char* from = reinterpret_cast<const char*>(bytes.data());
  const void* found = bytes.empty() ? nullptr : std::memchr(from, '\n', bytes.size());
  const size_t size = found ? static_cast<size_t>(static_cast<const char*>(found) - from) + 1 : bytes.size();
  if (partial_.size() + size > bytesMax) return {Outcome::kTooLong, 0, {}};
  if (!found) {
    partial_.append(from, size);
    return {Outcome::kMore, size, {}};
  }
  std::string_view line(from, size);
  if (!partial_.empty()) {
    partial_.append(line);
    line = partial_;
    delivered_ = true;
  }
  if (line.size() < 2 || line[line.size() - 2] != '\r') return {Outcome::kBareLf, size, {}};
  line.remove_suffix(2);
  return {Outcome::kLine, size, line};
}

}  // namespace weir::http
