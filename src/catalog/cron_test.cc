#include "catalog/cron.h"

#include <gtest/gtest.h>

namespace weir::catalog {
namespace {

using namespace std::chrono;

bool fires(const char* text, int y, unsigned m, unsigned d, int hour, int minute) {
  const auto cron = Cron::parse(text);
  EXPECT_TRUE(cron.ok()) << text << ": " << (cron.ok() ? "" : cron.error().message);
  if (!cron.ok()) return false;
  return cron->matches(sys_days(year(y) / month(m) / day(d)) + hours(hour) + minutes(minute));
}

// How often it fires in a month.
int countIn(const char* text, int y, unsigned m) {
  const auto cron = Cron::parse(text);
  EXPECT_TRUE(cron.ok()) << text;
  int count = 0;
  const sys_days first = year(y) / month(m) / 1;
  const sys_days end = sys_days(year_month(year(y), month(m)) / last) + days(1);
  for (sys_time<minutes> at = first; at < end; at += minutes(1)) count += cron->matches(at) ? 1 : 0;
  return count;
}

TEST(Cron, valuesListsRangesAndSteps) {
  EXPECT_TRUE(fires("*/5 * * * *", 2026, 11, 24, 18, 15));
  EXPECT_FALSE(fires("*/5 * * * *", 2026, 11, 24, 18, 16));
  EXPECT_TRUE(fires("0 0,12 1 jan-mar *", 2026, 2, 1, 12, 0));
  EXPECT_FALSE(fires("0 0,12 1 jan-mar *", 2026, 4, 1, 12, 0));
  EXPECT_TRUE(fires("10-50/20 3/10 * * *", 2026, 5, 5, 13, 30));
  EXPECT_FALSE(fires("10-50/20 3/10 * * *", 2026, 5, 5, 14, 30));
  EXPECT_EQ(countIn("* * * * *", 2026, 2), 28 * 24 * 60);
  EXPECT_EQ(countIn("0 * * * *", 2024, 2), 29 * 24);
}

TEST(Cron, sundayIsTheFirstDayOfTheWeek) {
  EXPECT_TRUE(fires("0 0 * * 1", 2026, 11, 22, 0, 0)) << "a Sunday";
  EXPECT_TRUE(fires("0 0 * * sun", 2026, 11, 22, 0, 0));
  EXPECT_TRUE(fires("0 0 * * MON-FRI", 2026, 11, 27, 0, 0));
  EXPECT_FALSE(fires("0 0 * * MON-FRI", 2026, 11, 28, 0, 0));
  EXPECT_TRUE(fires("0 0 * * L", 2026, 11, 28, 0, 0)) << "Saturday";
}

TEST(Cron, lastNearestAndNthDays) {
  EXPECT_TRUE(fires("0 0 L * *", 2024, 2, 29, 0, 0));
  EXPECT_FALSE(fires("0 0 L * *", 2024, 2, 28, 0, 0));
  EXPECT_TRUE(fires("0 0 L-3 * *", 2026, 11, 27, 0, 0));
  EXPECT_TRUE(fires("0 0 LW * *", 2026, 10, 30, 0, 0)) << "the 31st is a Saturday";
  EXPECT_TRUE(fires("0 0 1W * *", 2026, 8, 3, 0, 0)) << "the 1st is a Saturday; it does not leave the month";
  EXPECT_TRUE(fires("0 0 15W * *", 2026, 11, 16, 0, 0)) << "the 15th is a Sunday";
  EXPECT_TRUE(fires("0 0 * * 6L", 2026, 11, 27, 0, 0)) << "the last Friday";
  EXPECT_FALSE(fires("0 0 * * 6L", 2026, 11, 20, 0, 0));
  EXPECT_TRUE(fires("0 0 * * FRI#2", 2026, 11, 13, 0, 0));
  EXPECT_EQ(countIn("0 0 * * 6#5", 2026, 11), 0) << "no fifth Friday";
  EXPECT_EQ(countIn("0 0 31W * *", 2026, 11), 0) << "no 31st";
}

TEST(Cron, aDayThatFitsEitherFieldFits) {
  EXPECT_EQ(countIn("0 0 13 * FRI", 2026, 11), 4) << "four Fridays, one of them the 13th";
  EXPECT_EQ(countIn("0 0 13 * ?", 2026, 11), 1);
  EXPECT_EQ(countIn("0 0 ? * FRI", 2026, 11), 4);
}

TEST(Cron, refusesWhatCannotBeReadAndNamesTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "five fields"},
      {"* * * *", "five fields"},
      {"* * * * * *", "five fields"},
      {"60 * * * *", "'60' is no minute"},
      {"* 24 * * *", "hour"},
      {"* * 0 * *", "day of month"},
      {"* * 32 * *", "day of month"},
      {"* * * 13 *", "month"},
      {"* * * * 0", "day of week"},
      {"* * * * 8", "day of week"},
      {"5-1 * * * *", "'5-1'"},
      {"*/0 * * * *", "'*/0'"},
      {"1,,2 * * * *", "minute"},
      {"a * * * *", "minute"},
      {"-1 * * * *", "minute"},
      {"* * L-31 * *", "day of month"},
      {"* * * * 6#6", "day of week"},
      {"* * W * *", "day of month"},
      {"* * * FOO *", "month"},
      {"1/2/3 * * * *", "minute"},
      {"0 0 30 2 *", "'0 0 30 2 *' never fires: no month 2 has a day 30"},
      {"0 0 31 FEB,4,6,9,11 *", "never fires"},
  };
  int checked = 0;
  for (const auto& [text, says] : cases) {
    const auto cron = Cron::parse(text);
    ASSERT_FALSE(cron.ok()) << text;
    EXPECT_NE(cron.error().message.find(says), std::string::npos) << text << ": " << cron.error().message;
    ++checked;
  }
  EXPECT_EQ(checked, 22);
  for (const char* text : {"0 0 29 2 *", "0 0 30,28 2 *", "0 0 30 2 MON", "0 0 31 2,3 *", "0 0 31W 2 *"})
    EXPECT_TRUE(Cron::parse(text).ok()) << text;
  EXPECT_FALSE(Cron::parse(std::string(300, '*')).ok());
}

}  // namespace
}  // namespace weir::catalog
