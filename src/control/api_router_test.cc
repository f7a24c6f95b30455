#include "control/api_router.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cctype>

#include "control/api_table.h"
#include "control/openapi.h"

namespace weir::control {
namespace {

ApiResult never(ApiContext&, const ApiRequest&) { return internalError("not called"); }

const ApiRouter& router() {
  static const ApiRouter kRouter({{"GET", "accounts/:account/things", "Do it", "Thing", never},
                                  {"GET", "accounts/:account/things/:thing", "Do it", "Thing", never},
                                  {"GET", "accounts/:account/things/special", "Do it", "Thing", never},
                                  {"PUT", "accounts/:account/things/:thing", "Do it", "Thing", never}});
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

TEST(OpenApi, describesEveryEndpointThereIs) {
  const auto endpoints = apiEndpoints();
  const auto document = describeApi(endpoints);
  const auto& paths = document.at("paths").as_object();
  size_t described = 0;
  for (const auto& [path, operations] : paths) described += operations.as_object().size();
  EXPECT_EQ(described, endpoints.size());
  for (const auto& endpoint : endpoints) {
    std::string path;
    for (const char* at = endpoint.pattern; *at != 0 && *at != '?'; ++at) {
      if (at == endpoint.pattern) path += '/';
      if (*at == ':') {
        path += '{';
        while (at[1] != 0 && at[1] != '/' && at[1] != '?') path += *++at;
        path += '}';
      } else {
        path += *at;
      }
    }
    ASSERT_TRUE(paths.contains(path)) << path;
    std::string method(endpoint.method);
    for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    ASSERT_TRUE(paths.at(path).as_object().contains(method)) << method << path;
    EXPECT_EQ(paths.at(path).at(method).at("summary").as_string(), endpoint.summary);
  }
}

}  // namespace
}  // namespace weir::control
