#include "http/url.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

struct Case {
  const char* text;
  const char* href;  // null: not a URL
};

TEST(Url, readsAbsoluteUrls) {
  constexpr Case kCases[] = {
      {"http://a", "http://a/"},
      {"HTTPS://Example.COM:443/x?y", "https://example.com/x?y"},
      {"http://a:8080", "http://a:8080/"},
      {"http://a:443/", "http://a:443/"},
      {"https://a:80/", "https://a:80/"},
      {"http://a:/p", "http://a/p"},
      {"http://a?q", "http://a/?q"},
      {"http://user:pass@a/p", "http://a/p"},
      {"http://u@v@a/p", "http://a/p"},
      {"http://[::1]:99/p", "http://[::1]:99/p"},
      {"http://[::1]", "http://[::1]/"},
      {"http://a/b#fragment?x", "http://a/b"},
      {"http://a/b|c[d]{e}?f|{g}'h", "http://a/b|c[d]%7Be%7D?f|{g}%27h"},
      {"http://a/%zz%", "http://a/%zz%"},
      {"http://a/b c", "http://a/b%20c"},
      {"  http://a/b \t", "http://a/b"},
      {"http://a/\xc3\xa4?\xc3\xa4", "http://a/%C3%A4?%C3%A4"},
      {"http://a\\b?c\\d", "http://a/b?c\\d"},
      {"http:////a/b", "http://a/b"},
      {"http://a/./b/../c/%2e%2E/d/.", "http://a/d/"},
      {"http://a/..", "http://a/"},
      {"http://%61b/", "http://ab/"},
      {"", nullptr},
      {"a/b", nullptr},
      {"//a/b", nullptr},
      {"ftp://a/", nullptr},
      {"javascript:alert(1)", nullptr},
      {"http://", nullptr},
      {"http:///", nullptr},
      {"http://:80/", nullptr},
      {"http://a b/", nullptr},
      {"http://a:65536/", nullptr},
      {"http://a:x/", nullptr},
      {"http://a:80:90/", nullptr},
      {"http://[::1/", nullptr},
      {"http://[g]/", nullptr},
      {"http://\xc3\xa4/", nullptr},
      {"http://a%2/", nullptr},
      {"http://a%00b/", nullptr},
      {"http://a%2fb/", nullptr},
  };
  int ran = 0;
  for (const auto& [text, href] : kCases) {
    const auto url = Url::parse(text);
    ASSERT_EQ(url.has_value(), href != nullptr) << text;
    if (url) {
      EXPECT_EQ(url->href(), href) << text;
      EXPECT_EQ(Url::parse(url->href()), url) << text;
    }
    ++ran;
  }
  EXPECT_EQ(ran, 40);
}

TEST(Url, resolvesReferences) {
  constexpr Case kCases[] = {
      {"", "https://a:1/b/c?d"},
      {"#x", "https://a:1/b/c?d"},
      {"?e", "https://a:1/b/c?e"},
      {"?", "https://a:1/b/c?"},
      {"e", "https://a:1/b/e"},
      {"./e", "https://a:1/b/e"},
      {"../e?f", "https://a:1/e?f"},
      {"../../../e", "https://a:1/e"},
      {"/e/../f", "https://a:1/f"},
      {"/e f", "https://a:1/e%20f"},
      {"//h/e", "https://h/e"},
      {"//h:443", "https://h/"},
      {"http://h", "http://h/"},
      {"https:e", "https://a:1/b/e"},
      {"http:h/e", "http://h/e"},
      {"\\e", "https://a:1/e"},
      {"e:f", nullptr},
      {"mailto:x@y", nullptr},
      {"//", nullptr},
      {"http://h h/", nullptr},
      {"?e?f#g", "https://a:1/b/c?e?f"},
      {"e?http://x", "https://a:1/b/e?http://x"},
  };
  const auto base = Url::parse("https://a:1/b/c?d");
  ASSERT_TRUE(base);
  int ran = 0;
  for (const auto& [text, href] : kCases) {
    const auto url = base->resolve(text);
    ASSERT_EQ(url.has_value(), href != nullptr) << text;
    if (url) {
      EXPECT_EQ(url->href(), href) << text;
    }
    ++ran;
  }
  EXPECT_EQ(ran, 22);
}

TEST(Url, comparesOrigins) {
  const auto a = Url::parse("http://a/x");
  EXPECT_TRUE(a->sameOrigin(*Url::parse("http://A:80/y")));
  EXPECT_FALSE(a->sameOrigin(*Url::parse("https://a/x")));
  EXPECT_FALSE(a->sameOrigin(*Url::parse("http://a:81/x")));
  EXPECT_FALSE(a->sameOrigin(*Url::parse("http://b/x")));
}

}  // namespace
}  // namespace weir::http
