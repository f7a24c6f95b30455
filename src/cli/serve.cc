#include <cstdio>

#include "cli/commands.h"
#include "cli/config.h"
#include "cli/platform.h"

namespace weir::cli {

int serve(const CommandLine& line, const Settings& defaults, const base::Clock& clock) {
  const auto config = readConfig(line.config, defaults);
  if (!config.ok()) return fail(config.error().message);
  const Settings settings = line.over(config->settings);
  const int stop = stopDescriptor();
  auto started = Platform::start(settings, clock);
  if (!started.ok()) return fail(started.error().message);
  Platform& platform = **started;
  if (const auto status = platform.setScripts(config->scripts, false); !status.ok())
    return fail(status.error().message);

  const std::string edge = platform.address();
  std::printf("weir %s on http://%s\n", WEIR_VERSION, edge.c_str());
  if (const std::string control = platform.controlAddress(); !control.empty()) {
    std::printf("  control: http://%s/health and /metrics\n", control.c_str());
    if (settings.catalog) {
      const std::string data = settings.data == defaults.data ? "" : " --data " + settings.data;
      std::printf("  deploy with: eval \"$(weir env%s)\" && npx wrangler deploy\n", data.c_str());
    }
  }
  std::printf("  confinement: %s\n", platform.engines()[0].confinements.summary().c_str());
  for (const auto& script : config->scripts) {
    std::printf("  http://%s.%s.%s%s/\n", script.name.c_str(), platform.subdomain().c_str(),
                settings.workersDomain.c_str(), edge.substr(edge.rfind(':')).c_str());
  }
  std::fflush(stdout);
  platform.run(stop);
  return 0;
}

}  // namespace weir::cli
