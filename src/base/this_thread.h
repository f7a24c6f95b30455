// The calling thread's name, and its place among the threads that want the same core.
#pragma once

namespace weir::base {

// What `top -H` and a profile show for it. At most 15 bytes count.
void nameThisThread(const char* name);

// The calling thread, and the threads and processes that it makes from now on, work for somebody who can wait, such as
// who deploys: they do not take the core from a thread that requests wait for, and give it up to one. They use half of
// the cores that the process has (the last ones; at least one), and never starve. What the kernel refuses or does not
// know yet (slices count from Linux 6.12 on) stays as it is.
void workInBackground();

}  // namespace weir::base
