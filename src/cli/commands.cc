#include "cli/commands.h"

#include <signal.h>
#include <sys/signalfd.h>

#include <cstdio>

#include "base/text.h"

namespace weir::cli {

int fail(const std::string& message) {
  std::fprintf(stderr, "weir: %s\n", base::withoutControls(message).c_str());
  return 2;
}

std::string profilesDirectory(const std::string& data) { return data + "/profiles"; }

int stopDescriptor() {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &stops, SFD_CLOEXEC);
}

}  // namespace weir::cli
