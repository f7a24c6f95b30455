#include "edge/cron_clock.h"

#include <cmath>

namespace weir::edge {

namespace {

constexpr double kMinuteMs = 60'000;

int64_t minuteOf(double wallMs) { return static_cast<int64_t>(std::floor(wallMs / kMinuteMs)); }

}  // namespace

CronClock::CronClock(net::Loop& loop, Run run)
    : loop_(loop), run_(std::move(run)), handled_(minuteOf(loop.clock().wallMs())), timer_(loop.timers(), [this] {
        onTime(loop_.clock().wallMs());
        arm();
      }) {}

void CronClock::setSchedules(std::shared_ptr<const std::vector<Schedule>> schedules) {
  schedules_ = std::move(schedules);
  if (!schedules_ || schedules_->empty()) return timer_.disarm();
  // What is new starts with the next minute.
  handled_ = std::max(handled_, minuteOf(loop_.clock().wallMs()));
  arm();
}

std::vector<std::string> CronClock::cronsOf(std::string_view account, std::string_view script) const {
  std::vector<std::string> texts;
  if (!schedules_) return texts;
  for (const Schedule& schedule : *schedules_) {
    const auto& version = *schedule.version;
    if (version.account == account && version.script == script) texts.push_back(schedule.text);
  }
  return texts;
}

void CronClock::arm() {
  const double now = loop_.clock().wallMs();
  const double wait = (static_cast<double>(minuteOf(now)) + 1) * kMinuteMs - now;
  timer_.arm(loop_.now() + std::chrono::milliseconds(static_cast<int64_t>(std::ceil(wait))));
}

void CronClock::onTime(double wallMs) {
  const int64_t minute = minuteOf(wallMs);
  if (minute <= handled_ || !schedules_) return;
  handled_ = minute;
  const auto schedules = schedules_;  // a run may replace them
  const std::chrono::sys_time<std::chrono::minutes> when{std::chrono::minutes(minute)};
  for (const Schedule& schedule : *schedules) {
    if (schedule.cron.matches(when)) run_(schedule, static_cast<double>(minute) * kMinuteMs);
  }
}

}  // namespace weir::edge
