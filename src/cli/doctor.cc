#include <cstdio>

#include "cli/commands.h"
#include "cli/platform.h"

namespace weir::cli {

int doctor(const CommandLine& line, const Settings& defaults) {
  Settings settings = line.over(defaults);
  settings.edge = "127.0.0.1:0";
  settings.engines = 1;
  const base::SystemClock clock;
  auto started = Platform::start(settings, clock);
  if (!started.ok()) return fail(started.error().message);
  const auto engine = (*started)->engines()[0];
  std::printf("node       %s\nV8         %s\nengine     %s\n\n%s", settings.node.c_str(), engine.v8Version.c_str(),
              settings.engineDir.c_str(), engine.confinements.table().c_str());
  std::fflush(stdout);
  std::_Exit(engine.confinements.complete() ? 0 : 1);
}

}  // namespace weir::cli
