// Cron expressions of cron triggers: five fields in UTC, minute precision.
//
//   minute 0-59 · hour 0-23 · day of month 1-31 · month 1-12 or JAN-DEC · day of week 1-7 (1 is Sunday) or SUN-SAT
//
// Each is `*` or a list of values, ranges (`1-5`) and steps (`*/15`, `10-50/10`, `3/10`). Of the Quartz extensions the
// platform knows L (last day of the month; with `L-3` three days before), W (`15W`: the weekday nearest to the 15th, in
// the same month; `LW`) in the day of month, and L (`6L`: the last Friday) and # (`6#2`: the second Friday) in the day
// of week. Where both day fields are restricted a day that fits either fits, as in cron(8).
#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::catalog {

// A value.
class Cron {
 public:
  static constexpr size_t kTextBytesMax = 256;

  // Any case. The error says which field cannot be read, and why; or that no such day ever comes.
  static base::Result<Cron> parse(std::string_view text);

  // Whether it fires in this minute of UTC.
  bool matches(std::chrono::sys_time<std::chrono::minutes> when) const;

 private:
  struct DayRule {
    enum class Kind : uint8_t { kLast, kNearestWeekday, kLastWeekday, kLastOfWeekday, kNthOfWeekday } kind;
    uint8_t day = 0;     // of the month, or of the week (0 is Sunday)
    uint8_t offset = 0;  // days before the last, or which one of the month
  };

  bool matchesDay(std::chrono::sys_days day) const;
  bool hasADay() const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> daysOfMonth_;
  std::bitset<13> months_;
  std::bitset<7> daysOfWeek_;  // 0 is Sunday
  bool anyDayOfMonth_ = false;
  bool anyDayOfWeek_ = false;
  std::vector<DayRule> monthRules_;  // of the day-of-month field
  std::vector<DayRule> weekRules_;   // of the day-of-week field
};

}  // namespace weir::catalog
