#include "base/this_thread.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace weir::base {
namespace {

// The kernel's, of linux/sched/types.h, which clashes with the C library's own struct sched_param.
struct SchedAttr {
  uint32_t size = sizeof(SchedAttr);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t sliceNs = 0;  // for this policy: how long it runs before the next is looked for
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedAttr) == 48);

constexpr uint64_t kBackgroundSliceNs = 10'000'000;
constexpr int kBackgroundNice = 5;

// The last half of the cores that the process may use. Of its first thread: the calling one may have been here before.
void keepToBackgroundCores() {
  cpu_set_t cores;
  if (::sched_getaffinity(::getpid(), sizeof cores, &cores) != 0) return;
  int left = CPU_COUNT(&cores);
  const int kept = std::max(left / 2, 1);
  for (int core = 0; core < CPU_SETSIZE && left > kept; ++core) {
    if (!CPU_ISSET(core, &cores)) continue;
    CPU_CLR(core, &cores);
    --left;
  }
  (void)::sched_setaffinity(0, sizeof cores, &cores);
}

}  // namespace

void nameThisThread(const char* name) {
  constexpr size_t kMax = 15;
  ::pthread_setname_np(::pthread_self(), std::string(name).substr(0, kMax).c_str());
}

// A thread that wakes takes the core from one whose slice is longer, in whatever groups and sessions the two are.
void workInBackground() {
  SchedAttr attr;
  attr.policy = SCHED_BATCH;  // does not take the core when it wakes
  attr.nice = std::max(::getpriority(PRIO_PROCESS, 0), kBackgroundNice);
  attr.sliceNs = kBackgroundSliceNs;
  (void)::syscall(SYS_sched_setattr, 0, &attr, 0U);
  // What is in the kernel does not give the core up: there has to be another.
  keepToBackgroundCores();
}

}  // namespace weir::base
