// weir profile: what the platform has measured of a script, for developer tools.
#include <cstdio>
#include <fstream>

#include "cli/commands.h"
#include "sandbox/profile_store.h"

namespace weir::cli {

int profile(const CommandLine& line) {
  const auto& wanted = line.profile;
  const sandbox::ProfileStore store(profilesDirectory(wanted.data));
  std::string owner = wanted.account;
  if (owner.empty()) {
    const auto owners = store.ownersOf(wanted.script);
    if (owners.size() > 1) {
      std::string list;
      for (const auto& each : owners) (list += list.empty() ? "" : ", ") += each.empty() ? "no account" : each;
      return fail("scripts of several accounts are called " + wanted.script + ": say which with --account ID (" + list +
                  ")");
    }
    if (!owners.empty()) owner = owners[0];
  }
  const auto found = store.find(owner, wanted.script);
  if (!found) {
    std::fprintf(
        stderr,
        "weir: there is no start-up profile of %s in --data %s: one is kept when a start exceeds its CPU time\n",
        wanted.script.c_str(), wanted.data.c_str());
    return 1;
  }
  if (wanted.output == "-") {
    std::fwrite(found->data(), 1, found->size(), stdout);
    return 0;
  }
  const std::string path = wanted.output.empty() ? wanted.script + "-startup.cpuprofile" : wanted.output;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(found->data(), static_cast<std::streamsize>(found->size()));
  file.close();
  if (!file) return fail("cannot write " + path + ": name another file with --output");
  std::printf("%s\n", path.c_str());
  return 0;
}

}  // namespace weir::cli
