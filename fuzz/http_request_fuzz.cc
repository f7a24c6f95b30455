// Requests: split input = whole input, bounds hold, and nothing is delivered after a refusal.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "http/codec/request_decoder.h"
#include "pieces.h"
#include "target.h"

namespace {

using namespace weir::http;

class Transcript final : public RequestSink {
 public:
  void onHead(const RequestHead& head) override {
    CHECK(!ended || !inRequest);
    inRequest = true;
    CHECK(head.headers.size() <= 64);
    CHECK(head.target.size() <= 1024 + 1);
    CHECK(head.target == "*" || head.target.starts_with('/'));
    text += head.method + " " + head.target + " " + head.authority + (head.keepAlive ? "k" : "c");
    for (const Header header : head.headers) {
      CHECK(header.name.find_first_of(std::string_view("\r\n\0: ", 5)) == std::string_view::npos);
      CHECK(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      text.append(header.name).append("=").append(header.value).append(";");
    }
    text += "\nbody:";
  }
  void onBody(std::span<const std::byte> bytes) override {
    CHECK(inRequest);
    CHECK(!bytes.empty());
    bodyBytes += bytes.size();
    CHECK(bodyBytes <= 4096);
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void onEnd() override {
    CHECK(inRequest);
    inRequest = false;
    ended = true;
    bodyBytes = 0;
    text += "\nend\n";
  }
  std::string text;
  size_t bodyBytes = 0;
  bool inRequest = false;
  bool ended = false;
};

// Feeds pieces whose sizes follow from `seed`; 0 feeds everything at once. `credit` bounds the content per call.
std::string decode(std::span<const std::byte> bytes, unsigned seed, uint64_t credit) {
  HttpLimits limits;
  limits.headBytesMax = 4096;
  limits.headerCountMax = 64;
  limits.urlBytesMax = 1024;
  limits.bodyBytesMax = 4096;
  limits.chunkLineBytesMax = 64;
  RequestDecoder decoder(limits);
  Transcript sink;
  weir::fuzz::Pieces pieces(seed);
  while (!bytes.empty()) {
    auto piece = pieces.first(bytes);
    bytes = bytes.subspan(piece.size());
    while (!piece.empty()) {
      const auto fed = decoder.feed(piece, sink, credit);
      if (!fed.ok()) {
        const std::string before = sink.text;
        const auto again = decoder.feed(piece, sink);
        CHECK(!again.ok());
        CHECK(again.error().status == fed.error().status);
        CHECK(sink.text == before);
        return sink.text + "refused " + std::to_string(fed.error().status);
      }
      CHECK(*fed > 0);
      CHECK(*fed <= piece.size());
      piece = piece.subspan(*fed);
    }
  }
  return sink.text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const std::string whole = decode(bytes, 0, UINT64_MAX);
  CHECK(decode(bytes, static_cast<unsigned>(size) | 1, UINT64_MAX) == whole);
  CHECK(decode(bytes, 7, 3) == whole);
  return 0;
}
