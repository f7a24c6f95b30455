#include "assets/base64.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

std::string decoded(std::string_view text, size_t max = 1000) {
  const auto bytes = decodeBase64(text, max);
  if (!bytes) return "refused";
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

TEST(Base64, isReadWithAndWithoutPadding) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("Zg=="), "f");
  EXPECT_EQ(decoded("Zg"), "f");
  EXPECT_EQ(decoded("Zm8="), "fo");
  EXPECT_EQ(decoded("Zm9v"), "foo");
  EXPECT_EQ(decoded("Zm9v\r\nYmFy\n"), "foobar");
  EXPECT_EQ(decoded("+/+/"), "\xfb\xff\xbf");
}

TEST(Base64, refusesWhatIsNot) {
  for (const char* text :
       {"Z", "Zg=", "Zg===", "Zh==", "Z===", "Zm9vZ", "Zm 9v", "Zm9v=", "=", "Zg==Zg==", "-_-_", "Zm9\x80"})
    EXPECT_EQ(decoded(text), "refused") << text;
}

TEST(Base64, isBounded) {
  EXPECT_EQ(decoded("Zm9v", 3), "foo");
  EXPECT_EQ(decoded("Zm9vYg==", 3), "refused");
}

TEST(Base64, ofTokensRoundTrips) {
  for (size_t size = 0; size < 40; ++size) {
    std::vector<std::byte> bytes;
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>(i * 37 + size * 11));
    const std::string text = encodeBase64Url(bytes);
    EXPECT_EQ(text.find_first_of("+/="), std::string::npos);
    EXPECT_EQ(decodeBase64Url(text, size), bytes);
    if (size > 0) {
      EXPECT_EQ(decodeBase64Url(text, size - 1), std::nullopt);
    }
  }
  EXPECT_EQ(decodeBase64Url("Zg==", 10), std::nullopt);
}

}  // namespace
}  // namespace weir::assets
