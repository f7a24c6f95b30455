// Parking: a thread that V8 does not give back is stopped wherever it is, and its isolate is abandoned. The rest of the
// process works on, because isolates share next to nothing that such a thread can hold. What they do share:
//
// - locks of the C library, of this addon and of other libraries: the signal is refused while the thread is inside one;
// - locks of V8's collector: refused while the thread's isolate collects garbage;
// - short locks elsewhere in V8 and its host: nothing tells whether the thread holds one. So a parked thread can be
//   let on (unpark) when others turn out to wait for it, and parked again a moment later.
#pragma once

#include <signal.h>
#include <v8.h>

#include <atomic>
#include <cstdint>

namespace weir::engine {

enum class ParkReason : int {
  kNone = 0,
  kAsked,  // by the watchdog
  kFatal,  // V8 gave the thread up (out of memory, an impossible size), or it raised SIGABRT, SIGTRAP or SIGILL
};

// One per thread that runs turns.
struct ParkSpot {
  std::atomic<int> threadId{0};
  std::atomic<v8::Isolate*> isolate{nullptr};  // of the turn that runs
  std::atomic<uint32_t> asked{0};              // a futex: the thread waits here while it is 1
  std::atomic<ParkReason> parked{ParkReason::kNone};
};

// Installs the handlers (park signal, SIGABRT, SIGTRAP, SIGILL) and learns where the host executable lies. Once, before
// threads that run turns start.
void installParking();

// Makes `spot` the calling thread's. Fatal signals on a thread without a spot keep their default effect. False: there
// are too many threads.
bool registerParkSpot(ParkSpot& spot);
void unregisterParkSpot(ParkSpot& spot);

// Asks the thread of `spot` to park as soon as it can be stopped safely. Call again until `parked` says so.
void requestPark(ParkSpot& spot);

// Lets a thread that was parked by request go on where it stood.
void unpark(ParkSpot& spot);

// Makes V8 park the thread, for ever, instead of ending the process when the isolate has no memory left or when V8
// finds a fault of its own.
void parkOnFatalErrors(v8::Isolate* isolate);

}  // namespace weir::engine
