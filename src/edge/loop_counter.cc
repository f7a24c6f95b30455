#include "edge/loop_counter.h"

#include <algorithm>
#include <charconv>

#include "edge/forwarding.h"

namespace weir::edge {

uint8_t invocationsLeft(const http::HeaderList& headers) {
  uint8_t left = kInvocationsMax;
  for (const auto header : headers) {
    if (!http::equalsIgnoreCase(header.name, kLoopCounterField)) continue;
    // Proxies may join two fields into one list; the smallest counts.
    std::string_view rest = header.value;
    for (;;) {
      const size_t comma = rest.find(',');
      std::string_view item = rest.substr(0, comma);
      while (item.starts_with(' ')) item.remove_prefix(1);
      while (item.ends_with(' ')) item.remove_suffix(1);
      uint32_t number = 0;
      const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
      if (error != std::errc() || end != item.data() + item.size()) return 0;
      left = static_cast<uint8_t>(std::min<uint32_t>(left, number));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  const size_t outside = std::min<size_t>(forwardings(headers), kInvocationsMax);
  return static_cast<uint8_t>(std::min<size_t>(left, kInvocationsMax - outside));
}

void countDown(http::HeaderList& headers, uint8_t left) {
  headers.set(kLoopCounterField, std::to_string(left > 0 ? left - 1 : 0));
}

}  // namespace weir::edge
