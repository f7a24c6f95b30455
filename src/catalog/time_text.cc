#include "catalog/time_text.h"

#include <chrono>

namespace weir::catalog {

namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool atEnd() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // So many digits; -1 when there are fewer.
  int digits(size_t count) {
    if (rest_.size() < count) return -1;
    int number = 0;
    for (size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return -1;
      number = number * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return number;
  }
  // Milliseconds of a fraction of any length; -1 when there is no digit.
  int fraction() {
    int ms = 0;
    int weight = 100;
    size_t count = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; ++count) {
      ms += (rest_.front() - '0') * weight;
      weight /= 10;
      rest_.remove_prefix(1);
    }
    return count == 0 ? -1 : ms;
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::optional<UnixMs> parseTime(std::string_view text) {
  using namespace std::chrono;
  Reader reader(text);
  const int year = reader.digits(4);
  if (year < 1970 || !reader.take('-')) return std::nullopt;
  const int month = reader.digits(2);
  if (month < 0 || !reader.take('-')) return std::nullopt;
  const int day = reader.digits(2);
  if (day < 0) return std::nullopt;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  UnixMs ms = duration_cast<milliseconds>(sys_days(date).time_since_epoch()).count();
  if (reader.atEnd()) return ms;
  if (!reader.take('T') && !reader.take('t') && !reader.take(' ')) return std::nullopt;
  const int hour = reader.digits(2);
  if (hour < 0 || hour > 23 || !reader.take(':')) return std::nullopt;
  const int minute = reader.digits(2);
  if (minute < 0 || minute > 59 || !reader.take(':')) return std::nullopt;
  const int second = reader.digits(2);
  if (second < 0 || second > 60) return std::nullopt;  // 60 is a leap second's
  ms += ((hour * 60 + minute) * 60 + second) * UnixMs{1'000};
  if (reader.take('.')) {
    const int fraction = reader.fraction();
    if (fraction < 0) return std::nullopt;
    ms += fraction;
  }
  if (!reader.take('Z') && !reader.take('z')) {
    const bool ahead = reader.take('+');
    if (!ahead && !reader.take('-')) return std::nullopt;
    const int hours = reader.digits(2);
    if (hours < 0 || hours > 23 || !reader.take(':')) return std::nullopt;
    const int minutes = reader.digits(2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
    const UnixMs offset = (hours * 60 + minutes) * UnixMs{60'000};
    ms += ahead ? -offset : offset;
  }
  if (!reader.atEnd() || ms < 0) return std::nullopt;
  return ms;
}

}  // namespace weir::catalog
