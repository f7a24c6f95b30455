// bench_background PROGRAM [ARGUMENT…]: runs a program as weir runs what only deploys wait for (docs/decisions/0037),
// so that a client that shares the machine takes no core from the server it asks. It is to be in a session of its own.
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/this_thread.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s PROGRAM [ARGUMENT...]\n", argv[0]);
    return 2;
  }
  constexpr int kLowest = 19;
  ::setpriority(PRIO_PROCESS, 0, kLowest);
  std::ofstream("/proc/self/autogroup") << kLowest;  // among sessions, where the kernel schedules by them
  weir::base::workInBackground();
  ::execvp(argv[1], argv + 1);
  std::fprintf(stderr, "%s: %s\n", argv[1], std::strerror(errno));
  return 1;
}
