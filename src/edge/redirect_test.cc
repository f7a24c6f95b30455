#include "edge/redirect.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

http::ClientRequest requestOf(const char* method, http::RequestBody kind) {
  http::ClientRequest request;
  request.method = method;
  request.bodyKind = kind;
  request.body = kind == http::RequestBody::kComplete ? "body" : "";
  request.headers = {{"Content-Type", "text/plain"},
                     {"Content-Encoding", "gzip"},
                     {"Authorization", "secret"},
                     {"Cookie", "a=b"},
                     {"X-Kept", "1"}};
  return request;
}

const http::Url kFrom = *http::Url::parse("http://a/b");

TEST(Redirect, rewritesMethodsAsBrowsersDo) {
  struct Case {
    uint16_t status;
    const char* method;
    const char* becomes;
  };
  constexpr Case kCases[] = {
      {301, "GET", "GET"},   {301, "HEAD", "HEAD"}, {301, "POST", "GET"},  {301, "PUT", "PUT"},
      {302, "POST", "GET"},  {302, "PUT", "PUT"},   {302, "HEAD", "HEAD"}, {303, "GET", "GET"},
      {303, "HEAD", "HEAD"}, {303, "POST", "GET"},  {303, "PUT", "GET"},   {303, "DELETE", "GET"},
      {307, "POST", "POST"}, {307, "PUT", "PUT"},   {308, "POST", "POST"}, {308, "DELETE", "DELETE"},
  };
  int ran = 0;
  for (const auto& [status, method, becomes] : kCases) {
    ASSERT_TRUE(isRedirect(status));
    const bool bodyless = std::string_view(method) == "GET" || std::string_view(method) == "HEAD";
    auto request = requestOf(method, bodyless ? http::RequestBody::kNone : http::RequestBody::kComplete);
    RedirectRefusal refusal{};
    const auto redirected = redirect(request, kFrom, status, "/c", false, refusal);
    ASSERT_TRUE(redirected) << status << method;
    EXPECT_EQ(request.method, becomes) << status << method;
    const bool rewritten = std::string_view(method) != becomes;
    EXPECT_EQ(redirected->bodyDropped, rewritten) << status << method;
    EXPECT_EQ(request.headers.find("content-type").has_value(), !rewritten) << status << method;
    EXPECT_EQ(request.headers.find("content-encoding").has_value(), !rewritten) << status << method;
    EXPECT_EQ(request.body.empty(), bodyless || rewritten) << status << method;
    EXPECT_TRUE(request.headers.find("x-kept"));
    EXPECT_TRUE(request.headers.find("authorization")) << "the origin is the same";
    ++ran;
  }
  EXPECT_EQ(ran, 16);
  for (const uint16_t status : {200, 300, 304, 305, 306, 309, 404}) EXPECT_FALSE(isRedirect(status));
}

TEST(Redirect, credentialsStayWithTheirOrigin) {
  int ran = 0;
  for (const char* location : {"http://b/", "https://a/b", "http://a:8080/b", "//b"}) {
    auto request = requestOf("GET", http::RequestBody::kNone);
    RedirectRefusal refusal{};
    ASSERT_TRUE(redirect(request, kFrom, 302, location, false, refusal)) << location;
    EXPECT_FALSE(request.headers.find("authorization")) << location;
    EXPECT_FALSE(request.headers.find("cookie")) << location;
    EXPECT_TRUE(request.headers.find("x-kept")) << location;
    ++ran;
  }
  EXPECT_EQ(ran, 4);
}

TEST(Redirect, aStreamIsNotSentTwice) {
  auto request = requestOf("POST", http::RequestBody::kStreamed);
  RedirectRefusal refusal{};
  EXPECT_FALSE(redirect(request, kFrom, 307, "/c", false, refusal));
  EXPECT_EQ(refusal, RedirectRefusal::kBodyIsStream);
  EXPECT_EQ(request.method, "POST");
  const auto rewritten = redirect(request, kFrom, 303, "/c", false, refusal);
  ASSERT_TRUE(rewritten);
  EXPECT_TRUE(rewritten->bodyDropped);
  EXPECT_EQ(request.bodyKind, http::RequestBody::kNone);
}

TEST(Redirect, unlessItCanBeHadOnceMore) {
  auto request = requestOf("POST", http::RequestBody::kStreamed);
  RedirectRefusal refusal{};
  const auto again = redirect(request, kFrom, 308, "/c", true, refusal);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->bodyAgain);
  EXPECT_FALSE(again->bodyDropped);
  EXPECT_EQ(request.method, "POST");
  EXPECT_TRUE(request.headers.find("content-type"));
}

TEST(Redirect, refusesLocationsThatAreNotHttp) {
  auto request = requestOf("GET", http::RequestBody::kNone);
  RedirectRefusal refusal = RedirectRefusal::kBodyIsStream;
  EXPECT_FALSE(redirect(request, kFrom, 302, "ftp://a/", false, refusal));
  EXPECT_EQ(refusal, RedirectRefusal::kBadLocation);
}

}  // namespace
}  // namespace weir::edge
