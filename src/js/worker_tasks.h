// V8's work beside the main thread, done by a thread of ours instead of the host's.
//
// A process that was copied has only the thread that made the copy. The host's workers are gone there, and what V8
// asks of them would never be done: hot functions would not be compiled. The host's platform object cannot be
// exchanged, so the few of its functions that hand work to its workers are led here.
#pragma once

#include <node.h>

namespace weir::js {

// From now on V8's work waits here. Once, before the process may no longer change its own memory's protection, while
// the host's workers have nothing to do. Delayed work, which is housekeeping, is dropped. False: this host's functions
// cannot be led here, and nothing has changed.
bool takeOverWorkerTasks(node::MultiIsolatePlatform& platform);

// Forgets what waits. For a process that is about to be copied: none of it may run in two.
void dropWorkerTasks();

// In the copy: what V8 asks for is done from now on, by a thread that is started when there is something to do.
void runWorkerTasks();

}  // namespace weir::js
