#include "cli/config.h"

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

base::Error at(const std::string& path, const toml::source_region& place, const std::string& key, const std::string& what) {
  return {path + ":" + std::to_string(place.begin.line) + ":" + std::to_string(place.begin.column) + ": " + key + ": " + what};
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
  for (auto entry = fs::recursive_directory_iterator(folder, error); !error && entry != fs::recursive_directory_iterator();
       entry.increment(error)) {
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
  return std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

std::string jsonOf(const toml::node& node) {
  std::ostringstream out;
  if (const auto* table = node.as_table()) out << toml::json_formatter(*table);
  else if (const auto* array = node.as_array()) out << toml::json_formatter(*array);
  else {
    toml::array one;
    one.push_back(node);
    out << toml::json_formatter(one);
    std::string text = out.str();
    const size_t open = text.find('[');
    return text.substr(open + 1, text.rfind(']') - open - 1);
  }
  return out.str();
}

}  // namespace

base::Result<Config> readConfig(const std::string& path) {
  std::string text;
  if (!readFile(path, text)) return base::Error{"cannot read " + path + ": name an existing file with --config"};
  const toml::parse_result parsed = [&] {
    try {
      return toml::parse(text, path);
    } catch (const toml::parse_error&) {
      return toml::table{};
    }
  }();
  try {
    (void)toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return at(path, error.source(), "syntax", std::string(error.description()));
  }
  Config config;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  for (const auto& [key, node] : parsed) {
    if (key != "script") return at(path, node.source(), std::string(key.str()), "unknown key; the known one is [[script]]");
  }
  const auto* list = parsed["script"].as_array();
  if (list == nullptr) return config;
  std::set<std::string> names;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string where = "script[" + std::to_string(i) + "]";
    const auto* table = list->get(i)->as_table();
    if (table == nullptr) return at(path, list->get(i)->source(), where, "must be a table: write [[script]]");
    ScriptConfig script;
    std::string main;
    for (const auto& [key, node] : *table) {
      const std::string name(key.str());
      const std::string full = where + "." + name;
      if (name == "name" || name == "main" || name == "compatibility_date") {
        const auto value = node.value<std::string>();
        if (!value || !node.is_string()) return at(path, node.source(), full, "must be a string");
        if (name == "main") main = *value;
        else if (name == "compatibility_date") script.compatibilityDate = *value;
        else if (!isScriptName(*value)) {
          return at(path, node.source(), full, "must start with a letter and hold only lower-case letters, digits and dashes");
        } else if (!names.insert(*value).second) {
          return at(path, node.source(), full, "another script has this name");
        } else script.name = *value;
      } else if (name == "compatibility_flags") {
        const auto* flags = node.as_array();
        if (flags == nullptr) return at(path, node.source(), full, "must be a list of strings");
        for (const auto& flag : *flags) {
          if (!flag.is_string()) return at(path, flag.source(), full, "must be a list of strings");
          if (!script.compatibilityFlags.empty()) script.compatibilityFlags += ',';
          script.compatibilityFlags += *flag.value<std::string>();
        }
      } else if (name == "vars") {
        if (!node.is_table()) return at(path, node.source(), full, "must be a table");
        script.env = jsonOf(node);
      } else if (name == "limits") {
        const auto* limits = node.as_table();
        if (limits == nullptr) return at(path, node.source(), full, "must be a table");
        for (const auto& [limit, value] : *limits) {
          const std::string limitName(limit.str());
          const auto number = value.value<int64_t>();
          const struct { const char* name; uint32_t* target; int64_t max; } known[] = {
              {"cpu_ms", &script.limits.cpuMs, 300'000}, {"startup_cpu_ms", &script.limits.startupCpuMs, 10'000},
              {"memory_mb", &script.limits.memoryMb, 4096}, {"subrequests", &script.limits.subrequests, 10'000'000},
              {"wait_until_ms", &script.limits.waitUntilMs, 900'000}};
          const auto* entry = std::find_if(std::begin(known), std::end(known), [&](const auto& k) { return limitName == k.name; });
          if (entry == std::end(known)) return at(path, value.source(), full + "." + limitName, "unknown key; known are cpu_ms, startup_cpu_ms, memory_mb, subrequests, wait_until_ms");
          if (!number || *number < 1 || *number > entry->max) {
            return at(path, value.source(), full + "." + limitName, "must be a whole number from 1 to " + std::to_string(entry->max));
          }
          *entry->target = static_cast<uint32_t>(*number);
        }
      } else {
        return at(path, node.source(), full, "unknown key; known are name, main, vars, limits, compatibility_date, compatibility_flags");
      }
    }
    if (script.name.empty()) return at(path, table->source(), where + ".name", "is missing");
    if (main.empty()) return at(path, table->source(), where + ".main", "is missing: name the main module's file");
    std::string problem;
    if (!collectModules(folder / main, script, problem)) return at(path, table->source(), where + ".main", problem);
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
