#include "engine/park.h"

#include <link.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace weir::engine {

namespace {

constexpr size_t kSpotsMax = 1024;
constexpr size_t kLibrariesMax = 64;

struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool holds(uintptr_t address) const { return address >= begin && address < end; }
};

std::array<std::atomic<ParkSpot*>, kSpotsMax> spots;
std::array<Range, kLibrariesMax> libraries;  // the code of everything loaded but the host executable
size_t libraryCount = 0;

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

void blockSignals() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
}

[[noreturn]] void stopForEver() {
  blockSignals();
  if (ParkSpot* spot = ownSpot()) spot->parked.store(ParkReason::kFatal, std::memory_order_release);
  constexpr timespec kLong{3600, 0};  // the sandbox has no pause(2)
  for (;;) nanosleep(&kLong, nullptr);
}

// The registers that V8 wants to say what its isolate does.
v8::RegisterState registersOf(void* context) {
  const auto* machine = &static_cast<ucontext_t*>(context)->uc_mcontext;
  v8::RegisterState registers;
#if defined(__x86_64__)
  registers.pc = reinterpret_cast<void*>(machine->gregs[REG_RIP]);
  registers.sp = reinterpret_cast<void*>(machine->gregs[REG_RSP]);
  registers.fp = reinterpret_cast<void*>(machine->gregs[REG_RBP]);
#else
  registers.pc = reinterpret_cast<void*>(machine->pc);
  registers.sp = reinterpret_cast<void*>(machine->sp);
  registers.fp = reinterpret_cast<void*>(machine->regs[29]);
  registers.lr = reinterpret_cast<void*>(machine->regs[30]);
#endif
  return registers;
}

bool collectsGarbage(v8::Isolate* isolate, const v8::RegisterState& registers) {
  v8::SampleInfo info{};
  void* frames[1];
  isolate->GetStackSample(registers, frames, 1, &info);  // made for signal handlers
  return info.vm_state == v8::StateTag::GC;
}

void onParkSignal(int, siginfo_t*, void* context) {
  ParkSpot* spot = ownSpot();
  if (spot == nullptr || spot->asked.load(std::memory_order_acquire) == 0) return;
  const v8::RegisterState registers = registersOf(context);
  const auto at = reinterpret_cast<uintptr_t>(registers.pc);
  for (size_t i = 0; i < libraryCount; ++i) {
    if (libraries[i].holds(at)) return;
  }
  v8::Isolate* isolate = spot->isolate.load(std::memory_order_relaxed);
  if (isolate == nullptr || collectsGarbage(isolate, registers)) return;
  blockSignals();  // the kernel restores them when the handler returns
  spot->parked.store(ParkReason::kAsked, std::memory_order_release);
  while (spot->asked.load(std::memory_order_acquire) != 0) {
    syscall(SYS_futex, &spot->asked, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
  }
  spot->parked.store(ParkReason::kNone, std::memory_order_release);
}

// V8 gives up on a whole process here; what it says goes out as one line, because a thread that parks writes no second.
void onFault(const char* file, int line, const char* message) {
  char text[512];
  const int size = std::snprintf(text, sizeof text, "V8 gave up a thread: %s (%s:%d)\n", message, file, line);
  if (::write(STDERR_FILENO, text, std::min<size_t>(static_cast<size_t>(std::max(size, 0)), sizeof text - 1)) < 0) {
  }
  if (ownSpot() != nullptr) stopForEver();
  std::abort();
}

void onFatalSignal(int signal, siginfo_t*, void*) {
  if (ownSpot() != nullptr) stopForEver();
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  sigaction(signal, &fallback, nullptr);
  raise(signal);
}

void findLibraries() {
  bool first = true;  // the executable itself
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        if (std::exchange(*static_cast<bool*>(data), false)) return 0;
        Range range{~uintptr_t{0}, 0};
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
          const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
          range.begin = std::min(range.begin, begin);
          range.end = std::max(range.end, begin + header.p_memsz);
        }
        if (libraryCount < kLibrariesMax) libraries[libraryCount++] = range;
        return 0;
      },
      &first);
}

}  // namespace

void installParking() {
  findLibraries();
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  action.sa_sigaction = onParkSignal;
  sigaction(parkSignal(), &action, nullptr);
  action.sa_sigaction = onFatalSignal;
  for (const int signal : {SIGABRT, SIGTRAP, SIGILL}) sigaction(signal, &action, nullptr);
  v8::V8::SetFatalErrorHandler(onFault);
}

bool registerParkSpot(ParkSpot& spot) {
  spot.threadId.store(ownThreadId(), std::memory_order_relaxed);
  for (auto& entry : spots) {
    ParkSpot* none = nullptr;
    if (entry.compare_exchange_strong(none, &spot)) return true;
  }
  return false;
}

void unregisterParkSpot(ParkSpot& spot) {
  for (auto& entry : spots) {
    ParkSpot* own = &spot;
    if (entry.compare_exchange_strong(own, nullptr)) return;
  }
}

void requestPark(ParkSpot& spot) {
  spot.asked.store(1, std::memory_order_release);
  syscall(SYS_tgkill, getpid(), spot.threadId.load(), parkSignal());
}

void unpark(ParkSpot& spot) {
  spot.asked.store(0, std::memory_order_release);
  syscall(SYS_futex, &spot.asked, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void parkOnFatalErrors(v8::Isolate* isolate) {
  isolate->SetOOMErrorHandler([](const char*, const v8::OOMDetails&) { stopForEver(); });
  isolate->SetFatalErrorHandler([](const char*, const char*) { stopForEver(); });
}

}  // namespace weir::engine
