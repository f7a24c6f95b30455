#include "assets/rule_pattern.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

// "no", or what was captured as name=value, comma-separated.
std::string matched(std::string_view pattern, std::string_view path, std::string_view host = "example.com") {
  const auto parsed = RulePattern::parse(pattern);
  if (!parsed.ok()) return "bad: " + parsed.error().message;
  Captures captures;
  if (!parsed->match(host, path, captures)) return "no";
  std::string out = "yes";
  for (const auto& capture : captures) out.append(" ").append(capture.name).append("=").append(capture.value);
  return out;
}

TEST(RulePattern, ofTextMatchesItself) {
  EXPECT_EQ(matched("/a", "/a"), "yes");
  EXPECT_EQ(matched("/a", "/a/"), "no");
  EXPECT_EQ(matched("/a", "/ab"), "no");
  EXPECT_EQ(matched("/a.b+(c)", "/a.b+(c)"), "yes");
  EXPECT_EQ(matched("/a.b", "/axb"), "no");
  EXPECT_EQ(matched("/a:", "/a:"), "yes");
  EXPECT_EQ(matched("/a:1", "/a:1"), "yes");
}

TEST(RulePattern, splatIsAnyText) {
  EXPECT_EQ(matched("/*", "/"), "yes splat=");
  EXPECT_EQ(matched("/*", "/a/b"), "yes splat=a/b");
  EXPECT_EQ(matched("/a/*", "/a"), "no");
  EXPECT_EQ(matched("/a/*", "/a/"), "yes splat=");
  EXPECT_EQ(matched("/*.jpg", "/x/y.jpg"), "yes splat=x/y");
  EXPECT_EQ(matched("/*.jpg", "/x/y.png"), "no");
  EXPECT_EQ(matched("/a*a", "/a"), "no");
  EXPECT_EQ(matched("/a*a", "/aa"), "yes splat=");
  EXPECT_EQ(matched("/a/*/z/*", "/a/b/z/c"), "bad: Only one * is allowed in a rule.");
}

TEST(RulePattern, placeholderIsSomeTextWithoutASlash) {
  EXPECT_EQ(matched("/p/:id", "/p/1"), "yes id=1");
  EXPECT_EQ(matched("/p/:id", "/p/"), "no");
  EXPECT_EQ(matched("/p/:id", "/p/1/2"), "no");
  EXPECT_EQ(matched("/p/:id/x", "/p/1/x"), "yes id=1");
  EXPECT_EQ(matched("/p/:id/:id_2", "/p/1/2"), "yes id=1 id_2=2");
  EXPECT_EQ(matched("/:y-:m-:d", "/2024-01-02"), "yes y=2024 m=01 d=02");
  EXPECT_EQ(matched("/:a-:b", "/1-2-3"), "yes a=1-2 b=3");  // the first takes what it can
  EXPECT_EQ(matched("/:a:b", "/123"), "yes a=12 b=3");
  EXPECT_EQ(matched("/:a:b", "/1"), "no");
  EXPECT_EQ(matched("/:a.html", "/x.html.html"), "yes a=x.html");
  EXPECT_EQ(matched("/:a/:a", "/1/2"), "bad: Only one placeholder may have the name a.");
}

TEST(RulePattern, placeholdersAndASplatShareAPath) {
  EXPECT_EQ(matched("/:a/*", "/x/y/z"), "yes a=x splat=y/z");
  EXPECT_EQ(matched("/:a*", "/xyz/q"), "yes a=xyz splat=/q");
  EXPECT_EQ(matched("/:a-*", "/x-y-z/q"), "yes a=x-y splat=z/q");
  EXPECT_EQ(matched("/*/:b", "/x/y/z"), "yes splat=x/y b=z");
  EXPECT_EQ(matched("/*:b", "/xyz"), "yes splat=xy b=z");
  EXPECT_EQ(matched("/*:b.html", "/xyz.html"), "yes splat=xy b=z");
  EXPECT_EQ(matched("/:a/*/:b", "/1/2/3/4"), "yes a=1 splat=2/3 b=4");
  EXPECT_EQ(matched("/:a/*/:b", "/1/2"), "no");
  EXPECT_EQ(matched("/:splat/*", "/1/2"), "bad: Only one placeholder may have the name splat, which * has.");
}

TEST(RulePattern, withAHostLooksAtTheHost) {
  EXPECT_EQ(matched("https://example.com/*", "/a"), "yes splat=a");
  EXPECT_EQ(matched("https://example.org/*", "/a"), "no");
  EXPECT_EQ(matched("https://:sub.example.com/*", "/a", "x.example.com"), "yes sub=x splat=a");
  EXPECT_EQ(matched("https://:sub.example.com/*", "/a", "x.y.example.com"), "no");  // a host's stops at a dot
  EXPECT_EQ(matched("https://:sub.example.com/:p", "/a.b", "x.example.com"), "yes sub=x p=a.b");
  EXPECT_EQ(matched("https://*/x", "/a/x"), "yes splat=example.com/a");
}

TEST(RulePattern, isMatchedInBoundedTime) {
  // With backtracking this takes longer than anybody waits.
  const auto names = [](int from) {
    std::string text;
    for (int i = from; i < from + 100; ++i) text += "-:a" + std::to_string(i);
    return text;
  };
  const std::string dashes(16'000, '-');
  EXPECT_EQ(matched("/" + names(0) + names(100), "/" + dashes).substr(0, 3), "yes");
  EXPECT_EQ(matched("/" + names(0) + "." + names(100), "/" + dashes), "no");
  EXPECT_EQ(matched("/*a*", "/"), "bad: Only one * is allowed in a rule.");
}

TEST(RulePattern, fillsInWholeNames) {
  const Captures captures = {{"id", "1"}, {"id_2", "2"}, {"splat", "a/b"}};
  EXPECT_EQ(fillIn("/x/:id/:id_2", captures), "/x/1/2");
  EXPECT_EQ(fillIn("/x/:splat?q=:id", captures), "/x/a/b?q=1");
  EXPECT_EQ(fillIn("https://h:8080/:other/:", captures), "https://h:8080/:other/:");
  EXPECT_EQ(fillIn(":id", captures), "1");
}

TEST(RulePattern, isDynamicWithASplatOrAPlaceholder) {
  EXPECT_TRUE(RulePattern::isDynamic("/*"));
  EXPECT_TRUE(RulePattern::isDynamic("/:a"));
  EXPECT_FALSE(RulePattern::isDynamic("/a:1:"));
  EXPECT_FALSE(RulePattern::isDynamic("https://h/a"));
}

}  // namespace
}  // namespace weir::assets
