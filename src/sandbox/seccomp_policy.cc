#include "sandbox/seccomp_policy.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string>

#include "wire/descriptor.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace weir::sandbox {
namespace {

// What glibc and musl pass for a thread; the compiled flags of both are the same but for CLONE_DETACHED,
// which the kernel ignores. Equality, not "at least": no namespace, no ptrace and no pidfd flag may ride
// along.
constexpr uint64_t kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                                  CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
constexpr uint64_t kDetached = 0x00400000;

constexpr const char* kAllowed[] = {
    // Descriptors it already has.
    "read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "close", "lseek", "fstat",
    "ftruncate",
    // The control socket. No socket can be made, named or connected.
    "sendmsg", "recvmsg",
    // Waiting.
    "eventfd2", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "poll", "ppoll", "select", "pselect6",
    "futex", "futex_waitv", "nanosleep", "clock_nanosleep", "restart_syscall", "sched_yield",
    // Memory.
    "brk", "munmap", "mremap", "madvise", "mprotect", "pkey_mprotect", "pkey_alloc", "pkey_free", "membarrier",
    // Time and randomness.
    "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrandom",
    // Reading about itself.
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrusage", "getrlimit", "sysinfo",
    "uname", "getcpu", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "getpriority",
    // Threads and signals of its own.
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend",
    "sigaltstack", "set_robust_list", "set_tid_address", "rseq", "exit", "exit_group"};

constexpr const char* kRefused[] = {
    // Other processes.
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
    "process_mrelease", "kcmp", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kill", "tkill", "rt_sigqueueinfo",
    "wait4", "waitid", "setns", "unshare",
    // Network.
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "recvfrom", "sendmmsg",
    "recvmmsg",
    // Files.
    "open", "openat", "openat2", "creat", "open_by_handle_at", "name_to_handle_at", "stat", "lstat", "newfstatat",
    "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "mkdir",
    "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
    "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "truncate", "chdir",
    "fchdir", "memfd_secret", "uselib",
    // The shape of the system.
    "chroot", "pivot_root", "mount", "umount2", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
    "mount_setattr", "swapon", "swapoff", "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "sethostname", "setdomainname", "iopl", "ioperm", "acct", "quotactl", "syslog", "settimeofday",
    "clock_settime", "adjtimex", "clock_adjtime", "personality", "vhangup",
    // Kernel interfaces with a record of holes.
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl",
    "add_key", "request_key", "modify_ldt", "vmsplice", "splice", "tee", "seccomp", "landlock_create_ruleset",
    "landlock_add_rule", "landlock_restrict_self", "io_setup", "io_submit", "fanotify_init", "inotify_init1", "shmget",
    "shmat", "msgget", "semget", "mq_open", "mbind", "move_pages", "migrate_pages", "remap_file_pages",
    // Who it is.
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
    "setrlimit", "setsid", "setpgid"};

class Builder {
 public:
  explicit Builder(scmp_filter_ctx context) : context_(context) {}

  // A name that this libseccomp or the filter's architecture does not know has nothing to allow or refuse:
  // the default stands. libseccomp takes the number of the machine it runs on and translates.
  void add(uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> conditions = {}) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return;
    const int result =
        seccomp_rule_add_array(context_, action, number, static_cast<unsigned>(conditions.size()), conditions.begin());
    if (result != 0 && result != -EDOM && error_.empty()) error_ = std::string(name) + ": " + std::strerror(-result);
  }
  void allow(const char* name, std::initializer_list<scmp_arg_cmp> conditions = {}) {
    add(SCMP_ACT_ALLOW, name, conditions);
  }
  void refuse(const char* name, std::initializer_list<scmp_arg_cmp> conditions = {}) {
    add(SCMP_ACT_ERRNO(EPERM), name, conditions);
  }

  const std::string& error() const { return error_; }

 private:
  scmp_filter_ctx context_;
  std::string error_;
};

