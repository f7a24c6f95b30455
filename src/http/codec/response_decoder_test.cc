#include "http/codec/response_decoder.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

std::span<const std::byte> asBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

class Transcript final : public ResponseSink {
 public:
  void onHead(const ResponseHead& head) override {
    text += std::to_string(head.status) + (head.keepAlive ? " keep" : " close");
    for (const Header header : head.headers) text += "|" + std::string(header.name) + "=" + std::string(header.value);
    text += "\n";
  }
  void onBody(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void onEnd() override { text += "<end>"; }
  std::string text;
};

struct Case {
  const char* name;
  ResponseTo request;
  std::string bytes;
  std::string expected;  // after the connection ended behind `bytes`
};

std::string decode(ResponseTo request, const std::vector<std::string_view>& pieces) {
  ResponseDecoder decoder{HttpLimits{}};
  decoder.start(request);
  Transcript sink;
  std::string leftover;
  for (const std::string_view piece : pieces) {
    auto rest = asBytes(piece);
    while (!rest.empty()) {
      const auto fed = decoder.feed(rest, sink);
      if (!fed.ok()) return sink.text + "refused";
      if (*fed == 0) break;
      rest = rest.subspan(*fed);
    }
    leftover.append(reinterpret_cast<const char*>(rest.data()), rest.size());
  }
  if (decoder.upgraded()) return sink.text + "<raw>" + leftover;
  if (!decoder.finish(sink).ok()) return sink.text + "<cut>";
  return sink.text + leftover;
}

const std::vector<Case>& cases() {
  using enum ResponseTo;
  static const std::vector<Case> all = {
      {"length", kOther, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 keep|Content-Length=2\nhi<end>"},
      {"bytesBehindTheEndStay", kOther, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!",
       "200 keep|Content-Length=2\nhi<end>!"},
      {"lengthCut", kOther, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "200 keep|Content-Length=3\nhi<cut>"},
      {"equalLengths", kOther, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
       "200 keep|Content-Length=2\nhi<end>"},
      {"chunked", kOther, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
       "200 keep|Transfer-Encoding=chunked\nhi<end>"},
      {"chunkedCut", kOther, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
       "200 keep|Transfer-Encoding=chunked\nhi<cut>"},
      {"untilClose", kOther, "HTTP/1.1 200 OK\r\n\r\nhi", "200 close\nhi<end>"},
      {"http10", kOther, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
       "200 keep|Connection=keep-alive|Content-Length=0\n<end>"},
      {"head", kHead, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 keep|Content-Length=5\n<end>"},
      {"noContent", kOther, "HTTP/1.1 204 No Content\r\n\r\n", "204 keep\n<end>"},
      {"notModified", kOther, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
       "304 keep|Content-Length=5\n<end>"},
      {"interimIsSkipped", kOther,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 204 N\r\n\r\n", "204 keep\n<end>"},
      {"upgrade", kOther, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n\x81\x01x",
       "101 keep|Upgrade=websocket\n<raw>\x81\x01x"},
      {"noReason", kOther, "HTTP/1.1 204\r\n\r\n", "204 keep\n<end>"},
      {"headCut", kOther, "HTTP/1.1 204 N\r\nA", "<cut>"},
      {"nothing", kOther, "", "<cut>"},
      {"differentLengths", kOther, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", "refused"},
      {"lengthAndChunked", kOther, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
       "refused"},
      {"otherCoding", kOther, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "refused"},
      {"codingOn10", kOther, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "refused"},
      {"folded", kOther, "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "refused"},
      {"bareLf", kOther, "HTTP/1.1 200 OK\nA: b\r\n\r\n", "refused"},
      {"status", kOther, "HTTP/1.1 20 OK\r\n\r\n", "refused"},
      {"status099", kOther, "HTTP/1.1 099 OK\r\n\r\n", "refused"},
      {"http2", kOther, "HTTP/2.0 200 OK\r\n\r\n", "refused"},
      {"tooManyInterims", kOther,
       [] {
         std::string s;
         for (int i = 0; i < 9; ++i) s += "HTTP/1.1 100 C\r\n\r\n";
         return s;
       }(),
       "refused"},
  };
  return all;
}

TEST(ResponseDecoder, readsEveryFramingAndRefusesAmbiguity) {
  size_t ran = 0;
  for (const Case& each : cases()) {
    EXPECT_EQ(decode(each.request, {each.bytes}), each.expected) << each.name;
    ++ran;
  }
  EXPECT_GE(ran, 26u);
}

TEST(ResponseDecoder, splitInputIsWholeInput) {
  for (const Case& each : cases()) {
    const std::string_view bytes = each.bytes;
    for (size_t at = 0; at <= bytes.size(); ++at)
      ASSERT_EQ(decode(each.request, {bytes.substr(0, at), bytes.substr(at)}), each.expected)
          << each.name << " split at " << at;
  }
}

}  // namespace
}  // namespace weir::http
