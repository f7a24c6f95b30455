// Settings: everything of the platform that an operator can set, in one table: its key in weir.toml, its flag, its
// bounds and what it is for. A flag wins over weir.toml, which wins over the default.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "http/limits.h"
#include "sandbox/supervisor.h"

namespace weir::cli {

struct Settings {
  std::string edge = "127.0.0.1:8787";
  uint32_t loops = 0;  // 0: one per core
  std::string workersDomain = "workers.localhost";
  std::string errorDocsUrl;   // of the page on a code, "{code}" standing for it; empty: pages carry no link
  std::string outboundAllow;  // address ranges, separated by commas
  std::string outboundDeny;
  http::HttpLimits http;
  uint32_t drainMs = 10'000;
  std::string caFile;                      // empty: none beside the system's
  std::string control = "127.0.0.1:8788";  // empty: none
  bool controlAnyAddress = false;
  std::string data = "./data";
  std::string secretKeyCommand;  // empty: the file secret.key in `data`
  uint32_t auditDays = 400;
  uint32_t assetCacheMb = 128;
  bool catalog = true;   // false for `weir dev`, which has no accounts
  uint32_t engines = 0;  // 0: one per core
  uint32_t replicaQueueMs = 10;
  uint32_t engineMemoryMb = 1024;      // isolates are evicted above it
  uint32_t engineMemoryPercent = 200;  // of that: the process is killed above it
  bool requireSandbox = false;
  std::string node;       // host executable
  std::string engineDir;  // addon, launcher and base snapshot
  sandbox::SupervisorLimits supervision;
  std::string startFrom = "snapshot";  // what isolates start from at best: "source", "code-cache", "snapshot"
};

// What `weir dev` starts from: a directory of its own, so that it runs beside a platform that serves, and, the machine
// being the user's own as the script is, fetches of what runs there. `common` is what every command starts from.
Settings devDefaults(const Settings& common);

struct Setting {
  struct Text {
    std::string Settings::*member;
  };
  struct Switch {
    bool Settings::*member;
  };
  struct Number {
    int64_t min;
    int64_t max;
    int64_t (*get)(const Settings&);
    void (*set)(Settings&, int64_t);
  };
  const char* section;  // of weir.toml
  const char* key;
  const char* flag;  // with its dashes
  const char* help;
  std::variant<Text, Switch, Number> kind;
};

// In the order they are shown.
std::span<const Setting> settingsTable();

// One line about what is wrong with a number, or empty.
std::string problemWith(const Setting::Number& number, int64_t value);

}  // namespace weir::cli
