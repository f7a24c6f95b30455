// The command line: which command, with which settings. Parses and explains itself; runs nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/catalog_command.h"
#include "cli/settings.h"

namespace weir::cli {

enum class Command { kServe, kDev, kDoctor, kProfile, kTrigger, kCatalog };

struct ProfileWanted {
  std::string script;
  std::string data = Settings().data;
  std::string account;   // id; empty: whoever has one
  bool startup = false;  // the only one so far, and required
  std::string output;    // file; empty: SCRIPT-startup.cpuprofile; "-": standard output
};

struct CronWanted {
  std::string script;
  std::string cron;           // empty: the only one it has
  std::string account;        // name or id; empty: the first one
  bool controlGiven = false;  // else the address is in the data directory
  bool dataGiven = false;     // its token comes before that of the environment
};

struct CommandLine {
  Command command = Command::kServe;
  std::string config = "weir.toml";  // serve
  std::string file;                  // dev
  bool json = false;                 // doctor, trigger
  CronWanted trigger;
  ProfileWanted profile;
  CatalogCommand catalog;  // account, zone, route, domain, token, secret-key, audit, backup, restore
  // Applies what was given as flags, in order, over whatever is there.
  std::vector<std::function<void(Settings&)>> given;

  Settings over(Settings settings) const {
    for (const auto& apply : given) apply(settings);
    return settings;
  }
};

// What to do, or how to end: help and version were printed (0), or one line on standard error says what is wrong (2).
struct Parsed {
  bool run = false;
  int exitCode = 0;
  CommandLine line;
};
Parsed parseCommandLine(int argc, char** argv, const Settings& defaults);

}  // namespace weir::cli
