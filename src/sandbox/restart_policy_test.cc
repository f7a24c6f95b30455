#include "sandbox/restart_policy.h"

#include <gtest/gtest.h>

namespace weir::sandbox {
namespace {

using namespace std::chrono_literals;

TEST(RestartPolicy, anEngineThatHadSettledComesBackAtOnce) {
  RestartPolicy policy;
  base::Instant now{};
  for (int i = 0; i < 10; ++i) {
    policy.started(now);
    policy.becameReady(now);
    now += 2s;
    EXPECT_EQ(policy.ended(now), 0ms);
    EXPECT_EQ(policy.failedStarts(), 0u);
  }
}

TEST(RestartPolicy, failedStartsBackOffToABound) {
  RestartPolicy policy;
  const base::Instant now{};
  const std::chrono::milliseconds expected[] = {0ms,    100ms,  200ms,   400ms,   800ms,  1600ms,
                                                3200ms, 6400ms, 10000ms, 10000ms, 10000ms};
  for (auto delay : expected) {
    policy.started(now);
    EXPECT_EQ(policy.ended(now), delay);
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(policy.ended(now), 10000ms);
}

TEST(RestartPolicy, endingSoonAfterReadyCountsAsAFailedStart) {
  RestartPolicy policy;
  base::Instant now{};
  policy.becameReady(now);
  EXPECT_EQ(policy.ended(now + 1999ms), 0ms);
  policy.started(now);
  policy.becameReady(now);
  EXPECT_EQ(policy.ended(now + 1999ms), 100ms);
}

TEST(RestartPolicy, oneSettledEngineForgivesEarlierFailures) {
  RestartPolicy policy;
  const base::Instant now{};
  for (int i = 0; i < 5; ++i) (void)policy.ended(now);
  EXPECT_EQ(policy.failedStarts(), 5u);
  policy.becameReady(now);
  EXPECT_EQ(policy.ended(now + 2s), 0ms);
  EXPECT_EQ(policy.ended(now + 2s), 0ms);
  EXPECT_EQ(policy.ended(now + 2s), 100ms);
}

}  // namespace
}  // namespace weir::sandbox
