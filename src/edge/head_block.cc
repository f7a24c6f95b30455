#include "edge/head_block.h"

#include "edge/loop_counter.h"
#include "http/message.h"

namespace weir::edge {

http::HeaderList headersOf(wire::HeadBlock head) {
  http::HeaderList list;
  std::string_view rest = head.text;
  while (!rest.empty()) {
    const size_t nameEnd = rest.find('\n');
    const size_t valueEnd = rest.find('\n', nameEnd + 1);
    list.add(rest.substr(0, nameEnd), rest.substr(nameEnd + 1, valueEnd - nameEnd - 1));
    rest.remove_prefix(valueEnd + 1);
  }
  return list;
}

namespace {

void append(std::string& out, http::Header header) {
  out.append(header.name).append("\n").append(header.value).append("\n");
}

// A connection may name fields as its own, but not take away what says where a message goes and ends, nor what a script
// answers with a WebSocket.
bool isNamed(const http::HeaderList& headers, std::string_view name) {
  return !http::equalsIgnoreCase(name, "upgrade") && !http::equalsIgnoreCase(name, "host") &&
         !http::equalsIgnoreCase(name, "content-length") && headers.containsToken("connection", name);
}

}  // namespace

void appendHead(std::string& out, const http::RequestHead& head) {
  for (const auto header : head.headers) {
    if (head.connectionNames && isNamed(head.headers, header.name)) continue;
    append(out, header);
  }
}

// By length first: most fields of a request are none of these.
bool isPlatforms(std::string_view name) {
  switch (name.size()) {
    case 6: return http::equalsIgnoreCase(name, "cf-ray");
    case 9: return http::equalsIgnoreCase(name, "x-real-ip");
    case 10: return http::equalsIgnoreCase(name, "cf-visitor");
    case 12: return http::equalsIgnoreCase(name, "cf-ipcountry");
    case 16: return http::equalsIgnoreCase(name, "cf-connecting-ip");
    case 17: return http::equalsIgnoreCase(name, "x-forwarded-proto");
    default: return false;
  }
}

void appendClientHead(std::string& out, const http::RequestHead& head, const ClientFacts& client) {
  for (const auto header : head.headers) {
    if (client.invocationsLeft && http::equalsIgnoreCase(header.name, kLoopCounterField)) continue;
    if (isPlatforms(header.name) || (head.connectionNames && isNamed(head.headers, header.name))) continue;
    append(out, header);
  }
  out.append("cf-connecting-ip\n").append(client.ip).append("\ncf-ipcountry\nXX\ncf-ray\n").append(client.ray);
  out += client.tls ? "\ncf-visitor\n{\"scheme\":\"https\"}\nx-forwarded-proto\nhttps\nx-real-ip\n"
                    : "\ncf-visitor\n{\"scheme\":\"http\"}\nx-forwarded-proto\nhttp\nx-real-ip\n";
  out.append(client.ip).append("\n");
  if (client.invocationsLeft) append(out, {kLoopCounterField, std::to_string(*client.invocationsLeft)});
}

void appendHead(std::string& out, const http::ResponseHead& head) {
  const bool names = head.headers.find("connection").has_value();
  for (const auto header : head.headers) {
    if (http::isHopByHop(header.name) || (names && isNamed(head.headers, header.name))) continue;
    append(out, header);
  }
}

}  // namespace weir::edge