scmp_arg_cmp argumentIs(unsigned index, uint64_t value) { return {index, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp argumentIsNot(unsigned index, uint64_t value) { return {index, SCMP_CMP_NE, value, 0}; }
scmp_arg_cmp argumentBitsAre(unsigned index, uint64_t mask, uint64_t value) {
  return {index, SCMP_CMP_MASKED_EQ, mask, value};
}
// For arguments that the kernel reads as int or unsigned: the upper half of the register says nothing.
scmp_arg_cmp lowHalfIs(unsigned index, uint32_t value) { return argumentBitsAre(index, 0xffffffffU, value); }

void addConditional(Builder& builder, const SeccompPolicy& policy) {
  // Executable memory is anonymous memory: V8 makes its own code, and no file (a memfd least of all) is ever
  // run. An mprotect of a private file mapping stays possible, which gains nothing over anonymous executable
  // memory.
  builder.allow("mmap", {argumentBitsAre(2, PROT_EXEC, 0)});
  builder.allow("mmap", {argumentBitsAre(2, PROT_EXEC, PROT_EXEC), argumentBitsAre(3, MAP_ANONYMOUS, MAP_ANONYMOUS)});
  builder.refuse("mmap", {argumentBitsAre(2, PROT_EXEC, PROT_EXEC), argumentBitsAre(3, MAP_ANONYMOUS, 0)});
  // Blobs sent back to the platform. No huge pages, no executable bit.
  builder.allow("memfd_create",
                {argumentBitsAre(1, 0xffffffffU & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL), 0)});

  // Threads. clone3 hides its flags behind a pointer, so it gets the default, ENOSYS, on which glibc falls
  // back to clone.
  builder.allow("clone", {argumentBitsAre(0, ~kDetached, kThreadFlags)});
  builder.refuse("clone", {argumentBitsAre(0, CLONE_THREAD, 0)});

  for (uint32_t command : {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_ADD_SEALS, F_GET_SEALS}) {
    builder.allow("fcntl", {lowHalfIs(1, command)});
  }
  builder.allow("prctl", {lowHalfIs(0, PR_SET_NAME)});
  builder.allow("prctl", {lowHalfIs(0, PR_SET_VMA)});

  builder.allow("tgkill", {lowHalfIs(0, static_cast<uint32_t>(policy.ownPid))});
  builder.allow("rt_tgsigqueueinfo", {lowHalfIs(0, static_cast<uint32_t>(policy.ownPid))});
  if (policy.ownPidNamespace) {
    builder.allow("setpriority", {lowHalfIs(0, PRIO_PROCESS)});
  } else {
    builder.allow("setpriority", {lowHalfIs(0, PRIO_PROCESS), lowHalfIs(1, 0)});
  }

  // Limits may be read, of this process only.
  builder.allow("prlimit64", {lowHalfIs(0, 0), argumentIs(2, 0)});
  builder.refuse("prlimit64", {argumentIsNot(2, 0)});

  // "Not a terminal" is what the C library expects to hear about its streams.
  builder.add(SCMP_ACT_ERRNO(ENOTTY), "ioctl");
}

}  // namespace

SeccompArch nativeSeccompArch() {
#if defined(__x86_64__)
  return SeccompArch::kX86_64;
#elif defined(__aarch64__)
  return SeccompArch::kAarch64;
#else
#error "weir runs on x86_64 and aarch64"
#endif
}

base::Result<std::vector<std::byte>> buildSeccompProgram(const SeccompPolicy& policy) {
  struct Context {
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    ~Context() { seccomp_release(context); }
  } owner;
  scmp_filter_ctx context = owner.context;
  if (context == nullptr) return base::Error{"seccomp: out of memory"};

  const uint32_t arch = policy.arch == SeccompArch::kX86_64 ? SCMP_ARCH_X86_64 : SCMP_ARCH_AARCH64;
  if (arch != seccomp_arch_native()) {
    if (seccomp_arch_add(context, arch) != 0 || seccomp_arch_remove(context, SCMP_ARCH_NATIVE) != 0) {
      return base::Error{"seccomp: this libseccomp does not know the architecture"};
    }
  }
  // Everything through another ABI ends the process. A binary search instead of a chain of comparisons.
  if (seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
      seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0) {
    return base::Error{"seccomp: this libseccomp is too old (2.5 is needed)"};
  }

  Builder builder(context);
  for (const char* name : kAllowed) builder.allow(name);
  for (const char* name : kRefused) builder.refuse(name);
  addConditional(builder, policy);
  if (!builder.error().empty()) return base::Error{"seccomp: " + builder.error()};

  const wire::Descriptor exported(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!exported) return base::Error{std::string("seccomp: memfd_create: ") + std::strerror(errno)};
  if (const int result = seccomp_export_bpf(context, exported.get()); result != 0) {
    return base::Error{std::string("seccomp: export: ") + std::strerror(-result)};
  }
  const off_t size = ::lseek(exported.get(), 0, SEEK_END);
  if (size <= 0 || size % 8 != 0 || static_cast<size_t>(size) > kSeccompInstructionsMax * 8) {
    return base::Error{"seccomp: the program has an impossible size"};
  }
  std::vector<std::byte> program(static_cast<size_t>(size));
  if (::pread(exported.get(), program.data(), program.size(), 0) != size) {
    return base::Error{"seccomp: the program could not be read back"};
  }
  return program;
}

}  // namespace weir::sandbox
