#include "engine/lockdown.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

namespace weir::engine {
namespace {

using wire::Confinement;
using wire::Confinements;

constexpr int kDescriptorsLookedAt = 4096;
constexpr int kThreadIdsLookedAt = 4096;  // in a pid namespace of its own, ids are given out from 1 up
constexpr int kThreadIdsOfCopy = 8;       // it has one; an id or two more cost nothing
constexpr int kDetach = 2;

std::string because(const char* what, int error) { return std::string(what) + ": " + std::strerror(error); }

// An event descriptor takes an addition of 0 without a trace; every other anonymous kind refuses to be
// written.
bool isEventDescriptor(int fd) {
  const uint64_t nothing = 0;
  return ::write(fd, &nothing, sizeof(nothing)) == sizeof(nothing);
}

// `stranger` is a descriptor that is in no epoll set.
bool isEpollDescriptor(int fd, int stranger) {
  epoll_event unused{};
  return ::epoll_ctl(fd, EPOLL_CTL_DEL, stranger, &unused) != 0 && errno == ENOENT;
}

bool leadsNowhere(int fd, int stranger) {
  struct stat kind {};
  // Anonymous inodes have no file type. Of pipes, sockets, files, devices and directories none may stay.
  if (::fstat(fd, &kind) != 0 || (kind.st_mode & S_IFMT) != 0) return false;
  return isEpollDescriptor(fd, stranger) || isEventDescriptor(fd);
}

void closeDescriptors(const LockDownRequest& request, Confinements& report) {
  rlimit bound{};
  int last = kDescriptorsLookedAt;
  if (::getrlimit(RLIMIT_NOFILE, &bound) == 0)
    last = static_cast<int>(std::min<rlim_t>(bound.rlim_cur, kDescriptorsLookedAt));
  const int stranger = ::eventfd(0, EFD_CLOEXEC);
  auto keeps = [&](int fd) {
    return fd <= wire::kControlDescriptor || fd == request.seccompFilter ||
           std::find(request.keep.begin(), request.keep.end(), fd) != request.keep.end();
  };
  for (int fd = 0; fd < last; ++fd) {
    if (keeps(fd) || fd == stranger || ::fcntl(fd, F_GETFD) < 0) continue;
    if (!leadsNowhere(fd, stranger)) ::close(fd);
  }
  ::syscall(SYS_close_range, static_cast<unsigned>(last), ~0U, 0);
  // Tried: whatever is left is on the list or leads nowhere.
  int surplus = -1;
  for (int fd = 0; fd < last; ++fd) {
    if (!keeps(fd) && fd != stranger && ::fcntl(fd, F_GETFD) >= 0 && !leadsNowhere(fd, stranger)) surplus = fd;
  }
  ::close(stranger);
  if (surplus >= 0) {
    report.setInactive(Confinement::kDescriptors, "descriptor " + std::to_string(surplus) + " stayed open");
  } else {
    report.setActive(Confinement::kDescriptors);
  }
}

void tryRoot(Confinements& report) {
  for (const char* path : {"/bin", "/lib", "/engine", "/empty", "/proc", "/etc", "/../bin"}) {
    if (::faccessat(AT_FDCWD, path, F_OK, 0) == 0 || errno != ENOENT) {
      report.setInactive(Confinement::kEmptyRoot, std::string(path) + " can still be named");
      return;
    }
  }
  report.setActive(Confinement::kEmptyRoot);
}

void leaveRoot(const char* emptyDirectory, Confinements& report) {
  // Landlock allows no change of mounts, so under it the root is only changed, not unmounted; nothing can
  // change it back.
  if (::chdir(emptyDirectory) != 0) {
    report.setInactive(Confinement::kEmptyRoot, "no root of its own to leave");
    return;
  }
  if (::syscall(SYS_pivot_root, ".", ".") == 0) {
    ::syscall(SYS_umount2, ".", kDetach);
  } else if (::chroot(".") != 0) {
    report.setInactive(Confinement::kEmptyRoot, because("chroot", errno));
    return;
  }
  if (::chdir("/") != 0) {
    report.setInactive(Confinement::kEmptyRoot, because("chdir", errno));
    return;
  }
  tryRoot(report);
}

struct ThreadCapabilities {
  std::array<__user_cap_data_struct, 2> halves{};
  bool any() const {
    return std::any_of(halves.begin(), halves.end(),
                       [](const auto& half) { return (half.effective | half.permitted | half.inheritable) != 0; });
  }
};

// False when there is no such thread.
bool readCapabilities(pid_t thread, ThreadCapabilities& result) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, thread};
  return ::syscall(SYS_capget, &header, result.halves.data()) == 0;
}

