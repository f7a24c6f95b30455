#include "edge/forwarding.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

std::string textOf(const http::HeaderList& headers) {
  std::string out;
  for (const auto header : headers) out.append(header.name).append(": ").append(header.value).append("\n");
  return out;
}

TEST(Forwarding, anOriginSeesTheClientsRequestAndWhoseItIs) {
  http::RequestHead head;
  head.authority = "example.com:8080";
  head.headers = {{"host", "example.com:8080"},
                  {"User-Agent", "t"},
                  {"Connection", "X-Mine, keep-alive, CF-EW-Via, cdn-loop"},
                  {"x-mine", "1"},
                  {"Keep-Alive", "5"},
                  {"TE", "trailers"},
                  {"Expect", "100-continue"},
                  {"X-Forwarded-For", "203.0.113.9"},
                  {"X-Forwarded-Proto", "gopher"},
                  {"cf-connecting-ip", "6.6.6.6"},
                  {"cf-ray", "forged"},
                  {"CDN-Loop", "other; v=1"},
                  {"CF-EW-Via", "7"},
                  {"x-real-ip", "6.6.6.6"},
                  {"Cookie", "a=b"},
                  {"Cookie", "c=d"}};
  EXPECT_EQ(
      textOf(forwardedRequest(head, {"0123456789abcdef", "192.0.2.1", false})),
      "Host: example.com:8080\nUser-Agent: t\nCF-EW-Via: 7\nCookie: a=b\nCookie: c=d\nCDN-Loop: other; v=1, weir\n"
      "CF-Ray: 0123456789abcdef\nCF-Connecting-IP: 192.0.2.1\nCF-IPCountry: XX\nCF-Visitor: {\"scheme\":\"http\"}\n"
      "X-Forwarded-For: 203.0.113.9, 192.0.2.1\nX-Forwarded-Proto: http\n");
  head.headers = {};
  const auto bare = forwardedRequest(head, {"0123456789abcdef", "::1", true});
  EXPECT_EQ(bare.find("x-forwarded-for"), "::1");
  EXPECT_EQ(bare.find("x-forwarded-proto"), "https");
  EXPECT_EQ(bare.find("cf-visitor"), R"({"scheme":"https"})");
  EXPECT_EQ(bare.find("cdn-loop"), "weir");
}

TEST(Forwarding, aClientSeesTheOriginsResponse) {
  http::ResponseHead head;
  head.headers = {{"Content-Type", "text/plain"},
                  {"X-Accel-Redirect", "/secret"},
                  {"x-accel-buffering", "no"},
                  {"X-Accelerate", "stays"},
                  {"Connection", "close, X-Hop"},
                  {"X-Hop", "1"},
                  {"Set-Cookie", "a"},
                  {"Set-Cookie", "b"},
                  {"Server", "origin"}};
  EXPECT_EQ(textOf(forwardedResponse(head)),
            "Content-Type: text/plain\nX-Accelerate: stays\nSet-Cookie: a\nSet-Cookie: b\nServer: origin\n");
}

TEST(Forwarding, countsHowOftenARequestCameThrough) {
  EXPECT_EQ(forwardings({}), 0u);
  EXPECT_EQ(forwardings({{"cdn-loop", "weir"}}), 1u);
  EXPECT_EQ(forwardings({{"CDN-Loop", "a, weir;x=1,WEIR , notweir, weird"}, {"cdn-loop", "weir"}}), 3u);
}

TEST(Forwarding, aScriptsRequestSaysWhoseItIs) {
  const ScriptRequestBy by{"0123456789abcdef", "example.com", "192.0.2.1"};
  const http::HeaderList set{{"cf-connecting-ip", "6.6.6.6"}, {"X-Real-IP", "192.0.2.7"}, {"cf-worker", "forged"},
                             {"CDN-Loop", "other"},           {"cf-ray", "forged"},       {"cf-ipcountry", "XX"}};
  auto own = set;
  signScriptRequest(own, by, Toward::kOwnZone);
  EXPECT_EQ(textOf(own),
            "cf-connecting-ip: 192.0.2.7\nX-Real-IP: 192.0.2.7\ncf-worker: example.com\n"
            "CDN-Loop: other, weir\ncf-ray: 0123456789abcdef\ncf-ipcountry: XX\n");
  auto other = set;
  signScriptRequest(other, by, Toward::kOtherZone);
  EXPECT_EQ(other.find("cf-connecting-ip"), kOtherZoneClientIp);
  EXPECT_FALSE(other.find("x-real-ip"));
  auto outside = set;
  signScriptRequest(outside, by, Toward::kOutside);
  EXPECT_EQ(outside.find("cf-connecting-ip"), "192.0.2.1");
  EXPECT_FALSE(outside.find("x-real-ip"));
  EXPECT_FALSE(outside.find("cf-ipcountry"));
  http::HeaderList nobody;
  signScriptRequest(nobody, {"0123456789abcdef", "example.com", ""}, Toward::kOtherZone);
  EXPECT_FALSE(nobody.find("cf-connecting-ip"));
}

TEST(Forwarding, anOriginSeesAScriptsRequestAsAClients) {
  http::HeaderList headers{{"x-forwarded-for", "203.0.113.9"}, {"cf-connecting-ip", "192.0.2.1"}};
  addressToOrigin(headers, "example.com", true);
  EXPECT_EQ(headers.find("host"), "example.com");
  EXPECT_EQ(headers.find("x-forwarded-for"), "203.0.113.9, 192.0.2.1");
  EXPECT_EQ(headers.find("x-forwarded-proto"), "https");
  EXPECT_EQ(headers.find("cf-visitor"), R"({"scheme":"https"})");
}

TEST(Forwarding, whatOnlyThePlatformMaySayIsForged) {
  EXPECT_FALSE(isForged({{"X-Forwarded-For", "192.0.2.1"}, {"accept", "*/*"}}));
  EXPECT_TRUE(isForged({{"CF-Connecting-IP", "192.0.2.1"}}));
  EXPECT_TRUE(isForged({{"x-forwarded-for", "1.1.1.1"}, {"X-Forwarded-For", "2.2.2.2"}}));
  EXPECT_FALSE(isForged({{"x-forwarded-for", std::string(100, '1')}}));
  EXPECT_TRUE(isForged({{"x-forwarded-for", std::string(101, '1')}}));
  EXPECT_FALSE(isForged({{"CF-Connecting-IP", "192.0.2.1"}, {"CF-EW-Via", "15"}})) << "back through a proxy";
}

}  // namespace
}  // namespace weir::edge
