#include "assets/range.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

std::string range(std::string_view field, uint64_t size = 100) {
  const ByteRange part = parseRange(field, size);
  if (part.kind == ByteRange::Kind::kWhole) return "whole";
  if (part.kind == ByteRange::Kind::kUnsatisfiable) return "none";
  return std::to_string(part.from) + "-" + std::to_string(part.to);
}

TEST(Range, isOneOfBytes) {
  EXPECT_EQ(range("bytes=0-0"), "0-1");
  EXPECT_EQ(range("bytes=10-19"), "10-20");
  EXPECT_EQ(range("Bytes=10-"), "10-100");
  EXPECT_EQ(range("bytes=90-500"), "90-100");
  EXPECT_EQ(range("bytes=0-9223372036854775807"), "0-100");
  EXPECT_EQ(range("bytes=-5"), "95-100");
  EXPECT_EQ(range("bytes=-500"), "0-100");
  EXPECT_EQ(range("bytes=100-"), "none");
  EXPECT_EQ(range("bytes=-0"), "none");
  EXPECT_EQ(range("bytes=0-", 0), "none");
  EXPECT_EQ(range("bytes=-1", 0), "none");
  for (const char* other : {"", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "items=0-1", "bytes=a-b",
                            "bytes= 0-1", "bytes=+1-2", "bytes=0-99999999999999999999"})
    EXPECT_EQ(range(other), "whole") << other;
}

}  // namespace
}  // namespace weir::assets
