#include "http/codec/refused_head.h"

#include "base/byte_text.h"
#include "http/codec/field_syntax.h"

namespace weir::http {

bool RefusedHead::read(std::span<const std::byte> bytes, HeaderList& headers) {
  std::string_view rest = base::asText(bytes).substr(0, left_);
  left_ -= rest.size();
  while (!rest.empty() && !ended_) {
    const size_t end = rest.find('\n');
    const std::string_view part = rest.substr(0, end);
    tooLong_ |= line_.size() + part.size() > kLineBytesMax;
    if (!tooLong_) line_ += part;
    if (end == std::string_view::npos) break;
    endLine(headers);
    rest.remove_prefix(end + 1);
  }
  return ended_ || left_ == 0;
}

void RefusedHead::endLine(HeaderList& headers) {
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  ended_ = line.empty() && !tooLong_;
  const auto field = tooLong_ ? std::nullopt : parseFieldLine(line);
  const auto is = [&](std::string_view name) { return equalsIgnoreCase(field->name, name); };
  if (field && found_ < kFieldsMax && (is("host") || is("accept") || is("accept-encoding") || is("user-agent"))) {
    headers.add(field->name, field->value);
    ++found_;
  }
  line_.clear();
  tooLong_ = false;
}

}  // namespace weir::http
