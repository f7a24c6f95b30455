#include "sandbox/seccomp_policy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace weir::sandbox {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

// Runs a classic BPF program as the kernel does for seccomp, so that a policy can be asked without installing
// it, for either architecture.
uint32_t run(const std::vector<std::byte>& program, const seccomp_data& data) {
  std::vector<sock_filter> code(program.size() / sizeof(sock_filter));
  std::memcpy(code.data(), program.data(), program.size());
  uint32_t accumulator = 0;
  for (size_t at = 0; at < code.size(); ++at) {
    const sock_filter& step = code[at];
    auto jump = [&](bool taken) { at += taken ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        EXPECT_LE(step.k + 4, sizeof(data));
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K: accumulator &= step.k; break;
      case BPF_JMP | BPF_JA: at += step.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: jump(accumulator == step.k); break;
      case BPF_JMP | BPF_JGT | BPF_K: jump(accumulator > step.k); break;
      case BPF_JMP | BPF_JGE | BPF_K: jump(accumulator >= step.k); break;
      case BPF_JMP | BPF_JSET | BPF_K: jump((accumulator & step.k) != 0); break;
      case BPF_RET | BPF_K: return step.k;
      default: ADD_FAILURE() << "instruction " << step.code << " at " << at; return 0;
    }
  }
  ADD_FAILURE() << "ran off the end";
  return 0;
}

class PolicyTest : public testing::TestWithParam<SeccompArch> {
 protected:
  void SetUp() override { load({.arch = GetParam(), .ownPid = 1, .ownPidNamespace = true}); }

  void load(SeccompPolicy policy) {
    auto built = buildSeccompProgram(policy);
    ASSERT_TRUE(built.ok()) << built.error().message;
    program_ = std::move(*built);
  }

  bool exists(const char* name) const { return number(name) >= 0; }
  int number(const char* name) const {
    return seccomp_syscall_resolve_name_arch(GetParam() == SeccompArch::kX86_64 ? SCMP_ARCH_X86_64 : SCMP_ARCH_AARCH64,
                                             name);
  }

  uint32_t ask(const char* name, std::array<uint64_t, 6> arguments = {}) const {
    EXPECT_TRUE(exists(name)) << name;
    seccomp_data data{};
    data.nr = number(name);
    data.arch = GetParam() == SeccompArch::kX86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64;
    std::copy(arguments.begin(), arguments.end(), data.args);
    return run(program_, data);
  }

  std::vector<std::byte> program_;
};

TEST_P(PolicyTest, theProgramFitsTheKernel) {
  EXPECT_EQ(program_.size() % sizeof(sock_filter), 0u);
  EXPECT_LT(program_.size() / sizeof(sock_filter), 1500u);
}

TEST_P(PolicyTest, everyOtherAbiKillsTheProcess) {
  for (uint32_t arch : {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0}) {
    seccomp_data data{};
    data.arch = arch;
    EXPECT_EQ(run(program_, data), SECCOMP_RET_KILL_PROCESS) << arch;
  }
  if (GetParam() == SeccompArch::kX86_64) {
    seccomp_data x32{};
    x32.arch = AUDIT_ARCH_X86_64;
    x32.nr = 0x40000000;
    EXPECT_EQ(run(program_, x32), SECCOMP_RET_KILL_PROCESS);
  }
}

TEST_P(PolicyTest, aCallNobodyListedIsUnknown) {
  seccomp_data data{};
  data.arch = GetParam() == SeccompArch::kX86_64 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64;
  for (int nr : {999, 5000, 0x3fffffff}) {
    data.nr = nr;
    EXPECT_EQ(run(program_, data), kUnknown) << nr;
  }
  EXPECT_EQ(ask("clone3"), kUnknown);
  EXPECT_EQ(ask("dup"), kUnknown);
}

TEST_P(PolicyTest, hostileCallsAreRefused) {
  int asked = 0;
  for (const char* name : {"execve",
                           "execveat",
                           "ptrace",
                           "process_vm_readv",
                           "process_vm_writev",
                           "socket",
                           "socketpair",
                           "connect",
                           "openat",
                           "openat2",
                           "mount",
                           "bpf",
                           "keyctl",
                           "userfaultfd",
                           "perf_event_open",
                           "io_uring_setup",
                           "unshare",
                           "setns",
                           "kexec_load",
                           "init_module",
                           "finit_module",
                           "pidfd_open",
                           "pidfd_getfd",
                           "kill",
                           "tkill",
                           "seccomp",
                           "setresuid",
                           "capset",
                           "chroot",
                           "pivot_root",
                           "umount2"}) {
    EXPECT_EQ(ask(name), kRefuse) << name;
    ++asked;
  }
  EXPECT_EQ(asked, 31);
  for (const char* name : {"open", "fork", "vfork", "creat", "unlink"}) {
    if (exists(name)) {
      EXPECT_EQ(ask(name), kRefuse) << name;
    }
  }
}

