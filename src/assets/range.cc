#include "assets/range.h"

#include <algorithm>

#include "http/codec/field_syntax.h"
#include "http/header_list.h"

namespace weir::assets {

ByteRange parseRange(std::string_view field, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const ByteRange whole{ByteRange::Kind::kWhole, 0, size};
  if (field.size() < kUnit.size() || !http::equalsIgnoreCase(field.substr(0, kUnit.size()), kUnit)) return whole;
  field.remove_prefix(kUnit.size());
  const size_t dash = field.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view first = field.substr(0, dash), last = field.substr(dash + 1);
  if (first.empty()) {
    const auto count = http::parseDecimal(last);
    if (!count) return whole;
    if (*count == 0 || size == 0) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
    return {ByteRange::Kind::kPart, size - std::min(*count, size), size};
  }
  const auto from = http::parseDecimal(first);
  const auto to = last.empty() ? from : http::parseDecimal(last);
  if (!from || !to || *to < *from) return whole;
  if (*from >= size) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
  return {ByteRange::Kind::kPart, *from, last.empty() ? size : std::min(*to + 1, size)};
}

}  // namespace weir::assets
