// The request and the answer that every micro benchmark works on: a browser's, of ordinary size.
#pragma once

#include <string>
#include <string_view>

#include "wire/message.h"

namespace weir::bench {

inline constexpr std::string_view kRequestText =
    "GET /articles/2024/03/how-it-works?page=2&sort=newest HTTP/1.1\r\n"
    "Host: shop.local.workers.localhost\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Cookie: session=6f1c2a9be3; theme=dark\r\n"
    "Connection: keep-alive\r\n"
    "Upgrade-Insecure-Requests: 1\r\n\r\n";

// The same fields as a head block of the wire.
inline std::string headBlock() {
  std::string out;
  std::string_view rest = kRequestText.substr(kRequestText.find("\r\n") + 2);
  while (!rest.starts_with("\r\n")) {
    const size_t colon = rest.find(": ");
    const size_t end = rest.find("\r\n");
    out.append(rest.substr(0, colon)).append("\n").append(rest.substr(colon + 2, end - colon - 2)).append("\n");
    rest.remove_prefix(end + 2);
  }
  return out;
}

struct Sample {
  std::string head = headBlock();
  std::string url = "http://shop.local.workers.localhost/articles/2024/03/how-it-works?page=2&sort=newest";
  std::string body = std::string(1024, 'x');

  wire::Bytes bodyBytes() const { return {reinterpret_cast<const uint8_t*>(body.data()), body.size()}; }

  wire::StartFetch startFetch() const {
    wire::StartFetch fetch;
    fetch.invocation = wire::InvocationId::make(1, 77, 5);
    fetch.version = {12};
    fetch.nowMs = 1.7e12;
    fetch.method = "GET";
    fetch.url = url;
    fetch.head.text = head;
    return fetch;
  }

  wire::Respond respond() const {
    wire::Respond out;
    out.invocation = wire::InvocationId::make(1, 77, 5);
    out.status = 200;
    out.bodyKind = wire::BodyKind::kInline;
    out.bodyLength = body.size();
    out.head.text = "content-type\ntext/html; charset=utf-8\ncache-control\nmax-age=60\n";
    out.body = bodyBytes();
    return out;
  }
};

}  // namespace weir::bench
