#include "sandbox/engine_child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "wire/engine_descriptors.h"

// <sys/mount.h> and <linux/mount.h> define the same names in some C libraries; these few are all that is
// needed.
#ifndef MS_RDONLY
#define MS_RDONLY 1
#define MS_NOSUID 2
#define MS_NODEV 4
#define MS_NOEXEC 8
#define MS_REMOUNT 32
#define MS_BIND 4096
#define MS_REC 16384
#define MS_PRIVATE (1 << 18)
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

namespace weir::sandbox {
namespace {

using wire::Confinement;

// Where the report goes while the plan's descriptors are being put in their places.
constexpr int kReportDescriptor = wire::kDescriptorsMax;
constexpr int kTemporaryDescriptors = 128;
constexpr size_t kFilesMax = 64;

int report(const ChildReport& line) {
  return static_cast<int>(::syscall(SYS_write, kReportDescriptor, &line, sizeof(line)));
}

void reportActive(Confinement confinement) {
  report(
      {.fatal = 0, .confinement = static_cast<uint8_t>(confinement), .step = ChildStep::kNone, .index = 0, .error = 0});
}

struct Failure {
  ChildStep step = ChildStep::kNone;
  uint8_t index = 0;
  int error = 0;  // 0: none
};

Failure failedAt(ChildStep step, size_t index = 0) { return {step, static_cast<uint8_t>(index), errno}; }

void reportOutcome(Confinement confinement, Failure failure) {
  report({.fatal = 0,
          .confinement = static_cast<uint8_t>(confinement),
          .step = failure.step,
          .index = failure.index,
          .error = failure.error});
}

[[noreturn]] void fail(Failure failure) {
  report({.fatal = 1, .confinement = 0, .step = failure.step, .index = failure.index, .error = failure.error});
  for (;;) ::syscall(SYS_exit_group, 127);
}

void closeFrom(unsigned first, unsigned last) {
  if (::syscall(SYS_close_range, first, last, 0) == 0) return;
  rlimit bound{};
  if (::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &bound) != 0) return;
  for (unsigned fd = first; fd <= last && fd < bound.rlim_cur; ++fd) ::syscall(SYS_close, fd);
}

// Puts every descriptor at its number and closes all others. Sources and targets may overlap, so each goes
// through a number above both.
Failure arrangeDescriptors(const ChildPlan& plan) {
  int moved[wire::kDescriptorsMax];
  for (size_t i = 0; i < plan.descriptors.size(); ++i) {
    moved[i] = static_cast<int>(::syscall(SYS_fcntl, plan.descriptors[i].from, F_DUPFD_CLOEXEC, kTemporaryDescriptors));
    if (moved[i] < 0) return failedAt(ChildStep::kDescriptors, i);
  }
  const auto reporting = static_cast<int>(::syscall(SYS_fcntl, plan.report, F_DUPFD_CLOEXEC, kTemporaryDescriptors));
  if (reporting < 0) return failedAt(ChildStep::kDescriptors);
  bool used[wire::kDescriptorsMax] = {};
  for (size_t i = 0; i < plan.descriptors.size(); ++i) {
    const int to = plan.descriptors[i].to;
    if (::syscall(SYS_dup3, moved[i], to, 0) < 0) return failedAt(ChildStep::kDescriptors, i);
    used[to] = true;
  }
  if (::syscall(SYS_dup3, reporting, kReportDescriptor, O_CLOEXEC) < 0) return failedAt(ChildStep::kDescriptors);
  for (int fd = 0; fd < wire::kDescriptorsMax; ++fd) {
    if (!used[fd]) ::syscall(SYS_close, fd);
  }
  closeFrom(kReportDescriptor + 1, ~0U);
  return {};
}

// Detached copies of the mounts of the plan's files. Opened before the change of user, who may not be able to
// reach them.
Failure cloneFiles(const ChildPlan& plan, int* clones) {
  for (size_t i = 0; i < plan.files.size(); ++i) {
    clones[i] =
        static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, plan.files[i].source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (clones[i] < 0) return failedAt(ChildStep::kOpenFile, i);
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (::syscall(SYS_mount_setattr, clones[i], "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
      return failedAt(ChildStep::kOpenFile, i);
    }
  }
  return {};
}

// Goes on after a failure, to give up at least the rest.
Failure switchUser(const ChildPlan& plan) {
  Failure failure;
  if (!plan.switchUser) return failure;
  if (plan.dropGroups && ::syscall(SYS_setgroups, 0, nullptr) != 0) failure = failedAt(ChildStep::kSwitchUser, 0);
  if (::syscall(SYS_setresgid, plan.gid, plan.gid, plan.gid) != 0) failure = failedAt(ChildStep::kSwitchUser, 1);
  if (::syscall(SYS_setresuid, plan.uid, plan.uid, plan.uid) != 0) failure = failedAt(ChildStep::kSwitchUser, 2);
  return failure;
}

// Whether the user to become can open the plan's files where they are. Without a root that holds them, a folder on the
// way that is closed to others (/root, say) would leave that user nothing to run.
Failure reachFiles(const ChildPlan& plan) {
  if (plan.dropGroups) ::syscall(SYS_setgroups, 0, nullptr);
  const long gid = ::syscall(SYS_setfsgid, plan.gid);
  const long uid = ::syscall(SYS_setfsuid, plan.uid);
  Failure failure;
  for (size_t i = 0; i < plan.files.size() && failure.error == 0; ++i) {
    const long file = ::syscall(SYS_openat, AT_FDCWD, plan.files[i].source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) failure = failedAt(ChildStep::kReachFiles, i);
    if (file >= 0) ::syscall(SYS_close, file);
  }
  ::syscall(SYS_setfsuid, uid);
  ::syscall(SYS_setfsgid, gid);
  return failure;
}

long mountCall(const char* source, const char* target, const char* type, unsigned long flags, const char* options) {
  return ::syscall(SYS_mount, source, target, type, flags, options);
}

// Paths inside are absolute; before the pivot they are relative to the new root, which is the working
// directory.
const char* relative(const char* path) { return path + 1; }

Failure buildRoot(const ChildPlan& plan, const int* clones) {
  constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV;
  for (size_t i = 0; i < plan.directories.size(); ++i) {
    if (::syscall(SYS_mkdirat, AT_FDCWD, relative(plan.directories[i]), 0755) != 0) {
      return failedAt(ChildStep::kMakeDirectory, i);
    }
  }
  for (size_t i = 0; i < plan.files.size(); ++i) {
    const char* target = relative(plan.files[i].target);
    const long point = ::syscall(SYS_openat, AT_FDCWD, target, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
    if (point < 0) return failedAt(ChildStep::kAttachFile, i);
    ::syscall(SYS_close, point);
    if (::syscall(SYS_move_mount, clones[i], "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
      return failedAt(ChildStep::kAttachFile, i);
    }
  }
  const char* empty = relative(plan.emptyDirectory);
  if (::syscall(SYS_mkdirat, AT_FDCWD, empty, 0555) != 0) return failedAt(ChildStep::kEmptyDirectory, 0);
  if (mountCall("empty", empty, "tmpfs", kPlain | MS_NOEXEC | MS_RDONLY, "size=4k,nr_inodes=1,mode=0555") != 0) {
    return failedAt(ChildStep::kEmptyDirectory, 1);
  }
  if (mountCall(nullptr, ".", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kPlain, nullptr) != 0) {
    return failedAt(ChildStep::kMountRoot, 1);
  }
  // With both names the same, the old root ends up on top of the new one, and "." is it.
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return failedAt(ChildStep::kPivotRoot, 0);
  if (::syscall(SYS_umount2, ".", MNT_DETACH) != 0) return failedAt(ChildStep::kPivotRoot, 1);
  if (::syscall(SYS_chdir, "/") != 0) return failedAt(ChildStep::kPivotRoot, 2);
  return {};
}

// A tmpfs with nothing but the plan's files as the root of this mount namespace. On failure the view is the
// old one.
Failure makeRoot(const ChildPlan& plan, const int* clones) {
  if (mountCall(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failedAt(ChildStep::kMakePrivate);
  // Any directory will do to put it on for the moment; which ones exist differs.
  const char* place = nullptr;
  for (const char* candidate : {"/tmp", "/proc", "/dev", "/run"}) {
    if (mountCall("root", candidate, "tmpfs", MS_NOSUID | MS_NODEV, "size=256k,nr_inodes=256,mode=0755") == 0) {
      place = candidate;
      break;
    }
  }
  if (place == nullptr) return failedAt(ChildStep::kMountRoot, 0);
  Failure failure;
  if (::syscall(SYS_chdir, place) != 0) {
    failure = failedAt(ChildStep::kMountRoot, 2);
  } else {
    failure = buildRoot(plan, clones);
  }
  if (failure.error != 0) {
    ::syscall(SYS_chdir, "/");
    ::syscall(SYS_umount2, place, MNT_DETACH);
  }
  return failure;
}

struct LandlockAttributes {
  uint64_t fileAccess;
  uint64_t netAccess;  // since version 4
  uint64_t scoped;     // since version 6
};

// Reading and running the plan's files, and nothing else: no write, no directory, no TCP, no signal or
// abstract socket to anybody outside.
Failure restrictFiles(const ChildPlan& plan, bool ownRoot) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return failedAt(ChildStep::kLandlockRuleset);
  LandlockAttributes attributes{};
  attributes.fileAccess = (1U << 13) - 1;
  if (version >= 2) attributes.fileAccess |= 1U << 13;  // move between directories
  if (version >= 3) attributes.fileAccess |= 1U << 14;  // truncate
  if (version >= 5) attributes.fileAccess |= 1U << 15;  // ioctl on devices
  if (version >= 4) attributes.netAccess = 3;           // bind and connect TCP
  if (version >= 6) attributes.scoped = 3;              // abstract sockets, signals
  const size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  const auto ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return failedAt(ChildStep::kLandlockRuleset);
  auto allow = [&](const char* path, size_t index) -> Failure {
    const auto file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC));
    if (file < 0) return failedAt(ChildStep::kLandlockRule, index);
    landlock_path_beneath_attr rule{};
    rule.allowed_access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
    rule.parent_fd = file;
    Failure failure;
    if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
      failure = failedAt(ChildStep::kLandlockRule, index);
    }
    ::syscall(SYS_close, file);
    return failure;
  };
  for (size_t i = 0; i < plan.files.size(); ++i) {
    const Failure failure = allow(ownRoot ? plan.files[i].target : plan.files[i].source, i);
    if (failure.error != 0) return failure;
  }
  if (!ownRoot) {
    for (const char* path : plan.outsideOnly) (void)allow(path, 0);  // may be absent
  }
  Failure failure;
  if (::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) failure = failedAt(ChildStep::kLandlockRestrict);
  ::syscall(SYS_close, ruleset);
  return failure;
}

// Keeps `kept` over the exec (as ambient capabilities, for the lock-down to use and drop), nothing beyond it.
Failure keepCapabilities(uint64_t kept) {
  // The bounding set may only shrink while CAP_SETPCAP is held; without it there is nothing to bound.
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if ((kept >> capability & 1) == 0 && ::syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  if (::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return failedAt(ChildStep::kCapabilities);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (int half = 0; half < 2; ++half) {
    data[half].effective = data[half].permitted = data[half].inheritable = static_cast<uint32_t>(kept >> (32 * half));
  }
  if (::syscall(SYS_capset, &header, data) != 0) return failedAt(ChildStep::kCapabilities, 1);
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if ((kept >> capability & 1) == 0) continue;
    if (::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) {
      return failedAt(ChildStep::kCapabilities, 2);
    }
  }
  return {};
}

Failure setLimits(const ChildPlan& plan) {
  Failure failure;
  for (size_t i = 0; i < plan.limits.size(); ++i) {
    rlimit value = plan.limits[i].value;
    rlimit current{};
    if (::syscall(SYS_prlimit64, 0, plan.limits[i].resource, nullptr, &current) != 0)
      return failedAt(ChildStep::kLimit, i);
    // What is already tighter stays.
    if (value.rlim_max > current.rlim_max) value.rlim_max = current.rlim_max;
    if (value.rlim_cur > value.rlim_max) value.rlim_cur = value.rlim_max;
    if (::syscall(SYS_prlimit64, 0, plan.limits[i].resource, &value, nullptr) != 0)
      failure = failedAt(ChildStep::kLimit, i);
  }
  return failure;
}

// The kernel's own layouts: the C library's sigaction hides two signals of its own.
void resetSignals() {
  struct KernelAction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    uint64_t mask;
  } standard{};
  for (int signal = 1; signal <= 64; ++signal)
    ::syscall(SYS_rt_sigaction, signal, &standard, nullptr, sizeof(uint64_t));
  const uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof(none));
}

}  // namespace

