#include "cli/config.h"

#include "catalog/cron.h"
#include "catalog/plan.h"
#include "control/compatibility_flags.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace weir::cli {

namespace fs = std::filesystem;

namespace {

constexpr uintmax_t kFilesMax = 4096;

base::Error at(const std::string& path, const toml::source_region& place, const std::string& key,
               const std::string& what) {
  return {path + ":" + std::to_string(place.begin.line) + ":" + std::to_string(place.begin.column) + ": " + key + ": " +
          what};
}

bool readFile(const fs::path& path, std::string& out) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return false;
  out.assign((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return !in.bad();
}

bool typeOf(const fs::path& path, wire::ModuleType& type) {
  const std::string ending = path.extension().string();
  if (ending == ".js" || ending == ".mjs") type = wire::ModuleType::kEsModule;
  else if (ending == ".cjs") type = wire::ModuleType::kCommonJs;
  else if (ending == ".txt" || ending == ".html" || ending == ".sql") type = wire::ModuleType::kText;
  else if (ending == ".bin") type = wire::ModuleType::kData;
  else if (ending == ".json") type = wire::ModuleType::kJson;
  else if (ending == ".wasm") type = wire::ModuleType::kWasm;
  else return false;
  return true;
}

// A module that neither imports nor exports is a service worker.
bool looksLikeServiceWorker(const std::string& code) {
  return code.find("addEventListener(") != std::string::npos && code.find("export ") == std::string::npos &&
         code.find("export{") == std::string::npos;
}

bool collectModules(const fs::path& main, ScriptConfig& script, std::string& problem) {
  ModuleFile first;
  first.name = main.filename().string();
  if (!readFile(main, first.content)) {
    problem = "cannot read " + main.string();
    return false;
  }
  script.modules.push_back(std::move(first));
  const fs::path folder = main.has_parent_path() ? main.parent_path() : fs::path(".");
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->path().filename() == "node_modules" || entry->path().filename().string().starts_with('.')) {
      if (entry->is_directory()) entry.disable_recursion_pending();
      continue;
    }
    ModuleFile module;
    if (!entry->is_regular_file() || entry->path() == main || !typeOf(entry->path(), module.type)) continue;
    module.name = fs::relative(entry->path(), folder).generic_string();
    if (module.name == script.modules[0].name) continue;
    if (script.modules.size() >= kFilesMax) {
      problem = "the folder of the main module holds more than 4096 modules";
      return false;
    }
    if (!readFile(entry->path(), module.content)) {
      problem = "cannot read " + entry->path().string();
      return false;
    }
    script.modules.push_back(std::move(module));
  }
  if (looksLikeServiceWorker(script.modules[0].content)) script.syntax = wire::Syntax::kServiceWorker;
  return true;
}

