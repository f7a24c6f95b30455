#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "cli/commands.h"
#include "cli/config.h"
#include "cli/platform.h"
#include "logs/pretty.h"

namespace weir::cli {

namespace {

int utcOffsetSeconds() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  return localtime_r(&now, &local) != nullptr ? static_cast<int>(local.tm_gmtoff) : 0;
}

// Changes whenever a file beside the main module does, or comes or goes: any of them may be a module of it.
uint64_t stampOf(const std::filesystem::path& main) {
  namespace fs = std::filesystem;
  constexpr int kFilesMax = 10'000;
  uint64_t stamp = 0;
  int left = kFilesMax;
  std::error_code error;
  const fs::path folder = main.has_parent_path() ? main.parent_path() : fs::path(".");
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator() && left > 0; entry.increment(error), --left) {
    const std::string name = entry->path().filename().string();
    if (name == "node_modules" || name == "data" || name.starts_with('.')) {
      entry.disable_recursion_pending();
      continue;
    }
    std::error_code ignored;
    if (!entry->is_regular_file(ignored)) continue;
    const auto written = entry->last_write_time(ignored).time_since_epoch().count();
    stamp += std::hash<std::string>()(entry->path().string() + '\0' +
                                      std::to_string(written));  // a sum: the order is the system's
  }
  return stamp;
}

// Says when a version serves.
class News final : public observe::Sink {
 public:
  explicit News(std::string file) : file_(std::move(file)) {}
  void versionChecked(uint32_t, const observe::VersionChecked&) override {
    std::printf("%s %s\n", first_.exchange(false) ? "checked" : "reloaded", file_.c_str());
    std::fflush(stdout);
  }

 private:
  const std::string file_;
  std::atomic<bool> first_{true};
};

}  // namespace

int dev(const CommandLine& line, const Settings& defaults, const base::Clock& clock) {
  auto script = readSingleScript(line.file);
  if (!script.ok()) return fail(script.error().message);
  const int stop = stopDescriptor();
  logs::PrettyPrinter printer(1, std::getenv("NO_COLOR") == nullptr, utcOffsetSeconds());
  const Settings settings = line.over(devDefaults(defaults));
  News news(line.file);
  auto started = Platform::start(settings, clock, {&printer, &news}, true);
  if (!started.ok()) return fail(started.error().message);
  Platform& platform = **started;
  if (const auto status = platform.setScripts({*script}, true); !status.ok()) return fail(status.error().message);
  std::printf("weir %s on http://%s\n", WEIR_VERSION, platform.address().c_str());
  std::printf("  confinement: %s\n", platform.engines()[0].confinements.summary().c_str());
  std::fflush(stdout);

  uint64_t saved = stampOf(line.file);
  net::Timer reload(platform.loop().timers(), [&] {
    reload.arm(clock.now() + std::chrono::milliseconds(250));
    const uint64_t now = stampOf(line.file);
    if (now == saved) return;
    saved = now;
    auto read = readSingleScript(line.file);
    if (!read.ok()) {
      std::fprintf(stderr, "weir: %s\n", read.error().message.c_str());
      return;
    }
    if (const auto set = platform.setScripts({*read}, true); !set.ok())
      std::fprintf(stderr, "weir: %s\n", set.error().message.c_str());
  });
  reload.arm(clock.now());
  platform.run(stop);
  return 0;
}

}  // namespace weir::cli