const char* childStepText(ChildStep step) {
  switch (step) {
    case ChildStep::kNone: return "nothing";
    case ChildStep::kDescriptors: return "arranging descriptors";
    case ChildStep::kOpenFile: return "open_tree of a file for its root";
    case ChildStep::kSwitchUser: return "becoming the unprivileged user";
    case ChildStep::kReachFiles: return "the unprivileged user cannot reach the engine's files";
    case ChildStep::kMakePrivate: return "making mounts private";
    case ChildStep::kMountRoot: return "mounting its root";
    case ChildStep::kMakeDirectory: return "making a directory in its root";
    case ChildStep::kAttachFile: return "attaching a file to its root";
    case ChildStep::kEmptyDirectory: return "mounting the empty directory";
    case ChildStep::kPivotRoot: return "pivot_root";
    case ChildStep::kHostName: return "sethostname";
    case ChildStep::kNoNewPrivileges: return "no_new_privs";
    case ChildStep::kLandlockRuleset: return "the kernel has no Landlock";
    case ChildStep::kLandlockRule: return "landlock_add_rule";
    case ChildStep::kLandlockRestrict: return "landlock_restrict_self";
    case ChildStep::kCapabilities: return "setting capabilities";
    case ChildStep::kLimit: return "setting a resource limit";
    case ChildStep::kExec: return "running node";
  }
  return "unknown step";
}