bool isScriptName(const std::string& name) {
  if (name.empty() || name.size() > 63 || name[0] < 'a' || name[0] > 'z' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

std::string jsonOf(const toml::table& table) {
  std::ostringstream out;
  out << toml::json_formatter(table);
  return out.str();
}

struct LimitKey {
  const char* name;
  uint32_t wire::VersionLimits::*member;
};
constexpr LimitKey kLimitKeys[] = {{"cpu_ms", &wire::VersionLimits::cpuMs},
                                   {"startup_cpu_ms", &wire::VersionLimits::startupCpuMs},
                                   {"memory_mb", &wire::VersionLimits::memoryMb},
                                   {"subrequests", &wire::VersionLimits::subrequests},
                                   {"wait_until_ms", &wire::VersionLimits::waitUntilMs},
                                   {"scheduled_ms", &wire::VersionLimits::scheduledMs}};
constexpr int64_t kWaitUntilMsMax = 900'000;

struct Bounds {
  int64_t min;
  int64_t max;
};
// As for a plan, which has no limit only of waitUntil().
Bounds boundsOf(std::string_view limit) {
  const auto* field = catalog::findLimitField(limit);
  if (field == nullptr) return {1, kWaitUntilMsMax};
  return {static_cast<int64_t>(field->min), static_cast<int64_t>(field->max)};
}

// The words of a list, for an error: "a, b, c".
template <class Range, class Name>
std::string listOf(const Range& range, Name name) {
  std::string out;
  for (const auto& each : range) (out += out.empty() ? "" : ", ") += name(each);
  return out;
}

base::Status readLimits(const std::string& path, const toml::node& node, const std::string& where,
                        wire::VersionLimits& limits) {
  const auto* table = node.as_table();
  if (table == nullptr) return at(path, node.source(), where, "must be a table");
  for (const auto& [key, value] : *table) {
    const std::string name(key.str());
    const auto* known =
        std::find_if(std::begin(kLimitKeys), std::end(kLimitKeys), [&](const auto& k) { return name == k.name; });
    if (known == std::end(kLimitKeys)) {
      return at(path, key.source(), where + "." + name,
                "unknown key; known are " + listOf(kLimitKeys, [](const auto& k) { return k.name; }));
    }
    const auto number = value.value_exact<int64_t>();
    const auto [least, most] = boundsOf(name);
    if (!number || *number < least || *number > most) {
      return at(path, value.source(), where + "." + name,
                "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    limits.*known->member = static_cast<uint32_t>(*number);
  }
  return base::Nothing{};
}

base::Status readServices(const std::string& path, const toml::node& node, const std::string& where,
                          std::vector<ScriptConfig::Service>& services) {
  const auto* table = node.as_table();
  if (table == nullptr) return at(path, node.source(), where, "must be a table of NAME = \"script\"");
  for (const auto& [binding, target] : *table) {
    ScriptConfig::Service service;
    service.binding = std::string(binding.str());
    const std::string place = where + "." + service.binding;
    if (const auto* fields = target.as_table()) {
      for (const auto& [field, value] : *fields) {
        const std::string inside = place + "." + std::string(field.str());
        if (field == "props") {
          const auto* props = value.as_table();
          if (props == nullptr) return at(path, value.source(), inside, "must be a table");
          service.props = jsonOf(*props);
          if (service.props.size() > wire::Bounds::kTextBytesMax)
            return at(path, value.source(), inside, "must have at most 64 KiB");
          continue;
        }
        auto* out = field == "script" ? &service.script : field == "entrypoint" ? &service.entrypoint : nullptr;
        if (out == nullptr) return at(path, field.source(), place, "unknown key; known are script, entrypoint, props");
        if (!value.is_string()) return at(path, value.source(), inside, "must be a string");
        *out = *value.value<std::string>();
      }
    } else if (target.is_string()) {
      service.script = *target.value<std::string>();
    }
    if (!isScriptName(service.script)) {
      return at(path, target.source(), place,
                "must name a script: \"name\" or { script = \"name\", entrypoint = \"Name\", props = { … } }");
    }
    services.push_back(std::move(service));
  }
  return base::Nothing{};
}

base::Status readLimiters(const std::string& path, const toml::node& node, const std::string& where,
                          std::vector<ScriptConfig::Limiter>& limiters) {
  constexpr const char* kForm = "must be { namespace_id = \"1001\", limit = 100, period = 60 }";
  const auto* table = node.as_table();
  if (table == nullptr) return at(path, node.source(), where, "must be a table of NAME = { … }");
  for (const auto& [binding, given] : *table) {
    ScriptConfig::Limiter limiter;
    limiter.binding = std::string(binding.str());
    const std::string place = where + "." + limiter.binding;
    const auto* fields = given.as_table();
    if (fields == nullptr) return at(path, given.source(), place, kForm);
    for (const auto& [field, value] : *fields) {
      if (field != "namespace_id" && field != "limit" && field != "period")
        return at(path, field.source(), place, "unknown key; known are namespace_id, limit, period");
      const auto number = value.value_exact<int64_t>();
      if (field == "namespace_id") limiter.space = value.value_exact<std::string>().value_or("");
      if (field == "limit" && number && *number >= 1 && *number <= UINT32_MAX)
        limiter.limit = static_cast<uint32_t>(*number);
      if (field == "period" && number && *number >= 0 && wire::isRatePeriod(static_cast<uint64_t>(*number)))
        limiter.periodSeconds = static_cast<uint32_t>(*number);
    }
    if (limiter.space.empty()) return at(path, given.source(), place + ".namespace_id", "must be a string");
    if (limiter.limit == 0) return at(path, given.source(), place + ".limit", "must be a whole number from 1");
    if (limiter.periodSeconds == 0) return at(path, given.source(), place + ".period", "must be 10 or 60 (seconds)");
    limiters.push_back(std::move(limiter));
  }
  return base::Nothing{};
}

base::Status readSection(const std::string& path, const fs::path& folder, const std::string& section,
                         const toml::node& node, Settings& settings) {
  const auto* table = node.as_table();
  if (table == nullptr) return at(path, node.source(), section, "must be a table: write [" + section + "]");
  for (const auto& [key, value] : *table) {
    const std::string name(key.str());
    const std::string full = section + "." + name;
    const auto all = settingsTable();
    const auto setting =
        std::find_if(all.begin(), all.end(), [&](const Setting& s) { return section == s.section && name == s.key; });
    if (setting == all.end()) {
      std::string known;
      for (const Setting& s : all) {
        if (section == s.section) (known += known.empty() ? "" : ", ") += s.key;
      }
      return at(path, key.source(), full, "unknown key; known are " + known);
    }
    if (const auto* text = std::get_if<Setting::Text>(&setting->kind)) {
      const auto given = value.value_exact<std::string>();
      if (!given) return at(path, value.source(), full, "must be a string");
      const bool isPath =
          text->member == &Settings::data || text->member == &Settings::node || text->member == &Settings::engineDir;
      settings.*text->member = isPath && !given->empty() ? (folder / *given).lexically_normal().string() : *given;
    } else if (const auto* flag = std::get_if<Setting::Switch>(&setting->kind)) {
      const auto given = value.value_exact<bool>();
      if (!given) return at(path, value.source(), full, "must be true or false");
      settings.*flag->member = *given;
    } else {
      const auto& number = std::get<Setting::Number>(setting->kind);
      const auto given = value.value_exact<int64_t>();
      const std::string problem = given ? problemWith(number, *given) : "must be a whole number";
      if (!problem.empty()) return at(path, value.source(), full, problem);
      number.set(settings, *given);
    }
  }
  return base::Nothing{};
}

}  // namespace

base::Result<Config> readConfig(const std::string& path, const Settings& defaults) {
  std::string text;
  if (!readFile(path, text)) return base::Error{"cannot read " + path + ": name an existing file with --config"};
  toml::table parsed;
  try {
    parsed = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return at(path, error.source(), "syntax", std::string(error.description()));
  }
  Config config;
  config.settings = defaults;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  wire::VersionLimits limits;
  for (const auto& [key, node] : parsed) {
    const std::string name(key.str());
    if (name == "script") continue;
    const auto all = settingsTable();
    base::Status status = base::Nothing{};
    if (name == "limits") status = readLimits(path, node, name, limits);
    else if (std::any_of(all.begin(), all.end(), [&](const Setting& s) { return name == s.section; })) {
      status = readSection(path, folder, name, node, config.settings);
    } else {
      return at(path, key.source(), name,
                "unknown key; known are [[script]], [limits], [edge], [control], [data], [engines], [quarantine]");
    }
    if (!status.ok()) return status.error();
  }
  const auto* scriptNode = parsed.get("script");
  if (scriptNode == nullptr) return config;
  const auto* list = scriptNode->as_array();
  if (list == nullptr) return at(path, scriptNode->source(), "script", "must be a list of tables: write [[script]]");
  std::set<std::string> names;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string where = "script[" + std::to_string(i) + "]";
    const auto* table = list->get(i)->as_table();
    if (table == nullptr) return at(path, list->get(i)->source(), where, "must be a table: write [[script]]");
    ScriptConfig script;
    script.limits = limits;
    std::string main;
    toml::source_region mainAt = table->source();
    for (const auto& [key, node] : *table) {
      const std::string name(key.str());
      const std::string full = where + "." + name;
      if (name == "name" || name == "main" || name == "compatibility_date") {
        const auto value = node.value<std::string>();
        if (!value || !node.is_string()) return at(path, node.source(), full, "must be a string");
        if (name == "main") {
          main = *value;
          mainAt = node.source();
        } else if (name == "compatibility_date") {
          if (!control::isDate(*value)) return at(path, node.source(), full, "must be a date like \"2026-01-01\"");
          script.compatibilityDate = *value;
        } else if (!isScriptName(*value)) {
          return at(path, node.source(), full,
                    "must start with a letter and hold only lower-case letters, digits and dashes");
        } else if (!names.insert(*value).second) {
          return at(path, node.source(), full, "another script has this name");
        } else script.name = *value;
      } else if (name == "compatibility_flags") {
        const auto* flags = node.as_array();
        if (flags == nullptr) return at(path, node.source(), full, "must be a list of strings");
        std::vector<std::string> names;
        for (const auto& flag : *flags) {
          if (!flag.is_string()) return at(path, flag.source(), full, "must be a list of strings");
          names.push_back(*flag.value<std::string>());
        }
        for (const auto& flag : names)
          (script.compatibilityFlags += script.compatibilityFlags.empty() ? "" : ",") += flag;
        std::string problems = control::problemsWithFlags({names.begin(), names.end()});
        std::replace(problems.begin(), problems.end(), '\n', ';');
        if (!problems.empty()) return at(path, node.source(), full, problems);
      } else if (name == "vars") {
        const auto* vars = node.as_table();
        if (vars == nullptr) return at(path, node.source(), full, "must be a table");
        script.env = jsonOf(*vars);
      } else if (name == "crons") {
        const auto* crons = node.as_array();
        if (crons == nullptr)
          return at(path, node.source(), full, "must be a list of cron expressions, as in [\"*/5 * * * *\"]");
        for (const auto& cron : *crons) {
          const auto text = cron.value<std::string>();
          if (!cron.is_string())
            return at(path, cron.source(), full, "must be a list of cron expressions, as in [\"*/5 * * * *\"]");
          if (const auto parsed = catalog::Cron::parse(*text); !parsed.ok())
            return at(path, cron.source(), full, parsed.error().message);
          script.crons.push_back(*text);
        }
      } else if (name == "services") {
        if (auto status = readServices(path, node, full, script.services); !status.ok()) return status.error();
      } else if (name == "rate_limits") {
        if (auto status = readLimiters(path, node, full, script.limiters); !status.ok()) return status.error();
      } else if (name == "limits") {
        if (auto status = readLimits(path, node, full, script.limits); !status.ok()) return status.error();
      } else {
        return at(path, key.source(), full,
                  "unknown key; known are name, main, vars, services, rate_limits, crons, limits, compatibility_date, "
                  "compatibility_flags");
      }
    }
    if (script.name.empty()) return at(path, table->source(), where + ".name", "is missing");
    if (main.empty()) return at(path, table->source(), where + ".main", "is missing: name the main module's file");
    std::string problem;
    if (!collectModules(folder / main, script, problem)) return at(path, mainAt, where + ".main", problem);
    config.scripts.push_back(std::move(script));
  }
  return config;
}

base::Result<ScriptConfig> readSingleScript(const std::string& path) {
  ScriptConfig script;
  script.name = "dev";
  std::string problem;
  if (!collectModules(path, script, problem)) return base::Error{problem};
  return script;
}

}  // namespace weir::cli
