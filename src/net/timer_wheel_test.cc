#include "net/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

const base::Instant kStart{1h};

TEST(TimerWheel, firesAtTheDeadlineAndNotBefore) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Timer timer(wheel, [&] { ++fired; });
  timer.arm(kStart + 10ms);
  EXPECT_EQ(wheel.findNext(), kStart + 10ms);
  wheel.advance(kStart + 9ms + 999us);
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + 10ms);
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer.armed());
  wheel.advance(kStart + 1h);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, movedDeadlinesReplaceEarlierOnes) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Timer timer(wheel, [&] { ++fired; });
  timer.arm(kStart + 10ms);
  timer.arm(kStart + 30ms);
  wheel.advance(kStart + 29ms);
  EXPECT_EQ(fired, 0);
  timer.arm(kStart + 29500us);
  wheel.advance(kStart + 30ms);
  EXPECT_EQ(fired, 1);
  timer.arm(kStart + 100ms);
  timer.arm(kStart + 40ms);
  wheel.advance(kStart + 40ms);
  EXPECT_EQ(fired, 2);
}

TEST(TimerWheel, disarmedAndDroppedTimersAreSilent) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Timer disarmed(wheel, [&] { ++fired; });
  auto dropped = std::make_unique<Timer>(wheel, [&] { ++fired; });
  disarmed.arm(kStart + 5ms);
  dropped->arm(kStart + 5ms);
  disarmed.disarm();
  dropped.reset();
  wheel.advance(kStart + 1s);
  EXPECT_EQ(fired, 0);
}

TEST(TimerWheel, deadlinesBeyondOneTurnAreKept) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Timer timer(wheel, [&] { ++fired; });
  timer.arm(kStart + 75s);
  for (base::Instant now = kStart; now < kStart + 75s; now += 100ms) wheel.advance(now);
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + 75s);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, jumpOfManyTurnsFiresEverythingDue) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Timer near(wheel, [&] { ++fired; });
  Timer far(wheel, [&] { ++fired; });
  Timer later(wheel, [&] { ++fired; });
  near.arm(kStart + 1ms);
  far.arm(kStart + 50s);
  later.arm(kStart + 120s);
  wheel.advance(kStart + 100s);
  EXPECT_EQ(fired, 2);
  wheel.advance(kStart + 120s);
  EXPECT_EQ(fired, 3);
}

TEST(TimerWheel, callbacksMayArmDisarmAndDestroy) {
  TimerWheel wheel(kStart);
  int fired = 0;
  std::unique_ptr<Timer> self;
  Timer victim(wheel, [&] { FAIL(); });
  self = std::make_unique<Timer>(wheel, [&] {
    ++fired;
    victim.disarm();
    self.reset();
  });
  Timer again(wheel, [] {});
  victim.arm(kStart + 6ms);
  self->arm(kStart + 5ms);
  wheel.advance(kStart + 10ms);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(self, nullptr);
}

TEST(TimerWheel, agreesWithSortedDeadlines) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  TimerWheel wheel(kStart);
  base::Instant now = kStart;
  struct Probe {
    std::unique_ptr<Timer> timer;
    base::Instant deadline{};
    bool armed = false;
  };
  std::vector<Probe> probes(50);
  for (Probe& probe : probes) {
    probe.timer = std::make_unique<Timer>(wheel, [&probe, &now] {
      EXPECT_TRUE(probe.armed);
      EXPECT_LE(probe.deadline, now);
      probe.armed = false;
    });
  }
  for (int step = 0; step < 5000; ++step) {
    Probe& probe = probes[random() % probes.size()];
    switch (random() % 4) {
      case 0:
        probe.timer->disarm();
        probe.armed = false;
        break;
      default:
        probe.deadline = now + std::chrono::microseconds(random() % (random() % 3 ? 20'000 : 20'000'000));
        probe.timer->arm(probe.deadline);
        probe.armed = true;
    }
    now += std::chrono::microseconds(random() % (step % 100 ? 2'000 : 9'000'000));
    wheel.advance(now);
    for (const Probe& each : probes) {
      if (each.armed) {
        ASSERT_GT(each.deadline, now - 1ms);
      }
    }
  }
}

}  // namespace
}  // namespace weir::net