void runChild(const ChildPlan& plan) noexcept {
  char go = 0;
  if (::syscall(SYS_read, plan.go, &go, 1) != 1) {
    for (;;) ::syscall(SYS_exit_group, 127);
  }
  // The report has no place of its own before this, so a failure here can only be told by the exit.
  if (arrangeDescriptors(plan).error != 0 || plan.files.size() > kFilesMax) {
    for (;;) ::syscall(SYS_exit_group, 126);
  }

  // Mounts first: opening needs the old user, building the new root needs one that the user namespace knows.
  const bool mountNamespace = (plan.namespaces & CLONE_NEWNS) != 0;
  int clones[kFilesMax];
  Failure rootFailure;
  if (mountNamespace) rootFailure = cloneFiles(plan, clones);
  // With a user namespace the new user keeps the namespace's capabilities; without, the mounts come first, as
  // root.
  const bool userNamespace = (plan.namespaces & CLONE_NEWUSER) != 0;
  Failure userFailure;
  if (userNamespace) userFailure = switchUser(plan);
  if (mountNamespace && rootFailure.error == 0) rootFailure = makeRoot(plan, clones);
  const bool ownRoot = mountNamespace && rootFailure.error == 0;
  if (!userNamespace) {
    // A user without capabilities who may run the engine is better than one who may not.
    if (plan.switchUser && !ownRoot) userFailure = reachFiles(plan);
    if (userFailure.error == 0) userFailure = switchUser(plan);
  }
  if (userFailure.error != 0) reportOutcome(Confinement::kUnprivilegedUser, userFailure);
  if (mountNamespace) reportOutcome(Confinement::kMountNamespace, rootFailure);
  closeFrom(kReportDescriptor + 1, ~0U);

  if ((plan.namespaces & CLONE_NEWUTS) != 0) {
    size_t length = 0;
    while (plan.hostName[length] != '\0') ++length;
    ::syscall(SYS_sethostname, plan.hostName, length);  // a name left unchanged tells the machine's; no hole
  }

  if (::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(failedAt(ChildStep::kNoNewPrivileges));
  reportOutcome(Confinement::kLandlock, restrictFiles(plan, ownRoot));
  // What the lock-down needs to leave its root behind; in a user namespace of its own they reach nothing
  // else. It finds the threads to take them from by trying ids, hence the pid namespace.
  const bool lockDownNeeds = ownRoot && userNamespace && (plan.namespaces & CLONE_NEWPID) != 0;
  constexpr uint64_t kLockDown = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYS_CHROOT | 1ULL << CAP_SETPCAP;
  if (const Failure failure = keepCapabilities(lockDownNeeds ? kLockDown : 0); failure.error != 0) fail(failure);
  reportOutcome(Confinement::kResourceLimits, setLimits(plan));
  reportActive(Confinement::kNoNewPrivileges);

  ::syscall(SYS_setsid);
  ::syscall(SYS_umask, 077);
  resetSignals();
  // After the change of user, which would have cleared it. If the parent is gone already, its socket will
  // tell.
  ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  const PlannedProgram& program = ownRoot ? plan.inside : plan.outside;
  ::syscall(SYS_execve, program.path, program.arguments, program.environment);
  fail(failedAt(ChildStep::kExec));
}

}  // namespace weir::sandbox
