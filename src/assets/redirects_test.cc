#include "assets/redirects.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

struct Parsed {
  Redirects redirects;
  std::vector<RuleProblem> problems;
};

Parsed parse(std::string_view text, bool html = true) {
  Parsed parsed;
  parsed.redirects = Redirects::parse(text, html, parsed.problems);
  return parsed;
}

std::string found(const Redirects& redirects, std::string_view path) {
  const auto target = redirects.find(path);
  return target ? std::to_string(target->status) + " " + target->to : "none";
}

// The only problem, as LINE: MESSAGE.
std::string problem(std::string_view text, bool html = true) {
  const auto parsed = parse(text, html);
  if (parsed.problems.size() != 1) return std::to_string(parsed.problems.size()) + " problems";
  return std::to_string(parsed.problems[0].line) + ": " + parsed.problems[0].message;
}

TEST(Redirects, sendPathsElsewhere) {
  const auto parsed = parse(
      "# comment\n\n"
      "/home /\n"
      "/old /new 301   # moved\r\n"
      "/frag /a#b\n"
      "/search /q?x=1&y=%20#z 307\n"
      "/out https://example.com 308\n"
      "  /port\thttps://example.com:8443/x?y#z  303\n"
      "/rewrite /other 200\n"
      "no-slash /x\n"
      "/caf\xc3\xa9 /tea\n"
      "/from?query#hash /y");
  EXPECT_EQ(parsed.problems.size(), 0u);
  EXPECT_EQ(found(parsed.redirects, "/home"), "302 /");
  EXPECT_EQ(found(parsed.redirects, "/old"), "301 /new");
  EXPECT_EQ(found(parsed.redirects, "/frag"), "302 /a#b");
  EXPECT_EQ(found(parsed.redirects, "/search"), "307 /q?x=1&y=%20#z");
  EXPECT_EQ(found(parsed.redirects, "/out"), "308 https://example.com/");
  EXPECT_EQ(found(parsed.redirects, "/port"), "303 https://example.com:8443/x?y#z");
  EXPECT_EQ(found(parsed.redirects, "/rewrite"), "200 /other");
  EXPECT_EQ(found(parsed.redirects, "/no-slash"), "302 /x");
  EXPECT_EQ(found(parsed.redirects, "/caf%C3%A9"), "302 /tea");
  EXPECT_EQ(found(parsed.redirects, "/from"), "302 /y");
  EXPECT_EQ(found(parsed.redirects, "/old/"), "none");
}

TEST(Redirects, staticOnesWinAndDynamicOnesGoInOrder) {
  const auto parsed = parse(
      "/blog/special /s\n"
      "/blog/* /b/:splat\n"
      "/:year/:month/* /archive/:year-:month/:splat 301\n"
      "/blog/late /never\n"
      "/users/:id /u?id=:id 302\n");
  EXPECT_EQ(parsed.problems.size(), 0u);
  EXPECT_EQ(found(parsed.redirects, "/blog/special"), "302 /s");
  EXPECT_EQ(found(parsed.redirects, "/blog/late"), "302 /b/late");
  EXPECT_EQ(found(parsed.redirects, "/2024/05/x/y"), "301 /archive/2024-05/x/y");
  EXPECT_EQ(found(parsed.redirects, "/users/7"), "302 /u?id=7");
}

TEST(Redirects, aClientsPathNeverBecomesAHost) {
  const auto parsed = parse("/go/* /:splat\n/out/* https://example.com/:splat\n");
  EXPECT_EQ(found(parsed.redirects, "/go//evil.example/x"), "302 /evil.example/x");
  EXPECT_EQ(found(parsed.redirects, "/out//x"), "302 https://example.com//x");
}

TEST(Redirects, reportWhatIsNoRule) {
  EXPECT_EQ(problem("/a"), "1: Expected exactly 2 or 3 whitespace-separated tokens. Got 1.");
  EXPECT_EQ(problem("\n/a /b 301 !"), "2: Expected exactly 2 or 3 whitespace-separated tokens. Got 4.");
  EXPECT_EQ(problem("/a /b 418"), "1: Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got 418.");
  EXPECT_EQ(problem("/a /b x"), "1: Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got x.");
  EXPECT_EQ(problem("https://h.example/a /b"),
            "1: Only relative URLs are allowed. Skipping absolute URL https://h.example/a.");
  EXPECT_EQ(problem("/a http://h.example/"),
            "1: URLs should either be relative (e.g. begin with a forward-slash), or use HTTPS (e.g. begin with "
            "\"https://\").");
  EXPECT_EQ(problem("/a https://h.example/b 200"),
            "1: Proxy (200) redirects can only point to relative paths. Got https://h.example/b");
  EXPECT_EQ(problem("/a /b\n/a /c"), "2: Ignoring duplicate rule for path /a.");
  EXPECT_EQ(problem("/a/*/b/* /c"), "1: Only one * is allowed in a rule.");
  EXPECT_EQ(problem("/" + std::string(996, 'a') + " /b"), "0 problems");
  EXPECT_EQ(problem("/" + std::string(998, 'a') + " /b"),
            "1: Ignoring line 1 as the redirect directive exceeds the maximum allowed length of 1000.");
  // A comment behind the rule is none of its length.
  EXPECT_EQ(problem("/a /b # " + std::string(2'000, 'x')), "0 problems");
}

TEST(Redirects, thatWouldComeBackAreNone) {
  for (const char* rule : {"/* /index.html 200", "/* /index", "/ /index.html", "/a/ /a/index"})
    EXPECT_EQ(problem(rule).substr(0, 25), "1: Infinite loop detected") << rule;
  EXPECT_EQ(problem("/ /index.html", false), "0 problems");
  EXPECT_EQ(problem("/* /index.html", false).substr(0, 25), "1: Infinite loop detected");
  EXPECT_EQ(problem("/* https://h.example/index.html"), "0 problems");
}

TEST(Redirects, areLimited) {
  std::string statics, dynamics;
  for (int i = 0; i < 2'003; ++i) statics += "/s/" + std::to_string(i) + " /t\n";
  for (int i = 0; i < 103; ++i) dynamics += "/d/" + std::to_string(i) + "/* /t/:splat\n";
  const auto parsed = parse(statics + dynamics + "/z /y\n");
  EXPECT_EQ(parsed.redirects.size(), 2'100u);
  ASSERT_EQ(parsed.problems.size(), 4u);
  EXPECT_EQ(parsed.problems[0].line, 2'001u);
  EXPECT_EQ(parsed.problems[0].message, "Maximum number of static rules supported is 2000. Skipping line.");
  EXPECT_EQ(parsed.problems[3].message,
            "Maximum number of dynamic rules supported is 100. Skipping remaining 4 lines of file.");
  EXPECT_EQ(found(parsed.redirects, "/s/1999"), "302 /t");
  EXPECT_EQ(found(parsed.redirects, "/s/2000"), "none");
  EXPECT_EQ(found(parsed.redirects, "/d/99/x"), "302 /t/x");
  EXPECT_EQ(found(parsed.redirects, "/d/100/x"), "none");
}

}  // namespace
}  // namespace weir::assets
