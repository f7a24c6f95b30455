// What each command does once its command line and settings are known. Each returns the process's exit code: 0 all went
// well, 1 it ran and something is amiss, 2 it could not run, and one line on standard error says what to do.
#pragma once

#include <string>

#include "base/clock.h"
#include "cli/command_line.h"

namespace weir::cli {

int serve(const CommandLine& line, const Settings& defaults, const base::Clock& clock);
int dev(const CommandLine& line, const Settings& defaults, const base::Clock& clock);
int triggerCron(const CommandLine& line, const Settings& defaults, const base::Clock& clock);
int doctor(const CommandLine& line, const Settings& defaults);
int profile(const CommandLine& line);

// One line on standard error, whatever the message repeats of what was given; returns 2.
int fail(const std::string& message);

// Of start-up profiles (sandbox/profile_store.h), in a data directory.
std::string profilesDirectory(const std::string& data);

// SIGTERM and SIGINT as a descriptor, blocked in every thread that is started after this.
int stopDescriptor();

}  // namespace weir::cli
