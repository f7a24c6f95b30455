#include "cli/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/json_text.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/weir-config-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    write("index.js", "export default {}");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, std::string_view content) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  base::Result<Config> read(const std::string& toml) const {
    write("weir.toml", toml);
    return readConfig(file(), {});
  }
  // The error, without the path it begins with.
  std::string errorOf(const std::string& toml) const {
    const auto config = read(toml);
    if (config.ok()) return "(none)";
    EXPECT_EQ(config.error().message.find(file() + ":"), 0u) << config.error().message;
    EXPECT_EQ(config.error().message.find('\n'), std::string::npos) << config.error().message;
    return config.error().message.substr(file().size() + 1);
  }
  std::string file() const { return (folder_ / "weir.toml").string(); }

  fs::path folder_;
};

// A script that is right, behind which tests put what is wrong.
constexpr const char* kScript = "[[script]]\nname = \"a\"\nmain = \"index.js\"\n";

TEST_F(ConfigTest, aScriptHasItsDefaults) {
  const auto config = read(kScript);
  ASSERT_TRUE(config.ok()) << config.error().message;
  ASSERT_EQ(config->scripts.size(), 1u);
  const ScriptConfig& script = config->scripts[0];
  EXPECT_EQ(script.name, "a");
  EXPECT_EQ(script.syntax, wire::Syntax::kEsModules);
  EXPECT_EQ(script.env, "{}");
  EXPECT_EQ(script.limits, wire::VersionLimits{});
  ASSERT_EQ(script.modules.size(), 1u);
  EXPECT_EQ(script.modules[0].name, "index.js");
  EXPECT_EQ(script.modules[0].content, "export default {}");
}

