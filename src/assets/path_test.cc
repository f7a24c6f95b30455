#include "assets/path.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

TEST(AssetPath, ofARequestIsWhatUrlParsersMakeOfIt) {
  const std::pair<const char*, const char*> cases[] = {
      {"/", "/"},
      {"/a/b.html?x=/../y", "/a/b.html"},
      {"/a/../b", "/b"},
      {"/a/./b/", "/a/b/"},
      {"/a/%2e%2E/b", "/b"},
      {"/../../etc/passwd", "/etc/passwd"},
      {"/a\\..\\b", "/b"},
      {"//evil.example/x", "//evil.example/x"},
      {"/a//b", "/a//b"},
      {"/sp%20ace", "/sp%20ace"},
      {"/caf\xc3\xa9", "/caf%C3%A9"},
      {"/{x}", "/%7Bx%7D"},
      {"/[x]", "/[x]"},
      {"*", "/"},
      {"", "/"},
      {"?q", "/"},
  };
  for (const auto& [given, expected] : cases) EXPECT_EQ(urlPath(given), expected) << given;
}

TEST(AssetPath, isDecodedBySegments) {
  const std::pair<const char*, const char*> cases[] = {
      {"/a%20b/c", "/a b/c"},
      {"/caf%C3%A9", "/caf\xc3\xa9"},
      {"/%5Bboop%5D.html", "/[boop].html"},
      {"/%255Bboop", "/%5Bboop"},
      {"/100%/a%20b", "/100%/a b"},        // a bare percent sign leaves its own segment alone
      {"/a%20%FF/b%20c", "/a%20%FF/b c"},  // no UTF-8: the segment as it is
      {"/%2Fevil.example", "/evil.example"},
      {"//evil.example", "/evil.example"},
      {"/a%2F%2Fb", "/a/b"},
      {"/a%", "/a%"},
      {"/a%4", "/a%4"},
      {"/%00", std::string_view("/\0", 2).data()},
  };
  for (const auto& [given, expected] : cases) {
    if (std::string_view(given) == "/%00") {
      EXPECT_EQ(decodePath(given), std::string("/\0", 2));
    } else {
      EXPECT_EQ(decodePath(given), expected) << given;
    }
  }
}

TEST(AssetPath, isEncodedBackIntoOneSpelling) {
  EXPECT_EQ(encodePath("/a b/[x]!~*'().txt"), "/a%20b/%5Bx%5D!~*'().txt");
  EXPECT_EQ(encodePath("/caf\xc3\xa9"), "/caf%C3%A9");
  EXPECT_EQ(encodePath("/%5B"), "/%255B");
  EXPECT_EQ(encodePath("/a,b&c=d;e@f:g+h$"), "/a%2Cb%26c%3Dd%3Be%40f%3Ag%2Bh%24");
}

TEST(AssetPath, thatIsPlainIsItsOwnSpelling) {
  for (const char* path : {"/", "/a", "/a/b-c_d.html", "/a.b/c/", "/v1.2/x..y"}) {
    EXPECT_TRUE(isPlainPath(path)) << path;
    EXPECT_EQ(decodePath(path), path);
    EXPECT_EQ(encodePath(path), path);
    EXPECT_EQ(urlPath(path), path);
  }
  for (const char* path : {"", "a", "//", "/a//b", "/.a", "/a/../b", "/a%20", "/a b", "/\xc3\xa9", "/a\\b", "/a@b"})
    EXPECT_FALSE(isPlainPath(path)) << path;
}

}  // namespace
}  // namespace weir::assets
