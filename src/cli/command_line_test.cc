#include "cli/command_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir::cli {
namespace {

struct Outcome {
  Parsed parsed;
  std::string out;
  std::string errors;
};

Outcome parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "weir");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome{parseCommandLine(static_cast<int>(pointers.size()), pointers.data(), {}), {}, {}};
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.errors = testing::internal::GetCapturedStderr();
  return outcome;
}

TEST(CommandLine, devHasADirectoryOfItsOwnUnlessOneIsGiven) {
  const Settings dev = devDefaults({});
  EXPECT_NE(dev.data, Settings().data);
  EXPECT_FALSE(dev.catalog);
  EXPECT_NE(parse({"dev", "--help"}).out.find("=" + dev.data), std::string::npos);
  EXPECT_EQ(parse({"dev", "x.js", "--data", "elsewhere"}).parsed.line.over(dev).data, "elsewhere");
}

TEST(CommandLine, flagsWinOverWhatIsThere) {
  const auto outcome =
      parse({"serve", "--edge", "127.0.0.1:1", "--engines", "3", "--require-sandbox", "--config", "x.toml"});
  ASSERT_TRUE(outcome.parsed.run) << outcome.errors;
  EXPECT_EQ(outcome.parsed.line.command, Command::kServe);
  EXPECT_EQ(outcome.parsed.line.config, "x.toml");
  Settings fromFile;
  fromFile.edge = "0.0.0.0:80";
  fromFile.loops = 5;
  const Settings settings = outcome.parsed.line.over(fromFile);
  EXPECT_EQ(settings.edge, "127.0.0.1:1");
  EXPECT_EQ(settings.engines, 3u);
  EXPECT_TRUE(settings.requireSandbox);
  EXPECT_EQ(settings.loops, 5u);  // not given
}

TEST(CommandLine, otherCommandsTakeTheirArguments) {
  const auto dev = parse({"dev", "a.js", "--edge", "127.0.0.1:0"});
  ASSERT_TRUE(dev.parsed.run) << dev.errors;
  EXPECT_EQ(dev.parsed.line.command, Command::kDev);
  EXPECT_EQ(dev.parsed.line.file, "a.js");
  const auto doctor = parse({"doctor", "--json"});
  ASSERT_TRUE(doctor.parsed.run) << doctor.errors;
  EXPECT_EQ(doctor.parsed.line.command, Command::kDoctor);
  EXPECT_TRUE(doctor.parsed.line.json);
}

TEST(CommandLine, whatIsWrongIsOneLineThatSaysWhereToLook) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{}, "weir: "},
      {{"surve"}, "weir: "},
      {{"serve", "--edje", "x"}, "see weir serve --help"},
      {{"serve", "--edge"}, "see weir serve --help"},
      {{"serve", "--loops", "17"}, "--loops: must be a whole number from 0 to 16; see weir serve --help"},
      {{"serve", "--loops", "two"}, "see weir serve --help"},
      {{"serve", "extra"}, "see weir serve --help"},
      {{"dev"}, "see weir dev --help"},
      {{"doctor", "--engines", "2"}, "see weir doctor --help"},
  };
  for (const auto& [arguments, expected] : cases) {
    const auto outcome = parse(arguments);
    EXPECT_FALSE(outcome.parsed.run);
    EXPECT_EQ(outcome.parsed.exitCode, 2);
    EXPECT_NE(outcome.errors.find(expected), std::string::npos) << outcome.errors;
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(CommandLine, helpShowsEverySettingOfServeAndAnExample) {
  const auto outcome = parse({"serve", "--help"});
  EXPECT_FALSE(outcome.parsed.run);
  EXPECT_EQ(outcome.parsed.exitCode, 0);
  size_t shown = 0;
  for (const Setting& setting : settingsTable()) {
    EXPECT_NE(outcome.out.find(setting.flag), std::string::npos) << setting.flag;
    ++shown;
  }
  EXPECT_GE(shown, 20u);
  for (const char* command : {"serve", "dev", "doctor"}) {
    const auto help = parse({command, "--help"});
    EXPECT_EQ(help.parsed.exitCode, 0);
    EXPECT_NE(help.out.find("Example:\n  weir " + std::string(command)), std::string::npos) << help.out;
  }
  EXPECT_NE(parse({"--help"}).out.find("doctor"), std::string::npos);
  EXPECT_EQ(parse({"--version"}).parsed.exitCode, 0);
}

}  // namespace
}  // namespace weir::cli
