#include "assets/headers.h"

#include <gtest/gtest.h>

namespace weir::assets {
namespace {

struct Parsed {
  HeaderRules rules;
  std::vector<RuleProblem> problems;
};

Parsed parse(std::string_view text) {
  Parsed parsed;
  parsed.rules = HeaderRules::parse(text, parsed.problems);
  return parsed;
}

std::string problem(std::string_view text) {
  const auto parsed = parse(text);
  if (parsed.problems.size() != 1) return std::to_string(parsed.problems.size()) + " problems";
  return std::to_string(parsed.problems[0].line) + ": " + parsed.problems[0].message;
}

std::string applied(const HeaderRules& rules, std::string_view path, std::string_view host = "example.com") {
  http::HeaderList headers{{"etag", "\"1\""}, {"cache-control", "public"}};
  rules.apply(host, path, headers);
  std::string out;
  for (const auto header : headers) out.append(header.name).append("=").append(header.value).append(";");
  return out;
}

TEST(HeaderRules, setAndRemoveHeaders) {
  const auto parsed = parse(
      "# all\n"
      "/*\n"
      "  X-Frame-Options: DENY\n"
      "\tX-Multi: a\n"
      "  X-Multi: b:c\n"
      "\n"
      "/static/*\r\n"
      "  Cache-Control: max-age=1 \r\n"
      "  X-Multi: d\n"
      "  ! X-Frame-Options\n"
      "/secret\n"
      "  ! ETag\n");
  EXPECT_EQ(parsed.problems.size(), 0u);
  EXPECT_EQ(parsed.rules.size(), 3u);
  EXPECT_EQ(applied(parsed.rules, "/x"), "etag=\"1\";cache-control=public;x-frame-options=DENY;x-multi=a, b:c;");
  EXPECT_EQ(applied(parsed.rules, "/static/x"), "etag=\"1\";cache-control=max-age=1;x-multi=a, b:c, d;");
  EXPECT_EQ(applied(parsed.rules, "/secret"), "cache-control=public;x-frame-options=DENY;x-multi=a, b:c;");
}

TEST(HeaderRules, knowWhatTheirPatternsFound) {
  const auto parsed = parse(
      "/movies/:title\n  x-title: You are looking at \":title\" not :other\n"
      "https://:project.example.com/*\n  x-robots-tag: noindex :project :splat\n");
  EXPECT_EQ(parsed.problems.size(), 0u);
  EXPECT_EQ(applied(parsed.rules, "/movies/x"),
            "etag=\"1\";cache-control=public;x-title=You are looking at \"x\" not :other;");
  EXPECT_EQ(applied(parsed.rules, "/a/b", "p.example.com"),
            "etag=\"1\";cache-control=public;x-robots-tag=noindex p a/b;");
}

TEST(HeaderRules, ofOnePathReplaceEachOther) {
  const auto parsed = parse("/a\n  x-one: 1\n/a\n  x-two: 2\n");
  EXPECT_EQ(parsed.problems.size(), 1u);
  EXPECT_EQ(applied(parsed.rules, "/a"), "etag=\"1\";cache-control=public;x-two=2;");
}

TEST(HeaderRules, reportWhatIsNoRule) {
  EXPECT_EQ(problem("x: y\n"), "1: Path should come before header (x: y)");
  EXPECT_EQ(problem("word\n"), "1: Expected a path beginning with at least one forward-slash");
  EXPECT_EQ(problem("/a\n"), "1: No headers specified");
  EXPECT_EQ(problem("/a\n/b\n x: y"), "1: No headers specified");
  EXPECT_EQ(problem("/a\n word\n x: y"), "2: Expected a colon-separated header pair (e.g. name: value)");
  EXPECT_EQ(problem("/a\n a b: c\n x: y"), "2: Header name cannot include spaces");
  EXPECT_EQ(problem("/a\n : c\n x: y"), "2: No header name specified");
  EXPECT_EQ(problem("/a\n c:\n x: y"), "2: No header value specified");
  EXPECT_EQ(problem("/a\n c(: d\n x: y"), "2: Header name includes characters that are not allowed");
  EXPECT_EQ(problem("/a\n c: d\x01\n x: y"), "2: Header value includes characters that are not allowed");
  EXPECT_EQ(problem("https://h.example:80/a"),
            "1: Specifying ports is not supported. Skipping absolute URL https://h.example:80/a.");
  EXPECT_EQ(problem("/a/*/*"), "1: Only one * is allowed in a rule.");
  EXPECT_EQ(problem("/a\n x: " + std::string(2'001, 'y') + "\n z: w"),
            "2: Ignoring line 2 as it exceeds the maximum allowed length of 2000.");
}

TEST(HeaderRules, areLimited) {
  std::string text;
  for (int i = 0; i < 102; ++i) text += "/" + std::to_string(i) + "\n x: y\n";
  const auto parsed = parse(text);
  EXPECT_EQ(parsed.rules.size(), 100u);
  ASSERT_EQ(parsed.problems.size(), 1u);
  EXPECT_EQ(parsed.problems[0].line, 201u);
  EXPECT_EQ(parsed.problems[0].message,
            "Maximum number of rules supported is 100. Skipping remaining 4 lines of file.");
}

}  // namespace
}  // namespace weir::assets
