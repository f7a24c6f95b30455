// Responses: split input = whole input, whatever the request was, and nothing is consumed behind the end.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "http/codec/response_decoder.h"
#include "pieces.h"
#include "target.h"

namespace {

using namespace weir::http;

class Transcript final : public ResponseSink {
 public:
  void onHead(const ResponseHead& head) override {
    CHECK(!headSeen);
    headSeen = true;
    CHECK(head.status == 101 || (head.status >= 200 && head.status <= 999));
    CHECK(head.headers.size() <= 64);
    text += std::to_string(head.status) + (head.keepAlive ? "k" : "c");
    for (const Header header : head.headers) text.append(header.name).append("=").append(header.value).append(";");
    text += "\n";
  }
  void onBody(std::span<const std::byte> bytes) override {
    CHECK(headSeen);
    CHECK(!ended);
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void onEnd() override {
    CHECK(headSeen);
    CHECK(!ended);
    ended = true;
    text += "<end>";
  }
  std::string text;
  bool headSeen = false;
  bool ended = false;
};

std::string decode(std::span<const std::byte> bytes, ResponseTo request, unsigned seed) {
  HttpLimits limits;
  limits.headBytesMax = 4096;
  limits.headerCountMax = 64;
  limits.chunkLineBytesMax = 64;
  ResponseDecoder decoder(limits);
  decoder.start(request);
  Transcript sink;
  weir::fuzz::Pieces pieces(seed);
  std::string behind;
  while (!bytes.empty()) {
    auto piece = pieces.first(bytes);
    bytes = bytes.subspan(piece.size());
    while (!piece.empty()) {
      const auto fed = decoder.feed(piece, sink);
      if (!fed.ok()) return sink.text + "refused";
      if (*fed == 0) {
        CHECK(decoder.done() || decoder.upgraded());
        behind.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        break;
      }
      piece = piece.subspan(*fed);
    }
  }
  if (!decoder.upgraded() && !decoder.finish(sink).ok()) sink.text += "<cut>";
  return sink.text + behind;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  for (const ResponseTo request : {ResponseTo::kOther, ResponseTo::kHead})
    CHECK(decode(bytes, request, 0) == decode(bytes, request, static_cast<unsigned>(size) | 1));
  return 0;
}