// Capabilities belong to a thread. Async-signal-safe: raw system calls only.
void dropOwnCapabilities() {
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (::syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  ::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  ::syscall(SYS_capset, &header, none);
}

void onDropSignal(int) {
  const int kept = errno;
  dropOwnCapabilities();
  errno = kept;
}

// Sends every thread that still has one the signal to drop its capabilities; returns how many there are.
int askThreadsToDrop(pid_t process, pid_t lastThread, int signal, pid_t& example) {
  int holders = 0;
  for (pid_t thread = 1; thread <= lastThread; ++thread) {
    ThreadCapabilities capabilities;
    if (!readCapabilities(thread, capabilities) || !capabilities.any()) continue;
    if (::syscall(SYS_tgkill, process, thread, signal) != 0) continue;
    ++holders;
    example = thread;
  }
  return holders;
}

// `lastThread`: no thread has a higher id.
void dropCapabilities(pid_t lastThread, Confinements& report) {
  dropOwnCapabilities();
  ThreadCapabilities own;
  if (!readCapabilities(0, own) || own.any()) {
    report.setInactive(Confinement::kCapabilities, "capset had no effect");
    return;
  }
  // The parent leaves capabilities only where there is a pid namespace; elsewhere no thread ever had one.
  if (::getpid() != 1) {
    report.setActive(Confinement::kCapabilities);
    return;
  }
  const int signal = SIGRTMAX - 1;
  struct sigaction drop {};
  struct sigaction before {};
  drop.sa_handler = onDropSignal;
  drop.sa_flags = SA_RESTART;
  ::sigfillset(&drop.sa_mask);
  ::sigaction(signal, &drop, &before);
  pid_t holder = 0;
  int holders = 0;
  // A thread may be born of one that has not dropped yet, so it ends only when a look finds none.
  for (int look = 0; look < 500; ++look) {
    holders = askThreadsToDrop(1, lastThread, signal, holder);
    if (holders == 0) break;
    const timespec pause{0, look < 10 ? 50'000 : 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  if (holders != 0) {
    // The handler stays: a signal may still be on its way, and would end the process.
    report.setInactive(Confinement::kCapabilities, "thread " + std::to_string(holder) + " kept its capabilities");
    return;
  }
  ::sigaction(signal, &before, nullptr);
  report.setActive(Confinement::kCapabilities);
}

void forbidDumps(Confinements& report) {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0) {
    report.setActive(Confinement::kNotDumpable);
  } else {
    report.setInactive(Confinement::kNotDumpable, because("PR_SET_DUMPABLE", errno));
  }
}

void forbidNewPrivileges(Confinements& report) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
    report.setActive(Confinement::kNoNewPrivileges);
  } else {
    report.setInactive(Confinement::kNoNewPrivileges, because("PR_SET_NO_NEW_PRIVS", errno));
  }
}

// Empty, or why not.
std::string installFilter(int filter) {
  const off_t size = ::lseek(filter, 0, SEEK_END);
  if (size <= 0 || size % static_cast<off_t>(sizeof(sock_filter)) != 0 ||
      size > static_cast<off_t>(BPF_MAXINSNS * sizeof(sock_filter))) {
    return "no filter program at descriptor " + std::to_string(filter);
  }
  std::vector<sock_filter> code(static_cast<size_t>(size) / sizeof(sock_filter));
  if (::pread(filter, code.data(), static_cast<size_t>(size), 0) != size) return because("reading the filter", errno);
  ::close(filter);
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (result > 0) return "thread " + std::to_string(result) + " could not be synchronised";
  if (result < 0) return because("seccomp", errno);
  errno = 0;
  if (::syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM) return "it does not refuse a socket";
  if (::syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY, 0) >= 0 || errno != EPERM) return "it does not refuse an open";
  return {};
}

}  // namespace

namespace {

// Capabilities after the last use of them; the filter at the end, as it refuses all of the above.
void giveUpRest(const LockDownRequest& request, pid_t lastThread, Confinements& report) {
  dropCapabilities(lastThread, report);
  forbidDumps(report);
  forbidNewPrivileges(report);
  if (const std::string refusal = installFilter(request.seccompFilter); refusal.empty()) {
    report.setActive(Confinement::kSeccomp);
  } else {
    report.setInactive(Confinement::kSeccomp, refusal);
  }
}

}  // namespace

Confinements giveUpFiles(const LockDownRequest& request) {
  Confinements report;
  // Directories first, as an open one would be a way out of the empty root.
  closeDescriptors(request, report);
  leaveRoot(request.emptyDirectory, report);
  return report;
}

Confinements lockDown(const LockDownRequest& request) {
  Confinements report = giveUpFiles(request);
  giveUpRest(request, kThreadIdsLookedAt, report);
  return report;
}

Confinements lockDownCopy(const LockDownRequest& request) {
  Confinements report;
  closeDescriptors(request, report);
  tryRoot(report);
  giveUpRest(request, kThreadIdsOfCopy, report);
  return report;
}

}  // namespace weir::engine
