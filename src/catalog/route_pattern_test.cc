#include "catalog/route_pattern.h"

#include <gtest/gtest.h>

namespace weir::catalog {
namespace {

std::string canonical(std::string_view text, std::string_view zone = "example.com") {
  auto parsed = parseRoutePattern(text, zone);
  return parsed.ok() ? formatRoutePattern(*parsed) : "error: " + parsed.error().message;
}

TEST(RoutePattern, takesApartWhatThePlatformAllows) {
  const auto pattern = parseRoutePattern("https://*.Example.com/images/*", "example.com");
  ASSERT_TRUE(pattern.ok()) << pattern.error().message;
  EXPECT_EQ(pattern->schemes, RoutePattern::Schemes::kHttps);
  EXPECT_EQ(pattern->hosts, RoutePattern::Hosts::kBelow);
  EXPECT_EQ(pattern->host, "example.com");
  EXPECT_EQ(pattern->path, "/images/");
  EXPECT_TRUE(pattern->pathPrefix);
}

TEST(RoutePattern, hasOneSpelling) {
  const std::pair<const char*, const char*> cases[] = {
      {"example.com", "example.com/"},
      {"example.com/", "example.com/"},
      {"EXAMPLE.com/Images/*", "example.com/Images/*"},
      {"*example.com/*", "*example.com/*"},
      {"*.example.com/path*", "*.example.com/path*"},
      {"*cdn.example.com/*", "*cdn.example.com/*"},
      {"*/*", "*/*"},
      {"http://www.example.com/a/../b", "http://www.example.com/b"},
      {"example.com/%61*", "example.com/a*"},
      {"example.com/.*", "example.com/.*"},
      {"example.com/a/..*", "example.com/a/..*"},
      {"example.com./x", "example.com/x"},
      {"HTTPS://Example.com/x", "https://example.com/x"},
      {"Http://example.com", "http://example.com/"},
  };
  for (const auto& [given, expected] : cases) {
    EXPECT_EQ(canonical(given), expected) << given;
    EXPECT_EQ(canonical(canonical(given)), expected) << given;
  }
  EXPECT_EQ(std::size(cases), 14u);
}

TEST(RoutePattern, saysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "is missing"},
      {"ftp://example.com/", "scheme must be"},
      {"httpsx://example.com/", "scheme must be"},
      {"example.com/*.jpg", "only be the last"},
      {"example.com/?foo=*", "query"},
      {"example.com/a?b", "query"},
      {"example.com/#a", "fragment"},
      {"ex*ample.com/", "only be the first"},
      {"example.com:8080/", "no port"},
      {"example.org/*", "not in the zone example.com"},
      {"notexample.com/*", "not in the zone"},
      {"*.com/*", "not in the zone"},
      {"*ample.com/*", "not in the zone"},
      {"ex ample.com/", "no host name"},
      {"/path", "no host name"},
      {"example.com*", "only be the first"},
  };
  for (const auto& [given, expected] : cases) {
    const auto parsed = parseRoutePattern(given, "example.com");
    ASSERT_FALSE(parsed.ok()) << given;
    EXPECT_EQ(parsed.error().situation, Situation::kBadRoute);
    EXPECT_NE(parsed.error().message.find(expected), std::string::npos) << given << ": " << parsed.error().message;
  }
  EXPECT_EQ(std::size(cases), 16u);
  EXPECT_FALSE(parseRoutePattern("example.com/" + std::string(kRoutePathBytesMax, 'a'), "example.com").ok());
}

}  // namespace
}  // namespace weir::catalog
