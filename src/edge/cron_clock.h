// CronClock: once a minute of UTC, everything that is scheduled for it.
//
// A minute is handled once, when it begins or as soon as the loop comes to it; minutes that were missed (the process
// slept, the clock was set forward) are left out, and a clock that is set back repeats none.
//
// Threads: its loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catalog/cron.h"
#include "net/loop.h"
#include "sandbox/runnable_version.h"

namespace weir::edge {

// Immutable once shared.
struct Schedule {
  std::shared_ptr<const sandbox::RunnableVersion> version;
  std::string text;  // as it was written; what the script is told
  catalog::Cron cron;
};

class CronClock {
 public:
  // `scheduledMs`: the minute, since 1970.
  using Run = std::function<void(const Schedule& schedule, double scheduledMs)>;

  CronClock(net::Loop& loop, Run run);

  // Replaces what is scheduled; null: nothing.
  void setSchedules(std::shared_ptr<const std::vector<Schedule>> schedules);

  // The crons of an account's script, as they were written.
  std::vector<std::string> cronsOf(std::string_view account, std::string_view script) const;

  // Handles the minute that `wallMs` (since 1970) is in, unless that has been done.
  void onTime(double wallMs);

 private:
  void arm();

  net::Loop& loop_;
  const Run run_;
  std::shared_ptr<const std::vector<Schedule>> schedules_;
  int64_t handled_;  // minutes since 1970; those up to here are done
  net::Timer timer_;
};

}  // namespace weir::edge
