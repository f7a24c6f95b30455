// weir: parses its command line, knows where it is installed, and runs the command.
#include <filesystem>

#include "cli/commands.h"

int main(int argc, char** argv) {
  using namespace weir::cli;
  Settings defaults;
  defaults.node = WEIR_NODE;
  defaults.engineDir = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "engine").string();
  const Parsed parsed = parseCommandLine(argc, argv, defaults);
  if (!parsed.run) return parsed.exitCode;
  const weir::base::SystemClock clock;
  switch (parsed.line.command) {
    case Command::kServe: return serve(parsed.line, defaults, clock);
    case Command::kDev: return dev(parsed.line, defaults, clock);
    case Command::kDoctor: return doctor(parsed.line, defaults);
    case Command::kProfile: return profile(parsed.line);
    case Command::kTrigger: return triggerCron(parsed.line, defaults, clock);
    case Command::kCatalog: return runCatalogCommand(parsed.line.catalog, clock);
  }
  return 2;
}