TEST_F(ConfigTest, everythingOfAScriptIsRead) {
  const auto config = read(R"(
[limits]
memory_mb = 64
cpu_ms = 50

[[script]]
name = "all-of-it"
main = "index.js"
compatibility_date = "2025-05-05"
compatibility_flags = ["nodejs_compat", "url_original"]
vars = { TEXT = "t", NUMBER = 1, DEEP = { list = [1, "x", true], odd = nan, day = 2026-01-01 } }
services = { OTHER = "b", NAMED = { script = "c", entrypoint = "Api", props = { tier = "gold", n = 1 } } }
rate_limits = { LIMITER = { namespace_id = "1001", limit = 5, period = 10 } }
limits = { cpu_ms = 100, subrequests = 7, scheduled_ms = 60000 }
)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  const ScriptConfig& script = config->scripts.at(0);
  EXPECT_EQ(script.name, "all-of-it");
  EXPECT_EQ(script.compatibilityDate, "2025-05-05");
  EXPECT_EQ(script.compatibilityFlags, "nodejs_compat,url_original");
  EXPECT_TRUE(base::isJson(script.env, base::JsonKind::kObject)) << script.env;
  EXPECT_EQ(script.limits.cpuMs, 100u);    // its own
  EXPECT_EQ(script.limits.memoryMb, 64u);  // the file's
  EXPECT_EQ(script.limits.subrequests, 7u);
  EXPECT_EQ(script.limits.scheduledMs, 60'000u);
  ASSERT_EQ(script.services.size(), 2u);
  EXPECT_TRUE(base::isJson(script.services[0].props.empty() ? script.services[1].props : script.services[0].props,
                           base::JsonKind::kObject));
  ASSERT_EQ(script.limiters.size(), 1u);
  EXPECT_EQ(script.limiters[0].binding, "LIMITER");
  EXPECT_EQ(script.limiters[0].space, "1001");
  EXPECT_EQ(script.limiters[0].limit, 5u);
  EXPECT_EQ(script.limiters[0].periodSeconds, 10u);
}

TEST_F(ConfigTest, modulesBesideTheMainOneComeWithTheirTypes) {
  for (const char* name : {"lib/b.mjs", "page.html", "data.bin", "value.json", "code.wasm", "notes.txt"})
    write(name, "x");
  for (const char* name : {"node_modules/x/index.js", ".hidden/y.js", ".z.js", "README.md", "lib/image.png"})
    write(name, "x");
  const auto config = read(kScript);
  ASSERT_TRUE(config.ok());
  std::map<std::string, wire::ModuleType> found;
  for (const ModuleFile& module : config->scripts.at(0).modules) found[module.name] = module.type;
  const std::map<std::string, wire::ModuleType> expected = {
      {"index.js", wire::ModuleType::kEsModule}, {"lib/b.mjs", wire::ModuleType::kEsModule},
      {"page.html", wire::ModuleType::kText},    {"data.bin", wire::ModuleType::kData},
      {"value.json", wire::ModuleType::kJson},   {"code.wasm", wire::ModuleType::kWasm},
      {"notes.txt", wire::ModuleType::kText}};
  EXPECT_EQ(found, expected);
}

TEST_F(ConfigTest, aMainModuleThatListensAndExportsNothingIsAServiceWorker) {
  write("index.js", "addEventListener(\"fetch\", (e) => e.respondWith(new Response()));");
  EXPECT_EQ(read(kScript)->scripts.at(0).syntax, wire::Syntax::kServiceWorker);
  write("index.js", "addEventListener(\"x\", f); export default {}");
  EXPECT_EQ(read(kScript)->scripts.at(0).syntax, wire::Syntax::kEsModules);
}

TEST_F(ConfigTest, whatIsWrongIsNamedWithLineColumnAndKey) {
  const std::string script = kScript;
  const std::pair<std::string, std::string> cases[] = {
      {"x = ", "1:"},
      {"\n\nscript = 1\n", "3:10: script: must be a list of tables"},
      {"script = [1]\n", "1:11: script[0]: must be a table"},
      {"other = 1\n", "1:1: other: unknown key; known are [[script]]"},
      {"[[scripts]]\nname = \"a\"\n", "1:"},
      {"[[script]]\nmain = \"index.js\"\n", "1:1: script[0].name: is missing"},
      {"[[script]]\nname = \"a\"\n", "1:1: script[0].main: is missing"},
      {"[[script]]\nname = \"a\"\nmain = \"none.js\"\n", "3:8: script[0].main: cannot read "},
      {"[[script]]\nname = 1\n", "2:8: script[0].name: must be a string"},
      {"[[script]]\nname = \"A\"\n", "2:8: script[0].name: must start with a letter"},
      {"[[script]]\nname = \"\"\n", "2:8: script[0].name: must start with a letter"},
      {"[[script]]\nname = \"a-\"\n", "2:8: script[0].name: must start with a letter"},
      {"[[script]]\nname = \"" + std::string(64, 'a') + "\"\n", "2:8: script[0].name: must start with a letter"},
      {script + script, "5:8: script[1].name: another script has this name"},
      {script + "mian = \"x\"\n", "4:1: script[0].mian: unknown key; known are name, main"},
      {script + "compatibility_date = \"yesterday\"\n", "4:22: script[0].compatibility_date: must be a date"},
      {script + "compatibility_date = 2026-01-01\n", "4:22: script[0].compatibility_date: must be a string"},
      {script + "compatibility_flags = \"x\"\n", "4:23: script[0].compatibility_flags: must be a list of strings"},
      {script + "compatibility_flags = [\"x\", 1]\n", "4:29: script[0].compatibility_flags: must be a list of strings"},
      {script + "vars = 1\n", "4:8: script[0].vars: must be a table"},
      {script + "crons = \"* * * * *\"\n", "4:9: script[0].crons: must be a list of cron expressions"},
      {script + "crons = [1]\n", "4:10: script[0].crons: must be a list of cron expressions"},
      {script + "crons = [\"* * * * *\", \"61 * * * *\"]\n", "4:23: script[0].crons: "},
      {script + "services = \"b\"\n", "4:12: script[0].services: must be a table"},
      {script + "services = { B = 1 }\n", "4:18: script[0].services.B: must name a script"},
      {script + "services = { B = \"No Name\" }\n", "4:18: script[0].services.B: must name a script"},
      {script + "services = { B = { script = \"b\", x = 1 } }\n", "4:34: script[0].services.B: unknown key"},
      {script + "services = { B = { script = 1 } }\n", "4:29: script[0].services.B.script: must be a string"},
      {script + "services = { B = { script = \"b\", props = 1 } }\n",
       "4:42: script[0].services.B.props: must be a table"},
      {script + "rate_limits = 1\n", "4:15: script[0].rate_limits: must be a table"},
      {script + "rate_limits = { L = 1 }\n", "4:21: script[0].rate_limits.L: must be { namespace_id"},
      {script + "rate_limits = { L = { namespace_id = \"1\", limit = 0, period = 10 } }\n",
       "4:21: script[0].rate_limits.L.limit: must be a whole number from 1"},
      {script + "rate_limits = { L = { namespace_id = \"1\", limit = 1, period = 30 } }\n",
       "4:21: script[0].rate_limits.L.period: must be 10 or 60"},
      {script + "rate_limits = { L = { limit = 1, period = 60 } }\n",
       "4:21: script[0].rate_limits.L.namespace_id: must be a string"},
      {script + "rate_limits = { L = { x = 1 } }\n", "4:23: script[0].rate_limits.L: unknown key"},
      {script + "compatibility_flags = [\"nodejs_compat\", \"no_nodejs_compat\", \"x\"]\n",
       "4:23: script[0].compatibility_flags: Compatibility flags are mutually contradictory: nodejs_compat vs "
       "no_nodejs_compat;No such compatibility flag: x"},
      {script + "compatibility_date = \"2026-02-30\"\n", "4:22: script[0].compatibility_date: must be a date"},
      {script + "limits = 1\n", "4:10: script[0].limits: must be a table"},
      {script + "limits = { cpu = 1 }\n", "4:12: script[0].limits.cpu: unknown key; known are cpu_ms"},
      {script + "limits = { cpu_ms = 0 }\n", "4:21: script[0].limits.cpu_ms: must be a whole number from 1 to 300000"},
      {script + "limits = { cpu_ms = 1.5 }\n", "4:21: script[0].limits.cpu_ms: must be a whole number"},
      {script + "limits = { memory_mb = 99999 }\n",
       "4:24: script[0].limits.memory_mb: must be a whole number from 8 to 4096"},
      {"limits = 1\n", "1:10: limits: must be a table"},
      {"[limits]\nx = 1\n", "2:1: limits.x: unknown key"},
      {"edge = 1\n", "1:8: edge: must be a table: write [edge]"},
      {"[edge]\nx = 1\n", "2:1: edge.x: unknown key; known are address, loops"},
      {"[edge]\naddress = 1\n", "2:11: edge.address: must be a string"},
      {"[edge]\nloops = 17\n", "2:9: edge.loops: must be a whole number from 0 to 16"},
      {"[edge]\nloops = \"2\"\n", "2:9: edge.loops: must be a whole number"},
      {"[engines]\nrequire_sandbox = 1\n", "2:19: engines.require_sandbox: must be true or false"},
  };
  for (const auto& [toml, expected] : cases)
    EXPECT_EQ(errorOf(toml).find(expected), 0u) << toml << "\n=> " << errorOf(toml);
  EXPECT_EQ(std::size(cases), 50u);
}

TEST_F(ConfigTest, everySettingCanBeWrittenAndKeepsItsBounds) {
  size_t settings = 0;
  for (const Setting& setting : settingsTable()) {
    const auto line = [&](const std::string& value) {
      return "[" + std::string(setting.section) + "]\n" + setting.key + " = " + value + "\n";
    };
    const std::string place = "2:" + std::to_string(std::string_view(setting.key).size() + 4) + ": " + setting.section +
                              "." + setting.key + ": must be ";
    if (const auto* number = std::get_if<Setting::Number>(&setting.kind)) {
      for (const int64_t value : {number->min, number->max}) {
        const auto config = read(line(std::to_string(value)));
        ASSERT_TRUE(config.ok()) << config.error().message;
        EXPECT_EQ(number->get(config->settings), value) << setting.key;
      }
      EXPECT_EQ(errorOf(line(std::to_string(number->max + 1))).find(place), 0u) << setting.key;
      EXPECT_EQ(errorOf(line(std::to_string(number->min - 1))).find(place), 0u) << setting.key;
      EXPECT_EQ(problemWith(*number, number->get(Settings{})), "")
          << setting.key << ": its default is out of its bounds";
    } else if (const auto* text = std::get_if<Setting::Text>(&setting.kind)) {
      const auto config = read(line("\"/x\""));
      ASSERT_TRUE(config.ok()) << config.error().message;
      EXPECT_EQ(config->settings.*text->member, "/x") << setting.key;
      EXPECT_EQ(errorOf(line("1")).find(place), 0u) << setting.key;
    } else {
      const auto config = read(line("true"));
      ASSERT_TRUE(config.ok()) << config.error().message;
      EXPECT_TRUE(config->settings.*std::get<Setting::Switch>(setting.kind).member) << setting.key;
      EXPECT_EQ(errorOf(line("\"yes\"")).find(place), 0u) << setting.key;
    }
    ++settings;
  }
  EXPECT_GE(settings, 20u);
}

TEST_F(ConfigTest, pathsAreRelativeToTheFile) {
  const auto config = read("[data]\ndirectory = \"state\"\n");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->settings.data, (folder_ / "state").string());
}

TEST_F(ConfigTest, defaultsStayWhereTheFileIsSilent) {
  Settings defaults;
  defaults.workersDomain = "apps.example";
  write("weir.toml", "[edge]\nloops = 3\n");
  const auto config = readConfig(file(), defaults);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->settings.workersDomain, "apps.example");
  EXPECT_EQ(config->settings.loops, 3u);
  EXPECT_TRUE(config->scripts.empty());
}

TEST_F(ConfigTest, aFileThatIsNotThereIsNamedWithWhatToDo) {
  const auto config = readConfig((folder_ / "no.toml").string(), {});
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.error().message.find("no.toml: name an existing file with --config"), std::string::npos);
}

TEST_F(ConfigTest, oneFileAloneIsAScriptWithWhatStandsBesideIt) {
  write("value.json", "1");
  const auto script = readSingleScript((folder_ / "index.js").string());
  ASSERT_TRUE(script.ok());
  EXPECT_EQ(script->modules.size(), 2u);
  const auto missing = readSingleScript((folder_ / "no.js").string());
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("no.js"), std::string::npos);
}

}  // namespace
}  // namespace weir::cli
