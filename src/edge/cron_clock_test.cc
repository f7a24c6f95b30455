#include "edge/cron_clock.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

class HandClock final : public base::Clock {
 public:
  base::Instant now() const override { return base::Instant(std::chrono::milliseconds(static_cast<int64_t>(ms))); }
  double wallMs() const override { return ms; }
  double ms = 1'800'000'030'000;  // 30 s into a minute
};

constexpr double kMinute = 1'800'000'000'000;  // 2027-01-15 08:00 UTC

class CronClockTest : public ::testing::Test {
 protected:
  CronClockTest()
      : loop(clock),
        crons(loop, [this](const Schedule& schedule, double ms) { runs.emplace_back(schedule.text, ms); }) {}

  void schedule(std::vector<const char*> texts) {
    auto list = std::make_shared<std::vector<Schedule>>();
    for (const char* text : texts) list->push_back({nullptr, text, *catalog::Cron::parse(text)});
    crons.setSchedules(list);
  }
  void turn() { loop.runOnce(std::chrono::milliseconds(0)); }
  using Runs = std::vector<std::pair<std::string, double>>;

  HandClock clock;
  net::Loop loop;
  Runs runs;
  CronClock crons;
};

TEST_F(CronClockTest, aMinuteIsHandledWhenItBeginsAndOnce) {
  schedule({"* * * * *", "*/2 * * * *"});
  turn();
  EXPECT_EQ(runs, Runs()) << "the minute in which it was set has begun";
  clock.ms = kMinute + 59'999;
  turn();
  EXPECT_EQ(runs, Runs());
  clock.ms = kMinute + 60'000;
  turn();
  turn();
  EXPECT_EQ(runs, (Runs{{"* * * * *", kMinute + 60'000}}));
  clock.ms = kMinute + 120'500;
  turn();
  EXPECT_EQ(
      runs,
      (Runs{{"* * * * *", kMinute + 60'000}, {"* * * * *", kMinute + 120'000}, {"*/2 * * * *", kMinute + 120'000}}));
}

TEST_F(CronClockTest, missedMinutesAreLeftOutAndAClockSetBackRepeatsNone) {
  schedule({"* * * * *"});
  crons.onTime(kMinute + 300'000);
  EXPECT_EQ(runs, (Runs{{"* * * * *", kMinute + 300'000}}));
  crons.onTime(kMinute + 60'000);
  crons.onTime(kMinute + 300'500);
  EXPECT_EQ(runs.size(), 1u);
  crons.onTime(kMinute + 360'000);
  EXPECT_EQ(runs.size(), 2u);
}

TEST_F(CronClockTest, nothingScheduledNothingRuns) {
  schedule({"* * * * *"});
  crons.setSchedules(nullptr);
  crons.onTime(kMinute + 60'000);
  EXPECT_EQ(runs, Runs());
}

}  // namespace
}  // namespace weir::edge
