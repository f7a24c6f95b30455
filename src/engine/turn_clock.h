// The CPU time of a thread's turns, cheaply: reading a thread's CPU clock is a system call, so a short turn is charged
// its wall time (an upper bound of its CPU time) and only a longer one asks the kernel.
//
// A turn is one or several laps, each on the account of one invocation.
//
// Threads: the thread itself begins, charges, laps and ends; anybody may read while the thread lives.
#pragma once

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>

namespace weir::engine {

inline uint64_t readClock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

// Milliseconds since the epoch, to the microsecond: a script learns no more.
inline double wallMs() { return std::floor(static_cast<double>(readClock(CLOCK_REALTIME)) / 1e3) / 1e3; }

class TurnClock {
 public:
  static constexpr uint64_t kShortNs = 200'000;

  // On the thread itself, once.
  void attach() {
    pthread_getcpuclockid(pthread_self(), &cpuClock_);
    cpuBaseNs_ = readClock(cpuClock_);
  }

  void begin() {
    const uint64_t now = readClock(CLOCK_MONOTONIC);
    accountNs_.store(0, std::memory_order_relaxed);
    turnNs_.store(now, std::memory_order_relaxed);
    lapStartNs_.store(now, std::memory_order_release);
  }

  // This lap runs for an invocation that has used so much in earlier turns.
  void charge(uint64_t earlierNs) { accountNs_.store(earlierNs, std::memory_order_relaxed); }

  // What the lap used, in nanoseconds of CPU; begins the next, on nobody's account.
  uint64_t lapNs() {
    const uint64_t now = readClock(CLOCK_MONOTONIC);
    const uint64_t wall = now - lapStartNs_.load(std::memory_order_relaxed);
    uint64_t used = wall;
    if (wall < kShortNs) {
      sinceBaseNs_.fetch_add(wall, std::memory_order_relaxed);
    } else {
      const uint64_t cpu = readClock(cpuClock_);
      used = spent(cpu, wall);
      cpuBaseNs_.store(cpu, std::memory_order_relaxed);
      sinceBaseNs_.store(0, std::memory_order_relaxed);
    }
    accountNs_.store(0, std::memory_order_relaxed);
    lapStartNs_.store(std::max(now, lapStartNs_.load(std::memory_order_relaxed) + 1), std::memory_order_release);
    return used;
  }

  // CPU used by the lap that runs. Any thread.
  uint64_t usedNs(uint64_t nowNs) const { return look(nowNs).usedNs; }
  // Of the thread, ever.
  uint64_t cpuNs() const { return readClock(cpuClock_); }
  uint64_t startedNs() const { return turnNs_.load(std::memory_order_relaxed); }
  void end() { lapStartNs_.store(0, std::memory_order_release); }

  // What a look from any thread sees. Laps are told apart by `lap`; 0: no turn runs, or a lap ended during the look.
  struct Look {
    uint64_t lap = 0;
    uint64_t turnWallNs = 0;
    uint64_t usedNs = 0;     // CPU, by the lap
    uint64_t accountNs = 0;  // CPU, by the lap and its invocation's earlier turns
  };
  Look look(uint64_t nowNs) const {
    Look seen;
    seen.lap = lapStartNs_.load(std::memory_order_acquire);
    if (seen.lap == 0) return {};
    const uint64_t began = turnNs_.load(std::memory_order_relaxed);
    seen.turnWallNs = nowNs > began ? nowNs - began : 0;
    const uint64_t account = accountNs_.load(std::memory_order_relaxed);
    seen.usedNs = seen.turnWallNs < kShortNs ? 0 : spent(readClock(cpuClock_), nowNs > seen.lap ? nowNs - seen.lap : 0);
    seen.accountNs = account + seen.usedNs;
    std::atomic_thread_fence(std::memory_order_acquire);
    return lapStartNs_.load(std::memory_order_relaxed) == seen.lap ? seen : Look{};
  }

 private:
  uint64_t spent(uint64_t cpuNs, uint64_t wallNs) const {
    const uint64_t before = cpuBaseNs_.load(std::memory_order_relaxed) + sinceBaseNs_.load(std::memory_order_relaxed);
    return std::min(wallNs, cpuNs > before ? cpuNs - before : 0);
  }

  clockid_t cpuClock_ = CLOCK_MONOTONIC;
  std::atomic<uint64_t> turnNs_{0};      // when the turn began
  std::atomic<uint64_t> lapStartNs_{0};  // when the lap began; 0: no turn
  std::atomic<uint64_t> accountNs_{0};
  std::atomic<uint64_t> cpuBaseNs_{0};    // the thread's CPU clock when it was last read
  std::atomic<uint64_t> sinceBaseNs_{0};  // charged to short laps since
};

}  // namespace weir::engine
