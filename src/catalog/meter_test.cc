#include "catalog/meter.h"

#include <gtest/gtest.h>

#include <barrier>
#include <deque>
#include <random>
#include <thread>

namespace weir::catalog {
namespace {

using namespace std::chrono_literals;

const base::Instant kStart{1'000'000s};

// What an admission changes is one word, without a lock on any machine.
static_assert(std::atomic<uint64_t>::is_always_lock_free);

TEST(BurstWindow, admitsTheLimitAndNamesTheWait) {
  BurstWindow window;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(window.take(3, kStart + i * 10s).admitted);
  const auto refused = window.take(3, kStart + 25s);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.retryAfter, 36s);                       // the first leaves when its second is a whole minute away
  EXPECT_EQ(window.take(3, kStart + 25s).retryAfter, 36s);  // a refusal takes nothing
  EXPECT_FALSE(window.take(3, kStart + 60s).admitted);
  EXPECT_TRUE(window.take(3, kStart + 25s + 36s).admitted);
  EXPECT_EQ(window.take(3, kStart + 61s).retryAfter, 10s);
}

TEST(BurstWindow, aFullSecondWaitsAMinute) {
  BurstWindow window;
  EXPECT_TRUE(window.take(1, kStart).admitted);
  EXPECT_EQ(window.take(1, kStart + 500ms).retryAfter, 61s);
  EXPECT_TRUE(window.take(1, kStart + 61s).admitted);
}

TEST(BurstWindow, aLimitThatShrinksCountsWhatWasAdmitted) {
  BurstWindow window;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(window.take(10, kStart + i * 1s).admitted);
  EXPECT_EQ(window.take(5, kStart + 9s).retryAfter, 57s);  // six of ten have to leave
  EXPECT_TRUE(window.take(20, kStart + 9s).admitted);
}

TEST(BurstWindow, neverAdmitsMoreThanTheLimitInAnyMinute) {
  std::mt19937 random(11);
  int admitted = 0;
  int refused = 0;
  for (int round = 0; round < 30; ++round) {
    BurstWindow window;
    const uint32_t limit = 1 + random() % 40;
    std::deque<base::Instant> log;
    base::Instant now = kStart;
    for (int i = 0; i < 2'000; ++i) {
      now += std::chrono::milliseconds(random() % 3 == 0 ? random() % 8'000 : random() % 50);
      while (!log.empty() && now - log.front() >= 60s) log.pop_front();
      const auto answer = window.take(limit, now);
      if (answer.admitted) {
        log.push_back(now);
        ++admitted;
      } else {
        ++refused;
        // Conservative by less than a second: what it still counts was admitted within 61.
        ASSERT_GE(answer.retryAfter, 1s);
        ASSERT_LE(answer.retryAfter, 61s);
        uint32_t counted = 0;
        for (const auto& slot : window.slots(now)) counted += slot.count;
        ASSERT_GE(counted, limit);
      }
      ASSERT_LE(log.size(), limit);
    }
  }
  EXPECT_GT(admitted, 5'000);
  EXPECT_GT(refused, 5'000);
}

TEST(BurstWindow, isRestoredWithItsAges) {
  BurstWindow window;
  EXPECT_TRUE(window.take(10, kStart).admitted);
  EXPECT_TRUE(window.take(10, kStart).admitted);
  EXPECT_TRUE(window.take(10, kStart + 30s).admitted);
  EXPECT_TRUE(window.take(10, kStart + 40s).admitted);
  const auto slots = window.slots(kStart + 40s);
  EXPECT_EQ(slots, (std::vector<BurstWindow::Slot>{{40, 2}, {10, 1}, {0, 1}}));

  BurstWindow again;
  const base::Instant later{5s};  // another machine's clock
  again.restore(slots, later);
  EXPECT_EQ(again.slots(later), slots);
  EXPECT_EQ(again.take(4, later).retryAfter, 21s);
  EXPECT_TRUE(again.take(5, later).admitted);
  EXPECT_FALSE(again.take(4, later + 20s).admitted);
  EXPECT_TRUE(again.take(4, later + 21s).admitted);
}

// Threads whose clocks differ by less than a second, across many turns of the second: what they are admitted together
// is the limit. A thread that is behind is counted with the second that others have reached, so windows of 59 are
// looked at.
TEST(BurstWindow, threadsTogetherNeverPassTheLimit) {
  constexpr uint32_t kLimit = 5'000;
  constexpr int kThreads = 4;
  constexpr int kSteps = 260;  // of half a second
  BurstWindow window;
  std::array<std::atomic<uint32_t>, kSteps> perSecond{};
  std::barrier step(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSteps; ++i) {
        step.arrive_and_wait();
        const auto at = std::chrono::milliseconds(500 * i + 200 * t);
        for (int n = 0; n < 100; ++n) {
          if (window.take(kLimit, kStart + at).admitted) perSecond[static_cast<size_t>(at.count() / 1000)].fetch_add(1);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  uint64_t total = 0;
  for (size_t second = 0; second < kSteps; ++second) {
    uint32_t minute = 0;
    for (size_t k = second; k < std::min<size_t>(second + 59, kSteps); ++k) minute += perSecond[k];
    EXPECT_LE(minute, kLimit) << second;
    total += perSecond[second];
  }
  // 130 seconds at 800 requests a second: three windows begin, the last one a few seconds old.
  EXPECT_GE(total, 2 * kLimit);
  EXPECT_LE(total, 3 * kLimit);
}

TEST(DailyCount, startsAnewAtMidnight) {
  DailyCount count;
  constexpr double kMidnight = 20'000 * 86'400'000.0;
  EXPECT_TRUE(count.take(2, kMidnight - 2));
  EXPECT_FALSE(count.isExhausted(2, kMidnight - 2));
  EXPECT_TRUE(count.take(2, kMidnight - 1));
  EXPECT_TRUE(count.isExhausted(2, kMidnight - 1));
  EXPECT_FALSE(count.take(2, kMidnight - 1));
  EXPECT_EQ(count.usage(), (DailyCount::Usage{19'999, 2}));
  EXPECT_FALSE(count.isExhausted(2, kMidnight));
  EXPECT_TRUE(count.take(2, kMidnight));
  EXPECT_EQ(count.usage(), (DailyCount::Usage{20'000, 1}));
  EXPECT_TRUE(count.take(2, kMidnight - 1));  // a clock that goes back stays in the day it has seen
  EXPECT_FALSE(count.take(2, kMidnight - 1));
}

TEST(DailyCount, threadsTogetherNeverPassTheLimit) {
  DailyCount count;
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) admitted += count.take(50'000, 1e12);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(admitted, 50'000);
}

}  // namespace
}  // namespace weir::catalog
