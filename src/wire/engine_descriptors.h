// The descriptors an engine is born with, by number. 0 is /dev/null; 1 and 2 are the pipe `weir` reads its
// lines from.
#pragma once

namespace weir::wire {

inline constexpr int kControlDescriptor = 3;        // ControlSocket
inline constexpr int kSeccompFilterDescriptor = 4;  // memfd with the filter program; closed by the lock-down
inline constexpr int kFirstFreeDescriptor = 5;      // what the launch lists, numbered by the launch
inline constexpr int kEventRingDescriptor = 5;      // memfd of the event ring
inline constexpr int kEventWakeDescriptor = 6;      // eventfd the engine sleeps on
inline constexpr int kBaseSnapshotDescriptor = 7;   // sealed blob; closed by the lock-down
inline constexpr int kFirstLoopDescriptor = 8;      // per platform loop: memfd of its effect ring, its eventfd
constexpr int effectRingDescriptor(int loop) { return kFirstLoopDescriptor + 2 * loop; }
constexpr int effectWakeDescriptor(int loop) { return kFirstLoopDescriptor + 2 * loop + 1; }

inline constexpr int kDescriptorsMax = 64;  // numbers a launch may use are below this

}  // namespace weir::wire
