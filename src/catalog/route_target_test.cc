#include "catalog/route_target.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace weir::catalog {
namespace {

std::string normal(std::string_view target) {
  std::vector<char> room(target.size() + 1);
  return std::string(normalizeTarget(target, room));
}

TEST(RouteTarget, oneSpellingForWhatScriptsSeeAlike) {
  const std::pair<const char*, const char*> cases[] = {
      {"/", "/"},
      {"/a/b?c", "/a/b?c"},
      {"/a/./b", "/a/b"},
      {"/a/../b", "/b"},
      {"/a/b/..", "/a/"},
      {"/a/.", "/a/"},
      {"/../../a", "/a"},
      {"/a//../b", "/a/b"},
      {"//a", "//a"},
      {"/%2e%2E/a", "/a"},
      {"/x/.%2e/a", "/a"},
      {"/a\\..\\b", "/b"},
      {"/%61dmin", "/admin"},
      {"/%c3%a4", "/\xc3\xa4"},
      {"/a%2fb", "/a%2Fb"},
      {"/a%3fb", "/a%3Fb"},
      {"/a%25b", "/a%25b"},
      {"/a%20b", "/a b"},
      {"/%", "/%"},
      {"/%4", "/%4"},
      {"/%zz", "/%zz"},
      {"/%%34%31", "/%%341"},  // decoding it would make another code
      {"/.well-known/..a/...", "/.well-known/..a/..."},
      {"/a?/../%61", "/a?/../%61"},
      {"/a/..?q", "/?q"},
  };
  for (const auto& [given, expected] : cases) EXPECT_EQ(normal(given), expected) << given;
  EXPECT_EQ(std::size(cases), 25u);
}

TEST(RouteTarget, isIdempotentNeverLongerAndKnowsWhatIsNormal) {
  std::mt19937 random(3);
  constexpr std::string_view kPieces[] = {"/",  ".", "..", "%2e", "%2E", "a",        "%61",    "%",
                                          "%4", "1", "\\", "%2f", "?",   "\xc3\xa4", "%c3%a4", "//"};
  int normals = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string target = "/";
    for (size_t n = random() % 8; n > 0; --n) target += kPieces[random() % std::size(kPieces)];
    const std::string once = normal(target);
    EXPECT_LE(once.size(), target.size());
    ASSERT_EQ(normal(once), once) << target;
    if (isNormalTarget(target)) {
      ++normals;
      EXPECT_EQ(once, target);
    }
  }
  EXPECT_GT(normals, 500);
}

}  // namespace
}  // namespace weir::catalog
