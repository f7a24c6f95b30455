#include "edge/outbound_policy.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

OutboundPolicy policyOf(std::vector<const char*> allowed, std::vector<const char*> denied) {
  OutboundPolicy::Rules rules;
  for (const char* text : allowed) rules.allowed.push_back(*net::AddressRange::parse(text));
  for (const char* text : denied) rules.denied.push_back(*net::AddressRange::parse(text));
  return OutboundPolicy(std::move(rules));
}

uint16_t refusal(const OutboundPolicy& policy, const char* ip) {
  return policy.refuses(*net::Address::fromIp(ip, 80), "name.example");
}

TEST(OutboundPolicy, originsMayBeInsideAndAreRefusedWhatNobodyMayReach) {
  auto policy = policyOf({}, {"127.0.0.9"});
  policy.addOwn(*net::Address::fromIp("127.0.0.1", 8788));
  const auto ask = [&](const char* ip, uint16_t port) {
    return policy.ofOrigins().refuses(*net::Address::fromIp(ip, port), "origin.example");
  };
  EXPECT_EQ(ask("127.0.0.1", 80), 0);
  EXPECT_EQ(ask("10.0.0.1", 80), 0);
  EXPECT_EQ(ask("1.1.1.1", 443), 0);
  EXPECT_EQ(ask("127.0.0.9", 80), 1021);
  EXPECT_EQ(ask("127.0.0.1", 8788), 1024);
}

TEST(OutboundPolicy, theInternetIsReachableAndNothingElse) {
  const auto policy = policyOf({}, {});
  EXPECT_EQ(refusal(policy, "1.1.1.1"), 0);
  EXPECT_EQ(refusal(policy, "2606:4700::1"), 0);
  for (const char* ip : {"127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
                         "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fd00::1", "fe80::1",
                         "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"}) {
    EXPECT_EQ(refusal(policy, ip), 1021) << ip;
  }
}

TEST(OutboundPolicy, theOperatorOpensAndShuts) {
  const auto policy = policyOf({"127.0.0.0/8"}, {"127.0.0.9", "203.0.0.0/8", "1.1.1.0/24"});
  EXPECT_EQ(refusal(policy, "127.0.0.1"), 0);
  EXPECT_EQ(refusal(policy, "::ffff:127.0.0.1"), 0);
  EXPECT_EQ(refusal(policy, "127.0.0.9"), 1021) << "denied wins";
  EXPECT_EQ(refusal(policy, "1.1.1.1"), 1021);
  EXPECT_EQ(refusal(policy, "10.0.0.1"), 1021);
}

TEST(OutboundPolicy, aBareAddressIsNoHost) {
  const auto policy = policyOf({"127.0.0.0/8"}, {});
  EXPECT_EQ(policy.refusesHost("1.1.1.1"), 1003);
  EXPECT_EQ(policy.refusesHost("2606:4700::1"), 1003);
  EXPECT_EQ(policy.refusesHost("127.0.0.1"), 0) << "opened by the operator";
  EXPECT_EQ(policy.refusesHost("example.com"), 0);
}

TEST(OutboundPolicy, thePlatformItselfIsNotReachedOverTheNetwork) {
  auto policy = policyOf({"127.0.0.0/8"}, {"127.0.0.9"});
  policy.addOwn(*net::Address::fromIp("127.0.0.1", 8787));
  policy.addOwn(*net::Address::fromIp("127.0.0.9", 80));
  const auto ask = [&](const char* ip, uint16_t port) { return policy.refuses(*net::Address::fromIp(ip, port), "h"); };
  EXPECT_EQ(ask("127.0.0.1", 8787), 1024);
  EXPECT_EQ(ask("::ffff:127.0.0.1", 8787), 1024);
  EXPECT_EQ(ask("127.0.0.1", 8788), 0);
  EXPECT_EQ(ask("127.0.0.2", 8787), 0);
  policy.addOwn(*net::Address::fromIp("0.0.0.0", 8789));
  EXPECT_EQ(ask("127.0.0.2", 8789), 1024);
  EXPECT_EQ(ask("127.0.0.9", 80), 1024) << "whatever else it is";
}

TEST(OutboundPolicy, whatLeadsToARefusedAddressIsRefusedLikeIt) {
  // Opened as far as it goes: nothing but what nobody may reach is refused.
  auto policy = policyOf({"0.0.0.0/0", "::/0"}, {"203.0.0.0/8", "10.0.0.0/8"});
  policy.addOwn(*net::Address::fromIp("127.0.0.1", 8788));
  policy.addOwn(*net::Address::fromIp("::1", 8789));
  policy.addOwn(*net::Address::fromIp("198.51.0.7", 8787));
  const auto ask = [&](const char* ip, uint16_t port) {
    const auto address = *net::Address::fromIp(ip, port);
    EXPECT_EQ(policy.refuses(address, "h"), policy.ofOrigins().refuses(address, "h")) << ip;
    return policy.refuses(address, "h");
  };
  // Connecting to the unspecified address is connecting to this machine.
  for (const char* ip : {"0.0.0.0", "::", "::ffff:0.0.0.0"}) {
    EXPECT_EQ(ask(ip, 8788), 1024) << ip;
    EXPECT_EQ(ask(ip, 8789), 1024) << ip;
    EXPECT_EQ(ask(ip, 80), 0) << ip;
  }
  EXPECT_EQ(ask("::127.0.0.1", 8788), 1024);
  for (const char* ip : {"64:ff9b::198.51.0.7", "2002:c633:7::1", "::ffff:198.51.0.7"}) {
    EXPECT_EQ(ask(ip, 8787), 1024) << ip;
    EXPECT_EQ(ask(ip, 80), 0) << ip;
  }
  for (const char* ip :
       {"64:ff9b::203.0.113.1", "2002:cb00:7101::1", "::203.0.113.1", "::ffff:203.0.113.1", "64:ff9b::a00:1"}) {
    EXPECT_EQ(ask(ip, 80), 1021) << ip;
  }
  const auto shut = policyOf({"0.0.0.0/0"}, {"127.0.0.0/8"});
  EXPECT_EQ(refusal(shut, "0.0.0.0"), 1021) << "this machine's loopback";
  EXPECT_EQ(refusal(shut, "1.1.1.1"), 0);
}

}  // namespace
}  // namespace weir::edge
