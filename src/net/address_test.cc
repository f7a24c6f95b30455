#include "net/address.h"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

TEST(Address, parsesAndFormats) {
  for (const char* text : {"127.0.0.1:8787", "[::1]:80", "0.0.0.0:0", "[2001:db8::1]:65535"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(address->format(), text);
  }
}

TEST(Address, refusesWhatIsNotAnAddressAndSaysWhatToWrite) {
  for (const char* text : {"", "127.0.0.1", "localhost:80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "::1:80",
                           "[::1]", "[::1]80", "[::1", "127.1:80", "0x7f.0.0.1:80", "[127.0.0.1]:80"}) {
    const auto address = Address::parse(text);
    EXPECT_FALSE(address.ok()) << text;
    if (!address.ok()) {
      EXPECT_NE(address.error().message.find("127.0.0.1:8787"), std::string::npos) << text;
    }
  }
}

TEST(Address, knowsWhereAnAddressCanBeReachedFrom) {
  using enum AddressScope;
  const std::pair<const char*, AddressScope> cases[] = {{"1.1.1.1", kGlobal},
                                                        {"0.1.2.3", kUnspecified},
                                                        {"127.255.0.1", kLoopback},
                                                        {"10.0.0.1", kPrivate},
                                                        {"172.15.255.255", kGlobal},
                                                        {"172.16.0.1", kPrivate},
                                                        {"172.32.0.1", kGlobal},
                                                        {"192.168.1.1", kPrivate},
                                                        {"100.64.0.1", kPrivate},
                                                        {"100.128.0.1", kGlobal},
                                                        {"169.254.169.254", kLinkLocal},
                                                        {"224.0.0.1", kMulticast},
                                                        {"255.255.255.255", kReserved},
                                                        {"198.18.0.1", kReserved},
                                                        {"203.0.113.9", kReserved},
                                                        {"::", kUnspecified},
                                                        {"::1", kLoopback},
                                                        {"fe80::1", kLinkLocal},
                                                        {"fd00::1", kPrivate},
                                                        {"ff02::1", kMulticast},
                                                        {"2606:4700::1111", kGlobal},
                                                        {"2001:db8::1", kReserved},
                                                        {"2001::1", kReserved},
                                                        {"100::1", kReserved},
                                                        {"::ffff:127.0.0.1", kLoopback},
                                                        {"::ffff:8.8.8.8", kGlobal},
                                                        {"::ffff:169.254.169.254", kLinkLocal},
                                                        {"::127.0.0.1", kLoopback},
                                                        {"64:ff9b::10.0.0.1", kPrivate},
                                                        {"2002:7f00:1::", kLoopback}};
  for (const auto& [text, scope] : cases) {
    const auto address = Address::fromIp(text, 80);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->scope(), scope) << text;
  }
}

TEST(Address, knowsTheIpv4AddressWithinAnIpv6One) {
  const auto within = [](const char* ip) {
    const auto inner = Address::fromIp(ip, 5)->embeddedIpv4();
    return inner ? inner->format() : "none";
  };
  for (const char* ip : {"::ffff:1.2.3.4", "::1.2.3.4", "64:ff9b::1.2.3.4", "2002:102:304::9"}) {
    EXPECT_EQ(within(ip), "1.2.3.4:5") << ip;
  }
  for (const char* ip : {"1.2.3.4", "::", "::1", "2001:db8::1.2.3.4", "64:ff9b:1::1.2.3.4"}) {
    EXPECT_EQ(within(ip), "none") << ip;
  }
}

TEST(Address, mappedAddressPrintsAsIpv4) { EXPECT_EQ(Address::fromIp("::ffff:1.2.3.4", 5)->format(), "1.2.3.4:5"); }

TEST(HostPort, splits) {
  EXPECT_EQ(parseHostPort("example.com")->host, "example.com");
  EXPECT_EQ(parseHostPort("example.com:81")->port, 81);
  EXPECT_EQ(parseHostPort("[::1]:81")->host, "::1");
  EXPECT_FALSE(parseHostPort("a:b"));
  EXPECT_FALSE(parseHostPort(":80"));
  EXPECT_FALSE(parseHostPort("::1"));
}

}  // namespace
}  // namespace weir::net
