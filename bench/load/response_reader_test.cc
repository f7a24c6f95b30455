#include "load/response_reader.h"

#include <gtest/gtest.h>

namespace weir::bench {
namespace {

struct Case {
  const char* name;
  std::string bytes;
  ResponseReader::State end;
  int status;
  uint64_t bodyBytes;
};

std::vector<Case> cases() {
  return {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", ResponseReader::State::kDone, 200, 3},
      {"emptyLength", "HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", ResponseReader::State::kDone, 404, 0},
      {"noBody", "HTTP/1.1 204 No Content\r\n\r\n", ResponseReader::State::kDone, 204, 0},
      {"chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
       ResponseReader::State::kDone, 200, 13},
      {"cutHead", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", ResponseReader::State::kMore, 200, 0},
      {"cutBody", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", ResponseReader::State::kMore, 200, 2},
      {"notHttp", "SSH-2.0-x\r\n", ResponseReader::State::kBroken, 0, 0},
      {"badLength", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n", ResponseReader::State::kBroken, 200, 0},
      {"badChunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", ResponseReader::State::kBroken,
       200, 3},
  };
}

TEST(ResponseReader, readsWholeAndBytewiseAlike) {
  size_t ran = 0;
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    for (const size_t step : {each.bytes.size(), size_t{1}}) {
      ResponseReader reader;
      auto state = ResponseReader::State::kMore;
      std::string_view rest = each.bytes;
      while (!rest.empty() && state == ResponseReader::State::kMore) {
        std::string_view part = rest.substr(0, step);
        const size_t size = part.size();
        state = reader.feed(part);
        rest.remove_prefix(size - part.size());
      }
      EXPECT_EQ(state, each.end);
      EXPECT_EQ(reader.status(), each.status);
      EXPECT_EQ(reader.bodyBytes(), each.bodyBytes);
      EXPECT_TRUE(rest.empty() || each.end != ResponseReader::State::kDone);
      ++ran;
    }
  }
  EXPECT_EQ(ran, 18u);
}

TEST(ResponseReader, leavesWhatFollows) {
  ResponseReader reader;
  std::string_view bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP";
  EXPECT_EQ(reader.feed(bytes), ResponseReader::State::kDone);
  EXPECT_EQ(bytes, "HTTP");
}

TEST(ResponseReader, boundsALine) {
  ResponseReader reader;
  const std::string long_ = "HTTP/1.1 200 OK\r\nX: " + std::string(ResponseReader::kHeadBytesMax + 1, 'x');
  std::string_view bytes = long_;
  EXPECT_EQ(reader.feed(bytes), ResponseReader::State::kBroken);
}

}  // namespace
}  // namespace weir::bench
