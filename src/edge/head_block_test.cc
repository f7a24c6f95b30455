#include "edge/head_block.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::edge {
namespace {

std::string shown(const http::HeaderList& headers) {
  std::string text;
  for (const auto header : headers) text.append(header.name).append("=").append(header.value).append(";");
  return text;
}

TEST(HeadBlock, whatAnEngineSendsComesInItsOrder) {
  EXPECT_EQ(shown(headersOf({"Accept\n*/*\nx-twice\n1\nX-Twice\n2\nempty\n\n"})),
            "Accept=*/*;x-twice=1;X-Twice=2;empty=;");
  EXPECT_EQ(shown(headersOf({""})), "");
}

TEST(HeadBlock, aScriptSeesNothingThatBelongsToTheConnection) {
  http::RequestHead request;
  request.connectionNames = true;  // as the decoder says when Connection names other fields
  request.headers = {{"Host", "a.example"}, {"Connection", "X-Mine, close"},
                     {"x-mine", "1"},       {"Keep-Alive", "timeout=1"},
                     {"Accept", "*/*"},     {"accept", "text/html"}};
  std::string out;
  appendHead(out, request);
  EXPECT_EQ(out.find("x-mine"), std::string::npos) << out;
  EXPECT_NE(out.find("Accept\n*/*\naccept\ntext/html\n"), std::string::npos) << out;

  http::ResponseHead response;
  response.headers = {{"Connection", "x-own"}, {"X-Own", "1"}, {"Transfer-Encoding", "chunked"}, {"ETag", "\"1\""}};
  out.clear();
  appendHead(out, response);
  EXPECT_EQ(out, "ETag\n\"1\"\n");
}

TEST(HeadBlock, bytesAreCutIntoWhatOneMessageCarries) {
  const std::vector<std::byte> bytes(2 * wire::Bounds::kChunkBytesMax + 1, std::byte{7});
  std::vector<size_t> sizes;
  size_t total = 0;
  inChunks(bytes, [&](std::span<const std::byte> part) {
    EXPECT_EQ(part.data(), bytes.data() + total);
    sizes.push_back(part.size());
    total += part.size();
  });
  EXPECT_EQ(sizes, (std::vector<size_t>{wire::Bounds::kChunkBytesMax, wire::Bounds::kChunkBytesMax, 1}));
  inChunks(std::span<const std::byte>(), [](std::span<const std::byte>) { ADD_FAILURE() << "nothing to carry"; });
}

}  // namespace
}  // namespace weir::edge
