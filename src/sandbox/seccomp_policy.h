// The system calls an engine may make after its lock-down: an allow-list for code that is assumed to be
// compromised, as a BPF program that the engine installs on all its threads.
//
// Three answers: allowed; EPERM for what only an attacker would want (a test can tell it from "unknown");
// ENOSYS for all else, the answer libraries are written to live with. A call through another ABI (i386, x32)
// kills the process.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace weir::sandbox {

enum class SeccompArch : uint8_t { kX86_64, kAarch64 };

// The architecture this was compiled for.
SeccompArch nativeSeccompArch();

struct SeccompPolicy {
  SeccompArch arch = nativeSeccompArch();
  // The engine's own process id as it sees it: the only one it may send signals to. 1 in a pid namespace of
  // its own.
  pid_t ownPid = 1;
  // Whether that namespace exists: with it a thread may lower the priority of any thread it can name, without
  // it only its own.
  bool ownPidNamespace = true;
};

// The program: an array of struct sock_filter, 8 bytes each. Takes about a millisecond; a value, to be kept.
base::Result<std::vector<std::byte>> buildSeccompProgram(const SeccompPolicy& policy);

// The most instructions a program may have (the kernel's BPF_MAXINSNS).
inline constexpr size_t kSeccompInstructionsMax = 4096;

}  // namespace weir::sandbox
