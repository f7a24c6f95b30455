#include "control/api_router.h"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

ApiResult never(ApiContext&, const ApiRequest&) { return internalError("not called"); }

const ApiRouter& router() {
  static const ApiRouter kRouter({{"GET", "accounts/:account/things", never},
                                  {"GET", "accounts/:account/things/:thing", never},
                                  {"GET", "accounts/:account/things/special", never},
                                  {"PUT", "accounts/:account/things/:thing", never}});
  return kRouter;
}

TEST(ApiRouter, ownsItsBaseAndNothingBeside) {
  EXPECT_TRUE(ApiRouter::owns("/client/v4/accounts"));
  EXPECT_TRUE(ApiRouter::owns("//client/v4//accounts"));
  EXPECT_TRUE(ApiRouter::owns("/client/v4?x"));
  EXPECT_FALSE(ApiRouter::owns("/client/v41"));
  EXPECT_FALSE(ApiRouter::owns("/health"));
}

TEST(ApiRouter, splitsBeforeItDecodes) {
  const auto match = router().match("GET", "//client/v4//accounts/a%2Fb/things/x%20y?q=1%262&flag&p=a+b");
  ASSERT_TRUE(match.ok());
  ASSERT_EQ(match->parameters.size(), 2u);
  EXPECT_EQ(match->parameters[0].second, "a/b");
  EXPECT_EQ(match->parameters[1].second, "x y");
  ASSERT_EQ(match->query.size(), 3u);
  EXPECT_EQ(match->query[0].second, "1&2");
  EXPECT_EQ(match->query[1].first, "flag");
  EXPECT_EQ(match->query[2].second, "a b");
}

TEST(ApiRouter, takesThePatternThatSaysMore) {
  const auto special = router().match("GET", "/client/v4/accounts/a/things/special");
  ASSERT_TRUE(special.ok());
  EXPECT_STREQ(special->endpoint->pattern, "accounts/:account/things/special");
  const auto other = router().match("HEAD", "/client/v4/accounts/a/things/other");
  ASSERT_TRUE(other.ok());
  EXPECT_STREQ(other->endpoint->method, "GET");
}

TEST(ApiRouter, saysWhatIsNotThere) {
  const auto codeOf = [](std::string_view method, std::string_view target) {
    const auto match = router().match(method, target);
    return match.ok() ? 0u : match.error().code;
  };
  EXPECT_EQ(codeOf("GET", "/client/v4/nothing"), 7003u);
  EXPECT_EQ(codeOf("GET", "/client/v4"), 7003u);
  EXPECT_EQ(codeOf("DELETE", "/client/v4/accounts/a/things"), 7001u);
  EXPECT_EQ(codeOf("PUT", "/client/v4/accounts/a/things/special"), 0u);
  EXPECT_EQ(codeOf("GET", "/client/v4/accounts/a%00/things"), 10004u);
  EXPECT_EQ(codeOf("GET", "/client/v4/accounts/a%2/things"), 10004u);
  EXPECT_EQ(codeOf("GET", "/client/v4/accounts/a/things?x=%zz"), 10004u);
  EXPECT_EQ(codeOf("GET", "/client/v4" + std::string(100, '/') +
                              std::string("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y")),
            7003u);
}

}  // namespace
}  // namespace weir::control
