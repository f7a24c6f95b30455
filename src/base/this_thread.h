// The calling thread's name, and its place among the threads that want the same core.
#pragma once

namespace weir::base {

// What `top -H` and a profile show for it. At most 15 bytes count.
void nameThisThread(const char* name);

enum class ThreadClass {
  // Requests wait for it: it wants a core at once and seldom for long.
  kAnswers,
  // It works for somebody who can wait, such as who deploys: it does not take the core from a thread that answers, and
  // gives it up
  // to one. It never starves.
  kBackground,
};

// Of the calling thread, and of the threads and processes that it makes from now on. What the kernel refuses or does
// not know yet (slices count from Linux 6.12 on) stays as it is.
void setThisThreadClass(ThreadClass wanted);

}  // namespace weir::base
