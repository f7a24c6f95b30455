#include "edge/head_block.h"

#include "http/message.h"

namespace weir::edge {

http::HeaderList headersOf(wire::HeadBlock head) {
  http::HeaderList list;
  std::string_view rest = head.text;
  while (!rest.empty()) {
    const size_t nameEnd = rest.find('\n');
    const size_t valueEnd = rest.find('\n', nameEnd + 1);
    const auto name = rest.substr(0, nameEnd);
    const bool framing = http::isHopByHop(name) || http::equalsIgnoreCase(name, "content-length");
    if (!framing) list.add(name, rest.substr(nameEnd + 1, valueEnd - nameEnd - 1));
    rest.remove_prefix(valueEnd + 1);
  }
  return list;
}

void appendHead(std::string& out, const http::HeaderList& headers) {
  for (const auto header : headers) {
    out.append(header.name).append("\n").append(header.value).append("\n");
  }
}

}  // namespace weir::edge
