// The last thing an engine does before the first tenant byte: gives up everything it still has. The parent
// has made the namespaces, its root and its limits before it became Node; what needs the loaded addon, or all
// threads, happens here.
//
// Plain Linux: no V8, no Node, no libseccomp.
#pragma once

#include <span>

#include "wire/confinement.h"
#include "wire/engine_descriptors.h"

namespace weir::engine {

struct LockDownRequest {
  // The filter program, a sealed memfd from the parent. Closed by the lock-down.
  int seccompFilter = wire::kSeccompFilterDescriptor;
  // What stays open beyond 0, 1, 2 and the control socket: the rings' descriptors. Everything else is closed
  // but event and epoll descriptors, which lead nowhere and which the Node platform's timer thread sleeps on.
  std::span<const int> keep;
  const char* emptyDirectory = "/empty";  // the empty mount that becomes the root
};

// Call once, on the main thread, after every file is loaded; threads that exist already are locked down with
// it, later ones inherit. Each confinement is tried after it was made, and reported with the reason if it
// does not hold: send the result to the parent before anything else. Only the engine's half is reported
// (wire/confinement.h). Takes about a millisecond.
wire::Confinements lockDown(const LockDownRequest& request);

// The same in two parts, for a process that is copied in between (nursery.h): the files, which a copy does not get
// back; and in the copy, which has one thread yet and a pid namespace of its own, what is its own to give up. The copy
// reports all of it.
wire::Confinements giveUpFiles(const LockDownRequest& request);
wire::Confinements lockDownCopy(const LockDownRequest& request);

}  // namespace weir::engine