TEST_P(PolicyTest, executableMemoryIsAnonymous) {
  constexpr uint64_t rx = PROT_READ | PROT_EXEC;
  constexpr uint64_t anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  EXPECT_EQ(ask("mmap", {0, 4096, rx, anonymous, ~0ULL, 0}), kAllow);
  EXPECT_EQ(ask("mmap", {0, 4096, rx | PROT_WRITE, anonymous | MAP_NORESERVE, ~0ULL, 0}), kAllow);
  EXPECT_EQ(ask("mmap", {0, 4096, PROT_READ, MAP_SHARED, 7, 0}), kAllow);
  EXPECT_EQ(ask("mmap", {0, 4096, rx, MAP_PRIVATE, 7, 0}), kRefuse);
  EXPECT_EQ(ask("mmap", {0, 4096, PROT_EXEC, MAP_SHARED, 7, 0}), kRefuse);
  EXPECT_EQ(ask("mprotect", {0, 4096, rx}), kAllow);
  EXPECT_EQ(ask("pkey_mprotect", {0, 4096, rx, 1}), kAllow);
}

TEST_P(PolicyTest, onlyAPlainThreadMayBeCloned) {
  constexpr uint64_t thread = 0x3d0f00;
  EXPECT_EQ(ask("clone", {thread}), kAllow);
  EXPECT_EQ(ask("clone", {thread | 0x00400000}), kAllow);  // musl's CLONE_DETACHED
  EXPECT_EQ(ask("clone", {SIGCHLD}), kRefuse);
  EXPECT_EQ(ask("clone", {CLONE_VM | CLONE_VFORK | SIGCHLD}), kRefuse);
  for (uint64_t extra : {uint64_t{CLONE_NEWUSER}, uint64_t{CLONE_NEWNS}, uint64_t{CLONE_NEWNET}, uint64_t{CLONE_NEWPID},
                         uint64_t{CLONE_PTRACE}, uint64_t{CLONE_PIDFD}, uint64_t{CLONE_IO}, uint64_t{1} << 33}) {
    EXPECT_NE(ask("clone", {thread | extra}), kAllow) << extra;
  }
  for (uint64_t without = 1; without < (1ULL << 32); without <<= 1) {
    if (thread & without) {
      EXPECT_NE(ask("clone", {thread & ~without}), kAllow) << without;
    }
  }
}

TEST_P(PolicyTest, signalsGoToThisProcessOnly) {
  EXPECT_EQ(ask("tgkill", {1, 5, SIGUSR1}), kAllow);
  EXPECT_NE(ask("tgkill", {2, 5, SIGUSR1}), kAllow);
  EXPECT_NE(ask("tgkill", {~0ULL, 5, SIGUSR1}), kAllow);
  EXPECT_NE(ask("rt_tgsigqueueinfo", {2, 5, SIGUSR1}), kAllow);
  load({.arch = GetParam(), .ownPid = 4711, .ownPidNamespace = false});
  EXPECT_EQ(ask("tgkill", {4711, 5, SIGUSR1}), kAllow);
  EXPECT_NE(ask("tgkill", {1, 5, SIGUSR1}), kAllow);
}

TEST_P(PolicyTest, prioritiesOfOthersStayOutOfReach) {
  EXPECT_EQ(ask("setpriority", {0, 7, 10}), kAllow);
  EXPECT_NE(ask("setpriority", {2, 0, 10}), kAllow);  // PRIO_USER
  load({.arch = GetParam(), .ownPid = 4711, .ownPidNamespace = false});
  EXPECT_EQ(ask("setpriority", {0, 0, 10}), kAllow);
  EXPECT_NE(ask("setpriority", {0, 7, 10}), kAllow);
}

TEST_P(PolicyTest, limitsCanBeReadAndNotSet) {
  EXPECT_EQ(ask("prlimit64", {0, 7, 0, 0x7000}), kAllow);
  EXPECT_EQ(ask("prlimit64", {0, 7, 0x7000, 0}), kRefuse);
  EXPECT_NE(ask("prlimit64", {1234, 7, 0, 0x7000}), kAllow);
  EXPECT_EQ(ask("setrlimit"), kRefuse);
}

TEST_P(PolicyTest, commandsOfWideCallsAreCountedOneByOne) {
  EXPECT_EQ(ask("fcntl", {5, F_GETFL}), kAllow);
  EXPECT_EQ(ask("fcntl", {5, 1033, 15}), kAllow);  // F_ADD_SEALS
  EXPECT_NE(ask("fcntl", {5, F_DUPFD_CLOEXEC}), kAllow);
  EXPECT_NE(ask("fcntl", {5, 8}), kAllow);   // F_SETOWN
  EXPECT_EQ(ask("prctl", {15}), kAllow);     // PR_SET_NAME
  EXPECT_NE(ask("prctl", {4, 1}), kAllow);   // PR_SET_DUMPABLE
  EXPECT_NE(ask("prctl", {22, 2}), kAllow);  // PR_SET_SECCOMP
  EXPECT_EQ(ask("memfd_create", {0, 3}), kAllow);
  EXPECT_NE(ask("memfd_create", {0, 4}), kAllow);     // huge pages
  EXPECT_NE(ask("memfd_create", {0, 0x10}), kAllow);  // executable
  EXPECT_EQ(ask("ioctl", {1, 0x5401}), uint32_t{SECCOMP_RET_ERRNO | ENOTTY});
}

INSTANTIATE_TEST_SUITE_P(, PolicyTest, testing::Values(SeccompArch::kX86_64, SeccompArch::kAarch64),
                         [](const auto& info) { return info.param == SeccompArch::kX86_64 ? "x86_64" : "aarch64"; });

}  // namespace
}  // namespace weir::sandbox
