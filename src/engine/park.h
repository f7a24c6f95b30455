// Parking: a thread that V8 does not give back is stopped for ever, wherever it is, and its isolate is abandoned. The rest
// of the process works on, because isolates share nothing that such a thread can hold: the signal is refused while the
// thread is inside libc (an allocator's lock) or this addon (a ring's lock), and is sent again a moment later.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>

namespace weir::engine {

enum class ParkReason : int { kNone = 0, kWatchdog, kOutOfMemory, kAbort };

// One per thread that runs turns. Lives for ever once a thread has parked in it.
struct ParkSpot {
  std::atomic<int> threadId{0};
  std::atomic<bool> requested{false};
  std::atomic<ParkReason> parked{ParkReason::kNone};
};

// Installs the handlers (park signal, SIGABRT, SIGTRAP, SIGILL) and learns where libc and this addon lie. Once, before
// threads that run turns start.
void installParking();

// Makes `spot` the calling thread's. Fatal signals on a thread without a spot keep their default effect.
void registerParkSpot(ParkSpot& spot);
void unregisterParkSpot(ParkSpot& spot);

// Asks the thread of `spot` to park as soon as it can be stopped safely. Call again until `parked` says so.
void requestPark(ParkSpot& spot);

// Stops the calling thread for ever. Never returns.
[[noreturn]] void parkHere(ParkReason reason);

}  // namespace weir::engine
