// What happens between clone and exec of an engine. The parent is multi-threaded, so this code may only make
// raw system calls: no allocation, no lock, no C library state (not even setuid, which would look for threads
// that are gone). Everything it needs is laid out by the parent beforehand, in a plan of plain pointers.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/confinement.h"

namespace weir::sandbox {

// A file that the engine's root holds, read-only.
struct PlannedFile {
  const char* source;  // outside
  const char* target;  // inside, absolute
};

struct PlannedDescriptor {
  int from;
  int to;
};

struct PlannedLimit {
  int resource;
  rlimit value;
};

// The program to run, once for each of the two views of the file system.
struct PlannedProgram {
  const char* path;
  char* const* arguments;
  char* const* environment;
};

// Everything is borrowed, and outlives the clone.
struct ChildPlan {
  unsigned long namespaces;  // the CLONE_NEW… flags it was cloned with
  bool switchUser;           // become `uid`, `gid` (as seen inside) without further groups
  bool dropGroups;
  uid_t uid;
  gid_t gid;
  const char* hostName;

  std::span<const char* const> directories;  // inside, absolute, parents first
  std::span<const PlannedFile> files;
  std::span<const char* const> outsideOnly;  // readable under Landlock when there is no root of its own
  const char* emptyDirectory;                // inside: an empty mount for the lock-down to make its root
  PlannedProgram inside;
  PlannedProgram outside;

  std::span<const PlannedDescriptor> descriptors;
  std::span<const PlannedLimit> limits;
  int go;      // one byte arrives when the uid maps are written; end of stream means give up
  int report;  // ChildReport records; closed by exec
};

// One line of what the child says. `fatal`: it ends here. Otherwise `confinement` is active (error 0) or not.
enum class ChildStep : uint8_t {
  kNone,
  kDescriptors,
  kOpenFile,
  kSwitchUser,
  kReachFiles,
  kMakePrivate,
  kMountRoot,
  kMakeDirectory,
  kAttachFile,
  kEmptyDirectory,
  kPivotRoot,
  kHostName,
  kNoNewPrivileges,
  kLandlockRuleset,
  kLandlockRule,
  kLandlockRestrict,
  kCapabilities,
  kLimit,
  kExec,
};
struct ChildReport {
  uint8_t fatal;
  uint8_t confinement;
  ChildStep step;
  uint8_t index;  // of the file, limit … in the plan
  int32_t error;  // errno
};

// "attach file", for the reason of a confinement.
const char* childStepText(ChildStep step);

// Confines the calling process (the clone's only thread) and becomes the engine. Signals are blocked on
// entry.
[[noreturn]] void runChild(const ChildPlan& plan) noexcept;

}  // namespace weir::sandbox
