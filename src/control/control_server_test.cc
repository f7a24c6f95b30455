#include "control/control_server.h"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

TEST(ControlServer, loopbackAnswersToAddressesAndLocalNamesOnly) {
  for (const char* local : {"127.0.0.1", "127.0.0.1:8788", "[::1]:8788", "[::1]", "10.1.2.3:80", "localhost",
                            "LOCALHOST:8788", "weir.localhost:8788", "localhost."}) {
    EXPECT_TRUE(ControlServer::isLocalName(local)) << local;
  }
  for (const char* other : {"", "example.com", "example.com:8788", "127.0.0.1.example.com", "localhost.example.com",
                            "notlocalhost", "127.0.0.1@example.com", "localhost:x", "::1"}) {
    EXPECT_FALSE(ControlServer::isLocalName(other)) << other;
  }
}

TEST(ControlServer, anAddressThatOthersReachNeedsToBeAllowed) {
  const base::SystemClock clock;
  for (const char* address : {"0.0.0.0:0", "[::]:0", "10.0.0.1:0"}) {
    auto started = ControlServer::start({*net::Address::parse(address), false, clock, {}, {}, {}});
    ASSERT_FALSE(started.ok()) << address;
    EXPECT_NE(started.error().message.find("--control-any-address"), std::string::npos);
  }
  auto started = ControlServer::start({*net::Address::parse("0.0.0.0:0"), true, clock, {}, {}, {}});
  EXPECT_TRUE(started.ok());
}

}  // namespace
}  // namespace weir::control
