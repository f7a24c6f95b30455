#include "probe_attempts.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "wire/control_socket.h"
#include "wire/engine_descriptors.h"
#include "wire/sealed_blob.h"

namespace weir::security {
namespace {

// The kernel itself, without the C library in between.
template <class... Arguments>
long ask(long number, Arguments... arguments) {
  const long result = ::syscall(number, arguments...);
  return result < 0 ? -errno : result;
}

long openForReading(const char* path) { return ask(SYS_openat, AT_FDCWD, path, O_RDONLY, 0); }

// A child that came to be must not go on with the test.
long asChild(long result) {
  if (result == 0) {
    for (;;) ::syscall(SYS_exit_group, 0);
  }
  return result;
}

long mapFileExecutable() {
  const int file = ::memfd_create("code", MFD_CLOEXEC);
  if (file < 0) return -errno;
  (void)!::write(file, "\xc3", 1);
  void* code = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  const long result = code == MAP_FAILED ? -errno : 0;
  ::close(file);
  return result;
}

long callRaised(int resource) {
  const rlimit raised{RLIM_INFINITY, RLIM_INFINITY};
  return ask(SYS_prlimit64, 0, resource, &raised, nullptr);
}

const char* const kNoArguments[] = {nullptr};
char gBuffer[4096];

long reachProcess(long number) {
  iovec ours{gBuffer, 1};
  iovec theirs{gBuffer, 1};
  return ask(number, ::getppid(), &ours, 1, &theirs, 1, 0);
}

constexpr bool kNeedsFilter = true;

constexpr Attempt kHostile[] = {
    // Files.
    {"open /etc/passwd", [] { return openForReading("/etc/passwd"); }},
    {"open /", [] { return ask(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0); }},
    {"open / as a path", [] { return ask(SYS_openat, AT_FDCWD, "/", O_PATH, 0); }},
    {"open /bin/node", [] { return openForReading("/bin/node"); }},
    {"open /proc/self/mem", [] { return ask(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR, 0); }},
    {"open /proc/self/fd/3", [] { return openForReading("/proc/self/fd/3"); }},
    {"open /dev/null", [] { return openForReading("/dev/null"); }},
    {"open a parent directory", [] { return openForReading("../../../../etc/passwd"); }},
    {"openat2",
     [] {
       const std::array<uint64_t, 3> how = {};
       return ask(SYS_openat2, AT_FDCWD, "/etc/passwd", how.data(), sizeof(how));
     }},
    {"create a file", [] { return ask(SYS_openat, AT_FDCWD, "/x", O_CREAT | O_WRONLY, 0600); }},
    {"create a file in tmp", [] { return ask(SYS_openat, AT_FDCWD, "/tmp/x", O_CREAT | O_WRONLY, 0600); }},
    {"create an unnamed file", [] { return ask(SYS_openat, AT_FDCWD, "/", O_TMPFILE | O_WRONLY, 0600); }},
    {"stat a path", [] { return ask(SYS_newfstatat, AT_FDCWD, "/etc/passwd", gBuffer, 0); }},
    {"statx a path", [] { return ask(SYS_statx, AT_FDCWD, "/etc/passwd", 0, 0xfff, gBuffer); }},
    {"read a link", [] { return ask(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", gBuffer, sizeof(gBuffer)); }},
    {"test access", [] { return ask(SYS_faccessat, AT_FDCWD, "/", 0); }},
    {"list a directory", [] { return ask(SYS_getdents64, 0, gBuffer, sizeof(gBuffer)); }},
    {"unlink", [] { return ask(SYS_unlinkat, AT_FDCWD, "/bin/node", 0); }},
    {"rename", [] { return ask(SYS_renameat2, AT_FDCWD, "/bin", AT_FDCWD, "/x", 0); }},
    {"make a directory", [] { return ask(SYS_mkdirat, AT_FDCWD, "/x", 0700); }},
    {"make a device", [] { return ask(SYS_mknodat, AT_FDCWD, "/x", 0020600, 0x103); }},
    {"symlink", [] { return ask(SYS_symlinkat, "/etc", AT_FDCWD, "/x"); }},
    {"change directory", [] { return ask(SYS_chdir, "/"); }},
    {"open by handle", [] { return ask(SYS_open_by_handle_at, AT_FDCWD, gBuffer, O_RDONLY); }},
    {"watch a path", [] { return ask(SYS_inotify_init1, 0); }},
    {"duplicate a descriptor", [] { return ask(SYS_dup, 1); }},
    {"own a descriptor's signals", [] { return ask(SYS_fcntl, 3, F_SETOWN, 1); }},
    {"ioctl", [] { return ask(SYS_ioctl, 3, 0x541B, gBuffer); }},
    // Network.
    {"socket inet", [] { return ask(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
    {"socket inet6 udp", [] { return ask(SYS_socket, AF_INET6, SOCK_DGRAM, 0); }},
    {"socket unix", [] { return ask(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }},
    {"socket netlink", [] { return ask(SYS_socket, AF_NETLINK, SOCK_RAW, 0); }},
    {"socket vsock", [] { return ask(SYS_socket, AF_VSOCK, SOCK_STREAM, 0); }},
    {"socket packet", [] { return ask(SYS_socket, AF_PACKET, SOCK_RAW, 0); }},
    {"socketpair", [] { return ask(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, gBuffer); }},
    {"connect the control socket elsewhere",
     [] {
       sockaddr_un address{};
       address.sun_family = AF_UNIX;
       return ask(SYS_connect, wire::kControlDescriptor, &address, sizeof(address));
     }},
    {"bind",
     [] {
       sockaddr_un address{};
       address.sun_family = AF_UNIX;
       return ask(SYS_bind, wire::kControlDescriptor, &address, sizeof(address));
     }},
    {"accept", [] { return ask(SYS_accept4, wire::kControlDescriptor, nullptr, nullptr, 0); }},
    {"sendto", [] { return ask(SYS_sendto, wire::kControlDescriptor, "x", 1, MSG_DONTWAIT, nullptr, 0); }},
    // Processes.
    {"fork", [] { return asChild(ask(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)); }, kNeedsFilter},
    {"clone a process that shares memory",
     [] { return asChild(ask(SYS_clone, CLONE_VM | SIGCHLD, gBuffer + 4000, nullptr, nullptr, nullptr)); },
     kNeedsFilter},
    {"clone into a user namespace",
     [] { return asChild(ask(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr)); }, kNeedsFilter},
    {"clone a thread into a namespace",
     [] { return ask(SYS_clone, 0x3d0f00 | CLONE_NEWNET, nullptr, nullptr, nullptr, nullptr); }, kNeedsFilter},
    {"clone3",
     [] {
       std::array<uint64_t, 8> arguments = {};
       arguments[4] = SIGCHLD;
       return asChild(ask(SYS_clone3, arguments.data(), sizeof(arguments)));
     },
     kNeedsFilter},
#ifdef SYS_fork
    {"fork, the old call", [] { return asChild(ask(SYS_fork)); }, kNeedsFilter},
    {"vfork", [] { return asChild(ask(SYS_vfork)); }, kNeedsFilter},
    {"open, the old call", [] { return ask(SYS_open, "/etc/passwd", O_RDONLY, 0); }},
    {"creat, the old call", [] { return ask(SYS_creat, "/x", 0600); }},
#endif
    {"execve", [] { return ask(SYS_execve, "/bin/node", kNoArguments, kNoArguments); }},
    {"execveat of a descriptor", [] { return ask(SYS_execveat, 4, "", kNoArguments, kNoArguments, AT_EMPTY_PATH); }},
    {"ptrace", [] { return ask(SYS_ptrace, PTRACE_TRACEME, 0, nullptr, nullptr); }, kNeedsFilter},
    {"ptrace the parent", [] { return ask(SYS_ptrace, PTRACE_ATTACH, ::getppid(), nullptr, nullptr); }},
    {"read another process", [] { return reachProcess(SYS_process_vm_readv); }},
    {"write another process", [] { return reachProcess(SYS_process_vm_writev); }},
    {"kill everybody", [] { return ask(SYS_kill, -1, 0); }},
    {"kill the parent", [] { return ask(SYS_kill, ::getppid(), 0); }},
    {"kill by thread", [] { return ask(SYS_tkill, 1, 0); }},
    {"kill a thread of another process", [] { return ask(SYS_tgkill, ::getpid() + 1, ::getpid() + 1, 0); }},
    {"queue a signal", [] { return ask(SYS_rt_sigqueueinfo, 1, 0, gBuffer); }},
    {"pidfd of itself", [] { return ask(SYS_pidfd_open, ::getpid(), 0); }},
    {"take a descriptor of another", [] { return ask(SYS_pidfd_getfd, 3, 0, 0); }},
    {"signal by pidfd", [] { return ask(SYS_pidfd_send_signal, 3, 0, nullptr, 0); }},
    {"wait for a child", [] { return ask(SYS_wait4, -1, nullptr, 1, nullptr); }},
    {"priority of a user", [] { return ask(SYS_setpriority, PRIO_USER, 0, 5); }},
    // The system.
    {"mount", [] { return ask(SYS_mount, "none", "/", "tmpfs", 0, nullptr); }},
    {"umount", [] { return ask(SYS_umount2, "/", 2); }},
    {"open_tree", [] { return ask(SYS_open_tree, AT_FDCWD, "/", 0); }},
    {"fsopen", [] { return ask(SYS_fsopen, "tmpfs", 0); }},
    {"pivot_root", [] { return ask(SYS_pivot_root, ".", "."); }},
    {"chroot", [] { return ask(SYS_chroot, "/"); }},
    {"unshare a user namespace", [] { return ask(SYS_unshare, CLONE_NEWUSER); }},
    {"unshare descriptors", [] { return ask(SYS_unshare, CLONE_FILES); }, kNeedsFilter},
    {"setns", [] { return ask(SYS_setns, 3, 0); }},
    {"bpf", [] { return ask(SYS_bpf, 0, gBuffer, 64); }},
    {"perf_event_open", [] { return ask(SYS_perf_event_open, gBuffer, 0, -1, -1, 0); }},
    {"userfaultfd", [] { return ask(SYS_userfaultfd, 1); }},
    {"io_uring_setup", [] { return ask(SYS_io_uring_setup, 4, gBuffer); }},
    {"io_uring_enter", [] { return ask(SYS_io_uring_enter, 5, 0, 0, 0, nullptr, 0); }},
    {"io_setup", [] { return ask(SYS_io_setup, 4, gBuffer); }},
    {"keyctl", [] { return ask(SYS_keyctl, 0, -3, 1); }},
    {"add_key", [] { return ask(SYS_add_key, "user", "x", "x", 1, -3); }},
    {"init_module", [] { return ask(SYS_init_module, gBuffer, 0, ""); }},
    {"kexec_load", [] { return ask(SYS_kexec_load, 0, 0, nullptr, 0); }},
    {"reboot", [] { return ask(SYS_reboot, 0xfee1dead, 672274793, 0, nullptr); }},
    {"syslog", [] { return ask(SYS_syslog, 10, nullptr, 0); }},
    {"set the clock", [] { return ask(SYS_clock_settime, CLOCK_REALTIME, gBuffer); }},
    {"personality", [] { return ask(SYS_personality, 0xffffffff); }, kNeedsFilter},
    {"sethostname", [] { return ask(SYS_sethostname, "x", 1); }},
    {"shared memory segment", [] { return ask(SYS_shmget, 0, 4096, 0600 | 01000); }},
    {"message queue", [] { return ask(SYS_msgget, 0, 0600 | 01000); }},
    {"seccomp, a second filter", [] { return ask(SYS_seccomp, 1, 0, gBuffer); }},
    {"landlock", [] { return ask(SYS_landlock_create_ruleset, nullptr, 0, 1); }},
    {"memory of its own secret kind", [] { return ask(SYS_memfd_secret, 0); }},
    // Who it is and what it may use.
    {"setuid", [] { return ask(SYS_setuid, 0); }},
    {"setresuid", [] { return ask(SYS_setresuid, 0, 0, 0); }},
    {"setgroups", [] { return ask(SYS_setgroups, 0, nullptr); }},
    {"capset", [] { return ask(SYS_capset, gBuffer, gBuffer); }},
    {"raise RLIMIT_NOFILE", [] { return callRaised(RLIMIT_NOFILE); }},
    {"raise RLIMIT_FSIZE", [] { return callRaised(RLIMIT_FSIZE); }},
    {"become dumpable", [] { return ask(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
    {"become traceable", [] { return ask(SYS_prctl, 0x59616d61, -1, 0, 0, 0); }},
    {"live on after the parent", [] { return ask(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0); }},
    {"a session of its own", [] { return ask(SYS_setsid); }},
    // Memory.
    {"map a file as code", mapFileExecutable},
    {"map a file as code, shared",
     [] { return ask(SYS_mmap, nullptr, 4096, PROT_EXEC, MAP_SHARED, wire::kControlDescriptor, 0); }},
    {"huge memfd", [] { return ask(SYS_memfd_create, "x", MFD_HUGETLB); }},
};

// What must work.

long runAnonymousCode() {
#if defined(__x86_64__)
  constexpr unsigned char kReturn42[] = {0xb8, 42, 0, 0, 0, 0xc3};
#else
  constexpr unsigned char kReturn42[] = {0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6};
#endif
  void* code = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return -errno;
  std::memcpy(code, kReturn42, sizeof(kReturn42));
  if (::mprotect(code, 4096, PROT_READ | PROT_EXEC) != 0) return -errno;
  __builtin___clear_cache(static_cast<char*>(code), static_cast<char*>(code) + sizeof(kReturn42));
  const int answer = reinterpret_cast<int (*)()>(code)();
  ::munmap(code, 4096);
  return answer == 42 ? 0 : -EINVAL;
}

long startThread() {
  pthread_t thread;
  std::atomic<int> ran{0};
  const int failed = ::pthread_create(
      &thread, nullptr,
      [](void* flag) -> void* {
        static_cast<std::atomic<int>*>(flag)->store(1);
        return nullptr;
      },
      &ran);
  if (failed != 0) return -failed;
  ::pthread_join(thread, nullptr);
  return ran == 1 ? 0 : -EINVAL;
}

long sendBlob() {
  const std::string bytes(100'000, 'b');
  auto blob = wire::makeSealedBlob("probe", std::as_bytes(std::span(bytes)));
  if (!blob.ok()) return -EINVAL;
  auto mapping = wire::mapSealedBlob(blob->get(), bytes.size());
  if (!mapping.ok() || mapping->bytes().size() != bytes.size()) return -ENOMEM;
  wire::ControlSocket control((wire::Descriptor(wire::kControlDescriptor)));
  const int fds[] = {blob->get()};
  auto sent = control.send(std::as_bytes(std::span("B", 1)), fds);
  (void)control.takeDescriptor().take();  // the number is the test's, not ours
  return sent.ok() && *sent == wire::ControlSocket::Sent::kYes ? 0 : -EPIPE;
}

long waitForEvents() {
  const int event = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{};
  interest.events = EPOLLIN;
  long result = -EINVAL;
  if (event >= 0 && set >= 0 && ::epoll_ctl(set, EPOLL_CTL_ADD, event, &interest) == 0) {
    epoll_event ready{};
    result = ::epoll_wait(set, &ready, 1, 1000) == 1 ? 0 : -ETIME;
  }
  ::close(event);
  ::close(set);
  return result;
}

std::atomic<int> gSignals{0};

long signalItself() {
  struct sigaction action {};
  action.sa_handler = [](int) { gSignals.fetch_add(1); };
  const int signal = SIGRTMIN + 3;
  if (::sigaction(signal, &action, nullptr) != 0) return -errno;
  const int before = gSignals;
  if (::pthread_kill(::pthread_self(), signal) != 0) return -errno;
  return gSignals > before ? 0 : -ETIME;
}

long readLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return -errno;
  return limit.rlim_max == 0 ? 0 : -EINVAL;
}

constexpr Attempt kNeeded[] = {
    {"start a thread", startThread},
    {"run anonymous code", runAnonymousCode},
    {"map writable code",
     [] {
       void* code = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       if (code == MAP_FAILED) return -static_cast<long>(errno);
       ::munmap(code, 4096);
       return 0L;
     }},
    {"reserve a cage",
     [] {
       constexpr size_t kSize = size_t{1} << 40;
       void* cage = ::mmap(nullptr, kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
       if (cage == MAP_FAILED) return -static_cast<long>(errno);
       ::munmap(cage, kSize);
       return 0L;
     }},
    {"allocate 64 MB",
     [] {
       char* memory = static_cast<char*>(std::malloc(64 << 20));
       if (memory == nullptr) return -static_cast<long>(ENOMEM);
       std::memset(memory, 1, 64 << 20);
       std::free(memory);
       return 0L;
     }},
    {"make, map and send a sealed blob", sendBlob},
    {"eventfd and epoll", waitForEvents},
    {"ppoll",
     [] {
       const timespec wait{0, 1'000'000};
       return ::ppoll(nullptr, 0, &wait, nullptr) == 0 ? 0L : -static_cast<long>(errno);
     }},
    {"nanosleep",
     [] {
       const timespec wait{0, 100'000};
       return ::nanosleep(&wait, nullptr) == 0 ? 0L : -static_cast<long>(errno);
     }},
    {"thread CPU clock, asked of the kernel",
     [] {
       timespec time{};
       return ask(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &time);
     }},
    {"another thread's CPU clock",
     [] {
       clockid_t clock;
       timespec time{};
       ::pthread_getcpuclockid(::pthread_self(), &clock);
       return ::clock_gettime(clock, &time) == 0 ? 0L : -static_cast<long>(errno);
     }},
    {"random bytes", [] { return ::getrandom(gBuffer, 64, 0) == 64 ? 0L : -static_cast<long>(errno); }},
    {"signal itself", signalItself},
    {"lower its priority", [] { return ask(SYS_setpriority, PRIO_PROCESS, 0, 19); }},
    {"name a thread", [] { return ask(SYS_prctl, PR_SET_NAME, "probe", 0, 0, 0); }},
    {"read a limit", readLimit},
    {"count processors", [] { return ::sysconf(_SC_NPROCESSORS_ONLN) > 0 ? 0L : -static_cast<long>(EINVAL); }},
    {"getrusage",
     [] {
       rusage usage;
       return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? 0L : -static_cast<long>(errno);
     }},
    {"yield", [] { return ask(SYS_sched_yield); }},
    {"be told that it is alone", [] { return ::getpid() == 1 && ::getppid() != 0 ? -static_cast<long>(EINVAL) : 0L; }},
};

}  // namespace

std::span<const Attempt> hostileAttempts() { return kHostile; }
std::span<const Attempt> neededAttempts() { return kNeeded; }

}  // namespace weir::security
