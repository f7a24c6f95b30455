#include "control/failed_attempts.h"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

using std::chrono::milliseconds;

constexpr FailedAttempts::Limits kLimits{.free = 3, .forgiveEvery = milliseconds(100), .peersMax = 3};
const base::Instant kStart = base::Instant{} + std::chrono::hours(1);

TEST(FailedAttempts, somePassAndThenOneAtATime) {
  FailedAttempts attempts(kLimits);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(attempts.waitOf("192.0.2.1", kStart), milliseconds(0)) << i;
    attempts.add("192.0.2.1", kStart);
  }
  EXPECT_EQ(attempts.waitOf("192.0.2.1", kStart), milliseconds(100));
  EXPECT_EQ(attempts.waitOf("192.0.2.2", kStart), milliseconds(0));  // another is not held back
  EXPECT_EQ(attempts.waitOf("192.0.2.1", kStart + milliseconds(40)), milliseconds(60));
  EXPECT_EQ(attempts.waitOf("192.0.2.1", kStart + milliseconds(100)), milliseconds(0));
  attempts.add("192.0.2.1", kStart + milliseconds(100));
  EXPECT_EQ(attempts.waitOf("192.0.2.1", kStart + milliseconds(100)), milliseconds(100));
  // All is forgotten in time.
  const base::Instant later = kStart + milliseconds(400);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(attempts.waitOf("192.0.2.1", later), milliseconds(0)) << i;
    attempts.add("192.0.2.1", later);
  }
  EXPECT_EQ(attempts.waitOf("192.0.2.1", later), milliseconds(100));
}

TEST(FailedAttempts, attemptsAtOnceDoNotHoldAPeerBackForEver) {
  FailedAttempts attempts(kLimits);
  for (int i = 0; i < 1'000; ++i) attempts.add("192.0.2.1", kStart);
  EXPECT_EQ(attempts.waitOf("192.0.2.1", kStart), milliseconds(100));
}

TEST(FailedAttempts, anIpv6HostIsItsNetwork) {
  FailedAttempts attempts(kLimits);
  for (int i = 0; i < 3; ++i) attempts.add("2001:db8:1:2::" + std::to_string(i), kStart);
  EXPECT_EQ(attempts.peers(), 1u);
  EXPECT_GT(attempts.waitOf("2001:db8:1:2:ffff::", kStart), milliseconds(0));
  EXPECT_EQ(attempts.waitOf("2001:db8:1:3::1", kStart), milliseconds(0));
}

TEST(FailedAttempts, theQuietestIsForgottenWhenThereAreTooMany) {
  FailedAttempts attempts(kLimits);
  for (const char* ip : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) {
    for (int i = 0; i < 3; ++i) attempts.add(ip, kStart);
  }
  attempts.add("192.0.2.1", kStart);
  attempts.add("192.0.2.4", kStart);
  EXPECT_EQ(attempts.peers(), 3u);
  EXPECT_GT(attempts.waitOf("192.0.2.1", kStart), milliseconds(0));
  EXPECT_EQ(attempts.waitOf("192.0.2.2", kStart), milliseconds(0));
  EXPECT_GT(attempts.waitOf("192.0.2.3", kStart), milliseconds(0));
}

}  // namespace
}  // namespace weir::control
