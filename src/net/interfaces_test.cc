#include "net/interfaces.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::net {
namespace {

bool has(const std::vector<Address>& all, const char* text) {
  return std::find(all.begin(), all.end(), *Address::parse(text)) != all.end();
}

TEST(Interfaces, anAddressIsItself) {
  const auto all = reachableAddresses(*Address::parse("192.0.2.1:80"));
  EXPECT_EQ(all, std::vector<Address>{*Address::parse("192.0.2.1:80")});
}

TEST(Interfaces, theUnspecifiedOneIsEveryInterfaces) {
  EXPECT_TRUE(has(reachableAddresses(*Address::parse("0.0.0.0:81")), "127.0.0.1:81"));
  const auto both = reachableAddresses(*Address::parse("[::]:82"));
  EXPECT_TRUE(has(both, "127.0.0.1:82"));
  EXPECT_TRUE(has(both, "[::1]:82"));
  EXPECT_TRUE(std::all_of(both.begin(), both.end(), [](const Address& one) { return one.port() == 82; }));
}

}  // namespace
}  // namespace weir::net
