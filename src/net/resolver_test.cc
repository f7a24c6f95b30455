#include "net/resolver.h"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

class ResolverTest : public testing::Test {
 protected:
  base::SystemClock clock;
  Loop loop{clock};
  Resolver resolver{loop};
};

TEST_F(ResolverTest, findsLocalhostAndThenKnowsIt) {
  EXPECT_FALSE(resolver.find("localhost"));
  size_t found = 0;
  const auto query = resolver.resolve("localhost", [&](const base::Result<Addresses>& result) {
    ASSERT_TRUE(result.ok()) << result.error().message;
    found = result->size();
    for (const Address& each : *result) EXPECT_EQ(each.scope(), AddressScope::kLoopback);
    loop.stop();
  });
  EXPECT_EQ(found, 0u);
  loop.run();
  EXPECT_GT(found, 0u);
  EXPECT_EQ(resolver.find("localhost")->size(), found);
}

TEST_F(ResolverTest, literalsNeedNoLookup) {
  EXPECT_EQ(resolver.find("127.0.0.1")->front().ip(), "127.0.0.1");
  EXPECT_EQ(resolver.find("::1")->front().ip(), "::1");
}

TEST_F(ResolverTest, badNamesFailFromTheLoop) {
  std::string message;
  const auto query = resolver.resolve(std::string("a\0b", 3), [&](const base::Result<Addresses>& result) {
    ASSERT_FALSE(result.ok());
    message = result.error().message;
    loop.stop();
  });
  EXPECT_TRUE(message.empty());
  loop.run();
  EXPECT_NE(message.find("not a host name"), std::string::npos);
}

TEST_F(ResolverTest, invalidNamesFailWithoutALookup) {
  Resolver none(loop, {.threads = 0, .queuedMax = 0});
  std::string message;
  const auto query = none.resolve("a.invalid", [&](const base::Result<Addresses>& result) {
    ASSERT_FALSE(result.ok());
    message = result.error().message;
    loop.stop();
  });
  loop.run();
  EXPECT_NE(message.find("has no address"), std::string::npos);
}

TEST_F(ResolverTest, droppedQueriesAreSilentAndSharedLookupsAnswerTheRest) {
  auto dropped = resolver.resolve("localhost", [](const base::Result<Addresses>&) { FAIL(); });
  const auto kept = resolver.resolve("localhost", [&](const base::Result<Addresses>&) { loop.stop(); });
  dropped.reset();
  loop.run();
}

TEST_F(ResolverTest, refusesMoreNamesThanMayWait) {
  Resolver none(loop, {.threads = 0, .queuedMax = 1});
  const auto waits = none.resolve("a.test", [](const base::Result<Addresses>&) { FAIL(); });
  std::string message;
  const auto refused = none.resolve("b.test", [&](const base::Result<Addresses>& result) {
    message = result.error().message;
    loop.stop();
  });
  loop.run();
  EXPECT_NE(message.find("too many"), std::string::npos);
}

}  // namespace
}  // namespace weir::net
