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
  uint64_t sliceNs = 0;  // for the two policies used here: how long it runs before the next is looked for
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedAttr) == 48);

constexpr uint64_t kAnswerSliceNs = 100'000;  // the least that the kernel takes
constexpr uint64_t kBackgroundSliceNs = 10'000'000;
constexpr int kBackgroundNice = 5;

}  // namespace

void nameThisThread(const char* name) {
  constexpr size_t kMax = 15;
  ::pthread_setname_np(::pthread_self(), std::string(name).substr(0, kMax).c_str());
}

void setThisThreadClass(ThreadClass wanted) {
  SchedAttr attr;
  attr.nice = ::getpriority(PRIO_PROCESS, 0);
  // A thread that wakes takes the core from one whose slice is longer, wherever in the tree of groups and sessions the
  // two are.
  if (wanted == ThreadClass::kAnswers) {
    attr.policy = SCHED_OTHER;
    attr.sliceNs = kAnswerSliceNs;
  } else {
    attr.policy = SCHED_BATCH;  // does not take the core when it wakes
    attr.nice = std::max(attr.nice, kBackgroundNice);
    attr.sliceNs = kBackgroundSliceNs;
  }
  (void)::syscall(SYS_sched_setattr, 0, &attr, 0U);
}

}  // namespace weir::base
