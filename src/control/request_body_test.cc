#include "control/request_body.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace weir::control {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(RequestBody, readsWhatIsWhole) {
  for (const size_t size : {0u, 1u, 1'000u, 262'144u, 1'000'000u}) {
    const std::string text(size, 'x');
    const auto plain = gunzip(gzip(text), 1'000'000);
    ASSERT_TRUE(plain.ok()) << size;
    EXPECT_EQ(*plain, text);
  }
}

TEST(RequestBody, refusesWhatExpandsBeyondTheBound) {
  const std::string bomb = gzip(std::string(size_t{50} << 20, '\0'));
  EXPECT_LT(bomb.size(), 100'000u);
  const auto plain = gunzip(bomb, 1'000'000);
  ASSERT_FALSE(plain.ok());
  EXPECT_EQ(plain.error().code, 10026u);
  EXPECT_FALSE(gunzip(gzip(std::string(1'001, 'x')), 1'000).ok());
  EXPECT_TRUE(gunzip(gzip(std::string(1'000, 'x')), 1'000).ok());
}

TEST(RequestBody, refusesWhatIsNotWhole) {
  const std::string whole = gzip("some text that is long enough to be cut");
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(gunzip(whole.substr(0, size), 1'000).ok()) << size;
  EXPECT_FALSE(gunzip(whole + "x", 1'000).ok());
  EXPECT_FALSE(gunzip("not gzip", 1'000).ok());
}

}  // namespace
}  // namespace weir::control
