#include "catalog/cron.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string>

#include "catalog/error.h"

namespace weir::catalog {

namespace {

using namespace std::chrono;

constexpr size_t kItemsMax = 64;  // of one field
constexpr std::array kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array kWeekdays = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct Field {
  const char* name;
  int min;
  int max;
};
constexpr Field kMinute{"minute", 0, 59};
constexpr Field kHour{"hour", 0, 23};
constexpr Field kDayOfMonth{"day of month", 1, 31};
constexpr Field kMonth{"month", 1, 12};
constexpr Field kDayOfWeek{"day of week", 1, 7};

std::optional<int> numberOf(std::string_view text) {
  if (text.empty() || text.size() > 2) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<int> valueOf(std::string_view text, const Field& field) {
  int value = 0;
  const auto named = [&](const auto& names) {
    const auto at = std::find(names.begin(), names.end(), text);
    if (at == names.end()) return false;
    value = static_cast<int>(at - names.begin()) + 1;
    return true;
  };
  const bool isName = (&field == &kMonth && named(kMonths)) || (&field == &kDayOfWeek && named(kWeekdays));
  if (!isName) {
    const auto number = numberOf(text);
    if (!number) return std::nullopt;
    value = *number;
  }
  return value >= field.min && value <= field.max ? std::optional(value) : std::nullopt;
}

base::Error problem(const Field& field, std::string_view item) {
  return {"cron: '" + shown(item) + "' is no " + field.name + ": write * or values from " + std::to_string(field.min) +
          " to " + std::to_string(field.max) + ", as in 1,5-9,*/2"};
}

// One value, range or step into `set`; the offset is what a bit's number has less than its value.
template <size_t kSize>
bool addItem(std::string_view item, const Field& field, int offset, std::bitset<kSize>& set) {
  int step = 1;
  const size_t slash = item.find('/');
  const std::string_view range = item.substr(0, slash);
  if (slash != std::string_view::npos) {
    const auto given = numberOf(item.substr(slash + 1));
    if (!given || *given == 0) return false;
    step = *given;
  }
  int from = field.min;
  int to = field.max;
  if (range != "*") {
    const size_t dash = range.find('-');
    const auto first = valueOf(range.substr(0, dash), field);
    if (!first) return false;
    from = *first;
    if (dash != std::string_view::npos) {
      const auto last = valueOf(range.substr(dash + 1), field);
      if (!last || *last < from) return false;
      to = *last;
    } else if (slash == std::string_view::npos) {
      to = from;
    }
  }
  for (int value = from; value <= to; value += step) set.set(static_cast<size_t>(value - offset));
  return true;
}

// Calls `each` with every item of a list; false when one refuses or there are none, or too many.
template <class Each>
std::optional<std::string_view> firstBadItem(std::string_view list, Each&& each) {
  for (size_t count = 0;; ++count) {
    const size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    if (count == kItemsMax || item.empty() || !each(item)) return item;
    if (comma == std::string_view::npos) return std::nullopt;
    list.remove_prefix(comma + 1);
  }
}

unsigned lastDayOf(year_month month) { return static_cast<unsigned>((month / last).day()); }

// The Monday to Friday that is nearest to a day, without leaving its month.
unsigned nearestWeekday(year_month month, unsigned day) {
  const unsigned lastDay = lastDayOf(month);
  const unsigned dayOfWeek = weekday(sys_days(month / static_cast<int>(day))).c_encoding();
  if (dayOfWeek == 6) return day > 1 ? day - 1 : day + 2;
  if (dayOfWeek == 0) return day < lastDay ? day + 1 : day - 2;
  return day;
}

}  // namespace

base::Result<Cron> Cron::parse(std::string_view given) {
  if (given.size() > kTextBytesMax) return base::Error{"cron: the expression is longer than 256 characters"};
  std::string text(given);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::vector<std::string_view> fields;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t start = rest.find_first_not_of(" \t");
    if (start == std::string_view::npos) break;
    const size_t end = std::min(rest.find_first_of(" \t", start), rest.size());
    fields.push_back(rest.substr(start, end - start));
    rest.remove_prefix(end);
  }
  if (fields.size() != 5) {
    return base::Error{
        "cron: '" + shown(given) +
        "' has not five fields: write minute, hour, day of month, month and day of week, as in */5 * * * *"};
  }
  Cron cron;
  if (const auto bad = firstBadItem(fields[0], [&](auto item) { return addItem(item, kMinute, 0, cron.minutes_); }))
    return problem(kMinute, *bad);
  if (const auto bad = firstBadItem(fields[1], [&](auto item) { return addItem(item, kHour, 0, cron.hours_); }))
    return problem(kHour, *bad);
  if (const auto bad = firstBadItem(fields[3], [&](auto item) { return addItem(item, kMonth, 0, cron.months_); }))
    return problem(kMonth, *bad);

