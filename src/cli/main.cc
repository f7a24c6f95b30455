// The command line: parses it, builds the platform, waits for signals.
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>

#include "cli/config.h"
#include "cli/platform.h"
#include "logs/pretty.h"

namespace {

using weir::cli::Platform;
using weir::cli::PlatformOptions;

int fail(const std::string& message) {
  std::fprintf(stderr, "weir: %s\n", message.c_str());
  return 2;
}

// SIGTERM and SIGINT as a descriptor, blocked in every thread that is started after this.
int stopDescriptor() {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &stops, SFD_CLOEXEC);
}

class TerminalSink final : public weir::observe::Sink {
 public:
  void invocationFinished(uint32_t, const weir::observe::InvocationFinished& fact) override {
    std::string text;
    weir::logs::PrettyOptions pretty;
    pretty.colours = isatty(1) != 0;
    weir::logs::appendPretty(text, fact, pretty);
    const std::lock_guard lock(mutex_);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

 private:
  std::mutex mutex_;
};

std::string exampleOf(const char* text) { return std::string("Example:\n  ") + text; }

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"weir: a multi-tenant JavaScript edge platform"};
  app.require_subcommand(1);
  app.set_version_flag("--version", WEIR_VERSION);
  PlatformOptions options;
  options.node = WEIR_NODE;
  options.engineDir = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "engine").string();
  std::string config = "weir.toml";
  std::string file;

  const auto common = [&](CLI::App* command) {
    command->add_option("--edge", options.edge, "Address requests come to")->capture_default_str();
    command->add_option("--data", options.data, "Directory for traces and state, made when missing")->capture_default_str();
    command->add_option("--engines", options.engines, "Engine processes; 0: one per core")->capture_default_str();
    command->add_option("--workers-domain", options.workersDomain, "Scripts answer at NAME.local.DOMAIN")->capture_default_str();
    command->add_flag("--require-sandbox", options.requireSandbox, "Refuse to start when a confinement is missing");
    command->add_option("--node", options.node, "Node executable that hosts engines");
  };
  auto* serve = app.add_subcommand("serve", "Run the scripts of weir.toml");
  common(serve);
  serve->add_option("--config", config, "The scripts to run")->capture_default_str();
  serve->footer(exampleOf("weir serve --edge 127.0.0.1:8787 --config weir.toml"));
  auto* dev = app.add_subcommand("dev", "Run one file on every host name; reload it on save; show logs and errors");
  common(dev);
  dev->add_option("FILE", file, "The main module")->required();
  dev->footer(exampleOf("weir dev examples/hello/index.js"));
  auto* doctor = app.add_subcommand("doctor", "Show what is installed and which confinements work here");
  common(doctor);
  doctor->footer(exampleOf("weir doctor"));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return fail(std::string(error.what()) + "; see weir --help");
  }

  std::vector<weir::cli::ScriptConfig> scripts;
  if (serve->parsed()) {
    auto read = weir::cli::readConfig(config);
    if (!read.ok()) return fail(read.error().message);
    scripts = std::move(read->scripts);
  } else if (dev->parsed()) {
    auto read = weir::cli::readSingleScript(file);
    if (!read.ok()) return fail(read.error().message);
    scripts.push_back(std::move(read).value());
  } else {
    options.edge = "127.0.0.1:0";
    options.engines = 1;
  }

  const int stop = stopDescriptor();
  TerminalSink terminal;
  if (dev->parsed()) options.extraSink = &terminal;
  const weir::base::SystemClock clock;
  auto started = Platform::start(options, clock);
  if (!started.ok()) return fail(started.error().message);
  Platform& platform = **started;
  const auto engine = platform.engines()[0];
  if (doctor->parsed()) {
    std::printf("node       %s\nV8         %s\nengine     %s\n\n%s", options.node.c_str(), engine.v8Version.c_str(),
                options.engineDir.c_str(), engine.confinements.table().c_str());
    std::fflush(stdout);
    _exit(engine.confinements.complete() ? 0 : 1);
  }
  const auto status = platform.setScripts(scripts, dev->parsed());
  if (!status.ok()) return fail(status.error().message);
  std::printf("weir %s on http://%s\n", WEIR_VERSION, platform.address().c_str());
  std::printf("  confinement: %s\n", engine.confinements.summary().c_str());
  const std::string port = platform.address().substr(platform.address().rfind(':'));
  for (const auto& script : scripts) {
    if (serve->parsed()) std::printf("  http://%s.local.%s%s/\n", script.name.c_str(), options.workersDomain.c_str(), port.c_str());
  }
  std::fflush(stdout);

  std::error_code ignored;
  auto saved = dev->parsed() ? std::filesystem::last_write_time(file, ignored) : std::filesystem::file_time_type{};
  weir::net::Timer reload(platform.loop().timers(), [&] {
    reload.arm(clock.now() + std::chrono::milliseconds(250));
    const auto now = std::filesystem::last_write_time(file, ignored);
    if (ignored || now == saved) return;
    saved = now;
    auto read = weir::cli::readSingleScript(file);
    if (!read.ok()) {
      std::fprintf(stderr, "weir: %s\n", read.error().message.c_str());
      return;
    }
    if (platform.setScripts({*read}, true).ok()) std::printf("reloaded %s\n", file.c_str());
    std::fflush(stdout);
  });
  if (dev->parsed()) reload.arm(clock.now());
  platform.run(stop);
  return 0;
}
