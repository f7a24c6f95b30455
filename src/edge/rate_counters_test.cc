#include "edge/rate_counters.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace weir::edge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::Instant kStart{seconds(1'000'020)};  // where a minute begins

RateQuery query(std::string_view key, uint32_t limit, std::string_view account = "a", std::string_view space = "1",
                uint32_t period = 60) {
  return {account, space, key, limit, period, 1};
}

int takeUpTo(RateCounters& counters, const RateQuery& query, int times, base::Instant now) {
  int taken = 0;
  for (int i = 0; i < times; ++i) taken += counters.take(query, now) ? 1 : 0;
  return taken;
}

TEST(RateCounters, theLimitIsReachedAndWhatIsRefusedIsNotCounted) {
  RateCounters counters;
  EXPECT_EQ(takeUpTo(counters, query("k", 3), 10, kStart), 3);
  EXPECT_TRUE(counters.take(query("k", 4), kStart));  // the seven refused ones are not there
  EXPECT_FALSE(counters.take(query("k", 4), kStart));
  EXPECT_FALSE(counters.take(query("other", 0), kStart));
}

TEST(RateCounters, keysSpacesAccountsAndPeriodsAreCountedApart) {
  RateCounters counters;
  EXPECT_EQ(takeUpTo(counters, query("k", 1), 2, kStart), 1);
  EXPECT_EQ(takeUpTo(counters, query("K", 1), 2, kStart), 1);
  EXPECT_EQ(takeUpTo(counters, query("k", 1, "b"), 2, kStart), 1);
  EXPECT_EQ(takeUpTo(counters, query("k", 1, "a", "2"), 2, kStart), 1);
  EXPECT_EQ(takeUpTo(counters, query("k", 1, "a", "1", 10), 2, kStart), 1);
  // Where a space ends and a key begins is part of the key.
  EXPECT_EQ(takeUpTo(counters, query("23", 1, "a", "1"), 1, kStart), 1);
  EXPECT_EQ(takeUpTo(counters, query("3", 1, "a", "12"), 1, kStart), 1);
}

TEST(RateCounters, aWindowsEndDoesNotLetTwiceTheLimitThrough) {
  RateCounters counters;
  EXPECT_EQ(takeUpTo(counters, query("k", 60), 100, kStart + seconds(59)), 60);
  EXPECT_EQ(takeUpTo(counters, query("k", 60), 100, kStart + seconds(60)), 0);
  EXPECT_EQ(takeUpTo(counters, query("k", 60), 100, kStart + seconds(61)), 1);   // a sixtieth has passed out of sight
  EXPECT_EQ(takeUpTo(counters, query("k", 60), 100, kStart + seconds(90)), 29);  // half of it
  EXPECT_EQ(takeUpTo(counters, query("k", 60), 100, kStart + seconds(180)), 60);
}

TEST(RateCounters, aDeltaCountsForSeveralAndMayPassTheLimit) {
  RateCounters counters;
  auto many = query("k", 10);
  many.delta = 7;
  EXPECT_TRUE(counters.take(many, kStart));
  EXPECT_TRUE(counters.take(many, kStart));
  EXPECT_FALSE(counters.take(many, kStart));
  auto huge = query("huge", UINT32_MAX);
  huge.delta = UINT32_MAX;
  EXPECT_TRUE(counters.take(huge, kStart));
  EXPECT_FALSE(counters.take(huge, kStart));
}

TEST(RateCounters, aFullTableForgetsWhatWasUsedLongestAgo) {
  RateCounters counters({1, 100});
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(counters.take(query(std::to_string(i), 1), kStart));
  EXPECT_FALSE(counters.take(query("0", 1), kStart));  // used again, so that "1" is the oldest
  EXPECT_TRUE(counters.take(query("100", 1), kStart));
  EXPECT_EQ(counters.size(), 100u);
  EXPECT_FALSE(counters.take(query("0", 1), kStart));
  EXPECT_TRUE(counters.take(query("1", 1), kStart));
}

TEST(RateCounters, anAccountThatCountsManyKeysTakesNoOthers) {
  RateCounters counters({1, 100});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(counters.take(query(std::to_string(i), 1, "small"), kStart));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(counters.take(query(std::to_string(i), 1, "large"), kStart));
  EXPECT_EQ(counters.size(), 100u);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(counters.take(query(std::to_string(i), 1, "small"), kStart));
  // One that holds less than its share gets its room from the one that holds the most.
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(counters.take(query(std::to_string(i), 1, "third"), kStart));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(counters.take(query(std::to_string(i), 1, "small"), kStart));
  for (int i = 7; i < 40; ++i) EXPECT_FALSE(counters.take(query(std::to_string(i), 1, "third"), kStart));
}

TEST(RateCounters, whatIsOverGoesAsOthersCome) {
  RateCounters counters({1, 1000});
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(counters.take(query(std::to_string(i), 1), kStart));
  for (int i = 0; i < 250; ++i) EXPECT_TRUE(counters.take(query("new" + std::to_string(i), 1), kStart + seconds(121)));
  EXPECT_EQ(counters.size(), 250u);
}

TEST(RateCounters, threadsCountTogether) {
  RateCounters counters;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { taken += takeUpTo(counters, query("k", 1000), 1000, kStart); });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, 1000);
}

}  // namespace
}  // namespace weir::edge