  const auto addDayOfMonth = [&](std::string_view item) {
    using Kind = DayRule::Kind;
    if (item == "L") {
      cron.monthRules_.push_back({Kind::kLast});
    } else if (item == "LW" || item == "WL") {
      cron.monthRules_.push_back({Kind::kLastWeekday});
    } else if (item.starts_with("L-")) {
      const auto offset = numberOf(item.substr(2));
      if (!offset || *offset > 30) return false;
      cron.monthRules_.push_back({Kind::kLast, 0, static_cast<uint8_t>(*offset)});
    } else if (item.ends_with('W')) {
      const auto day = valueOf(item.substr(0, item.size() - 1), kDayOfMonth);
      if (!day) return false;
      cron.monthRules_.push_back({Kind::kNearestWeekday, static_cast<uint8_t>(*day)});
    } else {
      return addItem(item, kDayOfMonth, 0, cron.daysOfMonth_);
    }
    return true;
  };
  cron.anyDayOfMonth_ = fields[2] == "*" || fields[2] == "?";
  if (!cron.anyDayOfMonth_) {
    if (const auto bad = firstBadItem(fields[2], addDayOfMonth)) return problem(kDayOfMonth, *bad);
  }

  const auto addDayOfWeek = [&](std::string_view item) {
    using Kind = DayRule::Kind;
    const size_t hash = item.find('#');
    if (item == "L") {
      cron.daysOfWeek_.set(6);  // the last day of the week
    } else if (hash != std::string_view::npos) {
      const auto day = valueOf(item.substr(0, hash), kDayOfWeek);
      const auto which = numberOf(item.substr(hash + 1));
      if (!day || !which || *which < 1 || *which > 5) return false;
      cron.weekRules_.push_back({Kind::kNthOfWeekday, static_cast<uint8_t>(*day - 1), static_cast<uint8_t>(*which)});
    } else if (item.size() > 1 && item.ends_with('L')) {
      const auto day = valueOf(item.substr(0, item.size() - 1), kDayOfWeek);
      if (!day) return false;
      cron.weekRules_.push_back({Kind::kLastOfWeekday, static_cast<uint8_t>(*day - 1)});
    } else {
      return addItem(item, kDayOfWeek, 1, cron.daysOfWeek_);
    }
    return true;
  };
  cron.anyDayOfWeek_ = fields[4] == "*" || fields[4] == "?";
  if (!cron.anyDayOfWeek_) {
    if (const auto bad = firstBadItem(fields[4], addDayOfWeek)) return problem(kDayOfWeek, *bad);
  }
  if (!cron.hasADay()) {
    return base::Error{"cron: '" + shown(given) + "' never fires: no month " + std::string(fields[3]) + " has a day " +
                       std::string(fields[2])};
  }
  return cron;
}

// Of the days that are named by their numbers alone.
bool Cron::hasADay() const {
  if (anyDayOfMonth_ || !anyDayOfWeek_ || !monthRules_.empty()) return true;
  for (unsigned each = 1; each <= 12; ++each) {
    const unsigned lastDay = lastDayOf(year(2024) / month(each));  // a leap year
    for (unsigned day = 1; months_.test(each) && day <= lastDay; ++day) {
      if (daysOfMonth_.test(day)) return true;
    }
  }
  return false;
}

bool Cron::matchesDay(sys_days day) const {
  if (anyDayOfMonth_ && anyDayOfWeek_) return true;
  const year_month_day date(day);
  const year_month month = date.year() / date.month();
  const auto dayOfMonth = static_cast<unsigned>(date.day());
  const unsigned dayOfWeek = weekday(day).c_encoding();
  const unsigned lastDay = lastDayOf(month);
  const auto fits = [&](const DayRule& rule) {
    switch (rule.kind) {
      case DayRule::Kind::kLast: return dayOfMonth + rule.offset == lastDay;
      case DayRule::Kind::kNearestWeekday: return rule.day <= lastDay && dayOfMonth == nearestWeekday(month, rule.day);
      case DayRule::Kind::kLastWeekday: return dayOfMonth == nearestWeekday(month, lastDay);
      case DayRule::Kind::kLastOfWeekday: return dayOfWeek == rule.day && dayOfMonth + 7 > lastDay;
      case DayRule::Kind::kNthOfWeekday: return dayOfWeek == rule.day && (dayOfMonth - 1) / 7 + 1 == rule.offset;
    }
    return false;
  };
  if (!anyDayOfMonth_ && (daysOfMonth_.test(dayOfMonth) || std::any_of(monthRules_.begin(), monthRules_.end(), fits)))
    return true;
  return !anyDayOfWeek_ && (daysOfWeek_.test(dayOfWeek) || std::any_of(weekRules_.begin(), weekRules_.end(), fits));
}

bool Cron::matches(sys_time<minutes> when) const {
  const auto day = floor<days>(when);
  const hh_mm_ss time(when - day);
  const year_month_day date(day);
  return minutes_.test(static_cast<size_t>(time.minutes().count())) &&
         hours_.test(static_cast<size_t>(time.hours().count())) && months_.test(static_cast<unsigned>(date.month())) &&
         matchesDay(day);
}

}  // namespace weir::catalog
