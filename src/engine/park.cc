#include "engine/park.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace weir::engine {

namespace {

constexpr size_t kSpotsMax = 1024;

struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool holds(uintptr_t address) const { return address >= begin && address < end; }
};

std::array<std::atomic<ParkSpot*>, kSpotsMax> spots;
Range libc;
Range addon;

int parkSignal() { return SIGRTMIN + 5; }

int ownThreadId() { return static_cast<int>(syscall(SYS_gettid)); }

// Async-signal-safe: a scan, no thread-local storage that might be allocated on first use.
ParkSpot* ownSpot() {
  const int self = ownThreadId();
  for (auto& entry : spots) {
    ParkSpot* spot = entry.load(std::memory_order_acquire);
    if (spot != nullptr && spot->threadId.load(std::memory_order_relaxed) == self) return spot;
  }
  return nullptr;
}

[[noreturn]] void stopForEver(ParkSpot& spot, ParkReason reason) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  spot.parked.store(reason, std::memory_order_release);
  constexpr timespec kLong{3600, 0};  // the sandbox has no pause(2)
  for (;;) nanosleep(&kLong, nullptr);
}

uintptr_t programCounter(void* context) {
  const auto* machine = &static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<uintptr_t>(machine->gregs[REG_RIP]);
#else
  return static_cast<uintptr_t>(machine->pc);
#endif
}

void onParkSignal(int, siginfo_t*, void* context) {
  ParkSpot* spot = ownSpot();
  if (spot == nullptr || !spot->requested.load(std::memory_order_relaxed)) return;
  const uintptr_t at = programCounter(context);
  if (libc.holds(at) || addon.holds(at)) return;
  stopForEver(*spot, ParkReason::kWatchdog);
}

void onFatalSignal(int signal, siginfo_t*, void*) {
  if (ParkSpot* spot = ownSpot()) stopForEver(*spot, ParkReason::kAbort);
  struct sigaction fallback{};
  fallback.sa_handler = SIG_DFL;
  sigaction(signal, &fallback, nullptr);
  raise(signal);
}

void findRanges() {
  Dl_info here{};
  Dl_info system{};
  dladdr(reinterpret_cast<void*>(&installParking), &here);
  dladdr(reinterpret_cast<void*>(&strlen), &system);
  struct Search {
    const void* libcBase;
    const void* addonBase;
  } search{system.dli_fbase, here.dli_fbase};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        const auto& wanted = *static_cast<Search*>(data);
        Range range{~uintptr_t{0}, 0};
        const void* first = nullptr;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD) continue;
          const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
          if (first == nullptr) first = reinterpret_cast<const void*>(begin & ~uintptr_t{4095});
          if ((header.p_flags & PF_X) == 0) continue;
          range.begin = std::min(range.begin, begin);
          range.end = std::max(range.end, begin + header.p_memsz);
        }
        if (first == wanted.libcBase) libc = range;
        if (first == wanted.addonBase) addon = range;
        return 0;
      },
      &search);
}

}  // namespace

void installParking() {
  findRanges();
  struct sigaction action{};
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  action.sa_sigaction = onParkSignal;
  sigaction(parkSignal(), &action, nullptr);
  action.sa_sigaction = onFatalSignal;
  for (const int signal : {SIGABRT, SIGTRAP, SIGILL}) sigaction(signal, &action, nullptr);
}

void registerParkSpot(ParkSpot& spot) {
  spot.threadId.store(ownThreadId(), std::memory_order_relaxed);
  for (auto& entry : spots) {
    ParkSpot* none = nullptr;
    if (entry.compare_exchange_strong(none, &spot)) return;
  }
}

void unregisterParkSpot(ParkSpot& spot) {
  for (auto& entry : spots) {
    ParkSpot* own = &spot;
    if (entry.compare_exchange_strong(own, nullptr)) return;
  }
}

void requestPark(ParkSpot& spot) {
  spot.requested.store(true, std::memory_order_release);
  syscall(SYS_tgkill, getpid(), spot.threadId.load(), parkSignal());
}

void parkHere(ParkReason reason) {
  if (ParkSpot* spot = ownSpot()) stopForEver(*spot, reason);
  constexpr timespec kLong{3600, 0};  // the sandbox has no pause(2)
  for (;;) nanosleep(&kLong, nullptr);
}

}  // namespace weir::engine
