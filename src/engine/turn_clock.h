// The CPU time of a thread's turns, cheaply: reading a thread's CPU clock is a system call, so a short turn is charged its
// wall time (an upper bound of its CPU time) and only a longer one asks the kernel.
//
// Threads: begin and lap belong to the thread; usedNs may be asked by the watchdog while a turn runs.
#pragma once

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weir::engine {

inline uint64_t readClock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

class TurnClock {
 public:
  static constexpr uint64_t kShortNs = 200'000;

  // On the thread itself, once.
  void attach() {
    pthread_getcpuclockid(pthread_self(), &cpuClock_);
    cpuBaseNs_ = readClock(cpuClock_);
  }

  void begin() { startNs_.store(readClock(CLOCK_MONOTONIC), std::memory_order_release); }

  // What was used since begin or the last lap, in nanoseconds of CPU; starts the next lap.
  uint64_t lapNs() {
    const uint64_t now = readClock(CLOCK_MONOTONIC);
    const uint64_t wall = now - startNs_.load(std::memory_order_relaxed);
    startNs_.store(now, std::memory_order_release);
    if (wall < kShortNs) {
      sinceBaseNs_.fetch_add(wall, std::memory_order_relaxed);
      return wall;
    }
    const uint64_t cpu = readClock(cpuClock_);
    const uint64_t used = spent(cpu, wall);
    cpuBaseNs_.store(cpu, std::memory_order_relaxed);
    sinceBaseNs_.store(0, std::memory_order_relaxed);
    return used;
  }

  uint64_t startedNs() const { return startNs_.load(std::memory_order_relaxed); }
  void end() { startNs_.store(0, std::memory_order_release); }

  // Wall time of the running lap; 0: no turn. Any thread.
  uint64_t wallNs(uint64_t nowNs) const {
    const uint64_t start = startNs_.load(std::memory_order_acquire);
    return start == 0 || nowNs < start ? 0 : nowNs - start;
  }
  // CPU time of the running lap so far. Any thread, while the thread lives.
  uint64_t usedNs(uint64_t nowNs) const { return spent(readClock(cpuClock_), wallNs(nowNs)); }

 private:
  uint64_t spent(uint64_t cpuNs, uint64_t wallNs) const {
    const uint64_t before = cpuBaseNs_.load(std::memory_order_relaxed) + sinceBaseNs_.load(std::memory_order_relaxed);
    return std::min(wallNs, cpuNs > before ? cpuNs - before : 0);
  }

  clockid_t cpuClock_ = CLOCK_MONOTONIC;
  std::atomic<uint64_t> startNs_{0};
  std::atomic<uint64_t> cpuBaseNs_{0};    // the thread's CPU clock when it was last read
  std::atomic<uint64_t> sinceBaseNs_{0};  // charged to short turns since
};

}  // namespace weir::engine
