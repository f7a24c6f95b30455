#include "http/codec/encoder.h"

#include <gtest/gtest.h>

#include "http/codec/request_decoder.h"
#include "http/codec/response_decoder.h"

namespace weir::http {
namespace {

TEST(Encoder, writesAResponseHead) {
  std::string out = "before|";
  ASSERT_TRUE(appendResponseHead(
      out, 404, {{"A", "b"}},
      {.framing = Framing::kLength, .contentLength = 3, .connection = "close", .upgrade = {}, .date = "now"}));
  EXPECT_EQ(out,
            "before|HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 3\r\nConnection: close\r\nDate: now\r\n\r\n");
}

TEST(Encoder, leavesOutWhatBelongsToTheConnection) {
  std::string out;
  const HeaderList headers{{"Connection", "x"},
                           {"Keep-Alive", "1"},
                           {"Transfer-Encoding", "gzip"},
                           {"content-length", "9"},
                           {"Upgrade", "h2c"},
                           {"TE", "trailers"},
                           {"Trailer", "A"},
                           {"Proxy-Connection", "x"},
                           {"Date", "yesterday"},
                           {"Kept", "1"}};
  ASSERT_TRUE(appendResponseHead(
      out, 200, headers,
      {.framing = Framing::kChunked, .contentLength = {}, .connection = {}, .upgrade = {}, .date = "now"}));
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nDate: yesterday\r\nKept: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(Encoder, refusesWhatCouldSplitAMessageAndWritesNothing) {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> bad = {{"A", "b\r\nC: d"}, {"A", "b\nc"},  {"A", "b\rc"},
                                                                {"A", "b\0c"s},     {"A\r\n", "b"}, {"A:", "b"},
                                                                {"A b", "c"},       {"", "b"}};
  for (const auto& [name, value] : bad) {
    std::string out = "x";
    EXPECT_FALSE(appendResponseHead(out, 200, {{name, value}}, {}));
    EXPECT_FALSE(appendRequestHead(out, "GET", "/", "h", {{name, value}}, {}));
    EXPECT_EQ(out, "x");
  }
  std::string out;
  EXPECT_FALSE(appendRequestHead(out, "GET", "/ HTTP/1.1\r\nA: b", "h", {}, {}));
  EXPECT_FALSE(appendRequestHead(out, "GET", "/", "h\r\nA: b", {}, {}));
  EXPECT_FALSE(appendRequestHead(out, "G T", "/", "h", {}, {}));
  EXPECT_FALSE(appendResponseHead(out, 99, {}, {}));
  EXPECT_TRUE(out.empty());
}

class HeadKeeper final : public RequestSink {
 public:
  void onHead(const RequestHead& head) override { seen = head; }
  void onBody(std::span<const std::byte>) override {}
  void onEnd() override {}
  RequestHead seen;
};

TEST(Encoder, isReadBackByTheDecoder) {
  std::string out;
  ASSERT_TRUE(appendRequestHead(out, "PUT", "/p?q", "example.com:8080", {{"A", "1"}, {"Host", "evil"}, {"a", "2"}},
                                {.framing = Framing::kLength, .contentLength = 7, .connection = {}, .upgrade = {}}));
  RequestDecoder decoder{HttpLimits{}};
  HeadKeeper sink;
  ASSERT_TRUE(decoder.feed(std::as_bytes(std::span(out)), sink).ok());
  EXPECT_EQ(sink.seen.method, "PUT");
  EXPECT_EQ(sink.seen.target, "/p?q");
  EXPECT_EQ(sink.seen.authority, "example.com:8080");
  EXPECT_EQ(sink.seen.contentLength, 7u);
  EXPECT_EQ(sink.seen.headers.count("a"), 2u);
  EXPECT_EQ(sink.seen.headers.count("host"), 1u);
}

TEST(Encoder, formatsDates) { EXPECT_EQ(formatDate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT"); }

TEST(Encoder, formatsChunkSizes) {
  std::string out;
  appendChunkSize(out, 255);
  EXPECT_EQ(out, "ff\r\n");
}

}  // namespace
}  // namespace weir::http
