#include "net/address_range.h"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

TEST(AddressRange, holdsWhatSharesItsPrefix) {
  const struct {
    const char* range;
    const char* address;
    bool holds;
  } cases[] = {
      {"10.0.0.0/8", "10.255.0.1", true},
      {"10.0.0.0/8", "11.0.0.1", false},
      {"172.16.0.0/12", "172.31.9.9", true},
      {"172.16.0.0/12", "172.32.0.0", false},
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1", "127.0.0.2", false},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fe00::1", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"::/0", "10.1.2.3", true},
      {"::1", "::1", true},
      {"10.1.2.3/8", "10.9.9.9", true},
      {"192.0.2.128/25", "192.0.2.127", false},
  };
  for (const auto& one : cases) {
    const auto range = AddressRange::parse(one.range);
    ASSERT_TRUE(range.ok()) << one.range;
    EXPECT_EQ(range->contains(*Address::fromIp(one.address, 80)), one.holds) << one.range << " " << one.address;
  }
}

TEST(AddressRange, refusesWhatIsNone) {
  for (const char* text :
       {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "localhost", "10.0.0/8", "/8"}) {
    const auto range = AddressRange::parse(text);
    ASSERT_FALSE(range.ok()) << text;
    EXPECT_NE(range.error().message.find("10.0.0.0/8"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir::net
