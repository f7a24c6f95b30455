#include "base/this_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

namespace weir::base {
namespace {

cpu_set_t coresOfThisThread() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  EXPECT_EQ(::sched_getaffinity(0, sizeof cores, &cores), 0);
  return cores;
}

int niceOfThisThread() { return ::getpriority(PRIO_PROCESS, 0); }

TEST(ThisThread, nameIsCutToWhatTheKernelKeeps) {
  std::thread([] {
    nameThisThread("a name of more than fifteen bytes");
    char name[64] = {};
    ASSERT_EQ(::pthread_getname_np(::pthread_self(), name, sizeof(name)), 0);
    EXPECT_EQ(std::string(name), "a name of more ");
  }).join();
}

TEST(ThisThread, backgroundYieldsAndItsThreadsAndProcessesWithIt) {
  const int before = niceOfThisThread();
  std::thread([before] {
    workInBackground();
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
    EXPECT_EQ(niceOfThisThread(), std::max(before, 5));
    std::thread([] { EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH); }).join();
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::sched_getscheduler(0) == SCHED_BATCH ? 0 : 1);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }).join();
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
  EXPECT_EQ(niceOfThisThread(), before);
}

TEST(ThisThread, backgroundHasHalfOfTheCoresHoweverOftenItIsSaid) {
  const cpu_set_t before = coresOfThisThread();
  const auto expectHalf = [&] {
    const cpu_set_t cores = coresOfThisThread();
    EXPECT_EQ(CPU_COUNT(&cores), std::max(CPU_COUNT(&before) / 2, 1));
    cpu_set_t both;
    CPU_AND(&both, &before, &cores);
    EXPECT_TRUE(CPU_EQUAL(&both, &cores)) << "others than it had";
  };
  std::thread([&] {
    workInBackground();
    expectHalf();
    std::thread([&] {
      workInBackground();
      expectHalf();
    }).join();
  }).join();
  const cpu_set_t after = coresOfThisThread();
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

}  // namespace
}  // namespace weir::base
