#include "cli/commands.h"

#include <signal.h>
#include <sys/signalfd.h>

#include <cstdio>

namespace weir::cli {

std::string oneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

int fail(const std::string& message) {
  std::fprintf(stderr, "weir: %s\n", oneLine(message).c_str());
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
