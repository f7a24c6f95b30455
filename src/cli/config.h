// weir.toml: the scripts that `weir serve` runs, and its settings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/settings.h"
#include "wire/bundle.h"

namespace weir::cli {

struct ModuleFile {
  std::string name;  // relative to the main module's folder
  wire::ModuleType type = wire::ModuleType::kEsModule;
  std::string content;
};

struct ScriptConfig {
  std::string name;
  wire::Syntax syntax = wire::Syntax::kEsModules;
  std::string compatibilityDate = "2026-01-01";
  std::string compatibilityFlags;  // separated by commas
  std::string env = "{}";          // JSON
  struct Service {
    std::string binding;
    std::string script;
    std::string entrypoint;  // empty: the default export
    std::string props;       // JSON; empty: none
  };
  struct Limiter {
    std::string binding;
    std::string space;  // namespace_id
    uint32_t limit = 0;
    uint32_t periodSeconds = 0;
  };
  std::vector<Service> services;
  std::vector<Limiter> limiters;
  std::vector<std::string> crons;  // expressions that catalog::Cron reads
  wire::VersionLimits limits;
  std::vector<ModuleFile> modules;  // the first is the main module
};

struct Config {
  Settings settings;
  std::vector<ScriptConfig> scripts;
};

// Reads the file and every module it names; what it does not set is as in `defaults`. Paths in it are relative to its
// folder. An error names file, line, column and key.
base::Result<Config> readConfig(const std::string& path, const Settings& defaults);

// One script from one file: `weir dev FILE.js`. Its modules are the files with a known ending in the same folder and
// below, but for node_modules and what begins with a dot.
base::Result<ScriptConfig> readSingleScript(const std::string& path);

}  // namespace weir::cli
