#include "edge/loop_counter.h"

#include <algorithm>
#include <charconv>

#include "edge/forwarding.h"

namespace weir::edge {

namespace {

// The smallest of a list: proxies may join two fields. Nothing is left where one is no number.
uint32_t leftBy(std::string_view value) {
  uint32_t left = kInvocationsMax;
  for (;;) {
    const size_t comma = value.find(',');
    std::string_view item = value.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    if (error != std::errc() || end != item.data() + item.size()) return 0;
    left = std::min(left, number);
    if (comma == std::string_view::npos) return left;
    value.remove_prefix(comma + 1);
  }
}

}  // namespace

uint8_t invocationsLeft(const http::HeaderList& headers) {
  uint32_t left = kInvocationsMax;
  size_t outside = 0;
  for (const auto header : headers) {
    switch (header.name.size()) {  // most fields are neither
      case kCdnLoopField.size():
        if (http::equalsIgnoreCase(header.name, kCdnLoopField)) outside += forwardingsIn(header.value);
        break;
      case kLoopCounterField.size():
        if (http::equalsIgnoreCase(header.name, kLoopCounterField)) left = std::min(left, leftBy(header.value));
        break;
      default: break;
    }
  }
  return static_cast<uint8_t>(std::min<size_t>(left, kInvocationsMax - std::min<size_t>(outside, kInvocationsMax)));
}

void countDown(http::HeaderList& headers, uint8_t left) {
  headers.set(kLoopCounterField, std::to_string(left > 0 ? left - 1 : 0));
}

}  // namespace weir::edge
