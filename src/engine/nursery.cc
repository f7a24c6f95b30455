#include "engine/nursery.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "engine/lockdown.h"
#include "engine/ready_notice.h"
#include "engine/warm_up.h"
#include "js/worker_tasks.h"
#include "wire/engine_descriptors.h"

namespace weir::engine {

namespace {

constexpr int kBrokenProtocol = 5;
constexpr int kDescriptorsLookedAt = 256;
constexpr size_t kDescriptors = 3;  // that come with a request

std::string because(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

[[noreturn]] void giveUp(const std::string& what) {
  std::fprintf(stderr, "weir-engine: %s\n", what.c_str());
  _exit(2);
}

// Puts a descriptor there that leads nowhere. The host writes to some of its own, and ends the process if it cannot;
// and it closes others when the process is copied, whatever has their numbers by then.
bool occupy(int fd) {
  wire::Descriptor inert(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (inert.get() == fd) return inert.take() == fd;
  return ::dup3(inert.get(), fd, O_CLOEXEC) == fd;
}

// V8 asks the kernel to leave its memory out of copies, as the host copies itself only to become another program. Asks
// for all of the address space, gaps included, but for the kernel's own pages, which refuse it.
void copyAllMemory() {
  constexpr uintptr_t kFirst = 0x10000;
  constexpr uintptr_t kLast = uintptr_t{1} << 48;
  constexpr uintptr_t kAround = 0x20000;
  const uintptr_t kernels = ::getauxval(AT_SYSINFO_EHDR);
  const auto copy = [](uintptr_t from, uintptr_t to) {
    if (::madvise(reinterpret_cast<void*>(from), to - from, MADV_DOFORK) != 0 && errno != ENOMEM)
      giveUp(because("MADV_DOFORK"));
  };
  copy(kFirst, (kernels & ~(kAround - 1)) - kAround);
  copy((kernels & ~(kAround - 1)) + 2 * kAround, kLast);
}

}  // namespace

Nursery::Nursery(node::MultiIsolatePlatform& platform, const v8::StartupData& base, v8::Isolate* host)
    : control_(wire::Descriptor(wire::kControlDescriptor)) {
  // Without a pid namespace of its own per copy, one could signal the other, and this process.
  if (::getpid() != 1) giveUp("no nursery without a pid namespace");
  ::signal(SIGPIPE, SIG_IGN);
  platform.DrainTasks(host);
  if (!js::takeOverWorkerTasks(platform))
    giveUp("no nursery with this host: its workers' tasks cannot be led elsewhere");
  if (RAND_poll() != 1 || !warmUp(platform, base)) giveUp("no nursery: a script of its own fails");
  js::dropWorkerTasks();
  copyAllMemory();
  self_ = wire::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self_) giveUp(because("pidfd_open"));
  // Tried: the next copy's namespace can be made, and left to it.
  if (::unshare(CLONE_NEWPID) != 0 || ::setns(self_.get(), CLONE_NEWPID) != 0)
    giveUp(because("no nursery without a pid namespace for each of its engines"));
}

template <class Message>
void Nursery::say(const Message& notice, std::span<const int> descriptors) {
  std::vector<uint8_t> bytes;
  wire::encode<wire::Notice>(notice, bytes);
  const auto sent = control_.send(std::as_bytes(std::span(bytes)), descriptors);
  if (!sent.ok() || *sent != wire::ControlSocket::Sent::kYes) _exit(kBrokenProtocol);
}

Nursery::Copy Nursery::run() {
  for (int fd = wire::kFirstFreeDescriptor; fd < kDescriptorsLookedAt; ++fd) {
    if (fd != self_.get() && ::fcntl(fd, F_GETFD) >= 0) hosts_.push_back(fd);
  }
  const int kept = self_.get();
  const wire::Confinements files = giveUpFiles({.keep = {&kept, 1}});
  if (!files.active(wire::Confinement::kEmptyRoot)) giveUp("no nursery without an empty root");
  std::erase_if(hosts_, [](int fd) { return ::fcntl(fd, F_GETFD) < 0 && !occupy(fd); });
  sayReady(control_, files);
  for (;;) {
    std::vector<pollfd> waits{{control_.fd(), POLLIN, 0}};
    for (const Child& child : children_) waits.push_back({child.pidfd.get(), POLLIN, 0});
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) giveUp(because("poll"));
    reap();
    if ((waits[0].revents & (POLLIN | POLLHUP)) == 0) continue;
    if (auto copy = answer()) return std::move(*copy);
  }
}

std::optional<Nursery::Copy> Nursery::answer() {
  auto received = control_.receive();
  if (!received.ok() || received->peerGone) _exit(0);  // and the copies with it: this is the first of their namespace
  if (!received->message) return std::nullopt;
  auto& message = *received->message;
  const auto notice =
      wire::decode<wire::Notice>({reinterpret_cast<const uint8_t*>(message.bytes.data()), message.bytes.size()});
  if (!notice || !std::holds_alternative<wire::EngineWanted>(*notice) || message.descriptors.size() != kDescriptors)
    _exit(kBrokenProtocol);
  if (children_.size() >= kChildrenMax) {
    refuse("too many engines for checks at a time");
    return std::nullopt;
  }
  std::string reason;
  const pid_t pid = makeCopy(reason);
  if (pid == 0) return become(std::move(message.descriptors));
  if (pid < 0) {
    refuse(reason);
    return std::nullopt;
  }
  Child child{pid, wire::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
              std::move(message.descriptors[2])};
  if (!child.pidfd) {
    refuse(because("pidfd_open"));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::nullopt;
  }
  const int pidfd = child.pidfd.get();
  say(wire::EngineMade{true, {}}, {&pidfd, 1});
  children_.push_back(std::move(child));
  return std::nullopt;
}

pid_t Nursery::makeCopy(std::string& reason) {
  if (::unshare(CLONE_NEWPID) != 0) {
    reason = because("unshare");
    return -1;
  }
  const pid_t pid = ::fork();
  if (pid == 0) return 0;
  if (pid < 0) reason = because("fork");
  // The next copy gets a namespace of its own too; until then this process could make no thread.
  if (::setns(self_.get(), CLONE_NEWPID) != 0) giveUp(because("setns"));
  return pid;
}

Nursery::Copy Nursery::become(std::vector<wire::Descriptor> descriptors) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  char title[] = "weir-engine check";
  uv_set_process_title(title);
  const bool arranged = ::dup3(descriptors[0].get(), control_.fd(), O_CLOEXEC) >= 0 &&
                        ::dup3(descriptors[1].get(), STDOUT_FILENO, 0) >= 0 &&
                        ::dup3(descriptors[1].get(), STDERR_FILENO, 0) >= 0;
  if (!arranged) _exit(kBrokenProtocol);
  descriptors.clear();
  children_.clear();
  self_.reset();
  for (const int fd : hosts_) {
    if (!occupy(fd)) _exit(kBrokenProtocol);
  }
  // What is random is not what it was for the copy before: OpenSSL tells processes apart by a pid that is 1 in all.
  if (RAND_poll() != 1) _exit(kBrokenProtocol);
  js::runWorkerTasks();
  wire::Confinements confinements = lockDownCopy({});
  return {std::move(control_), std::move(confinements)};
}

void Nursery::refuse(const std::string& reason) {
  say(wire::EngineMade{false, std::string_view(reason).substr(0, wire::Bounds::kNameBytesMax)});
}

void Nursery::reap() {
  std::erase_if(children_, [](const Child& child) {
    int status = 0;
    if (::waitpid(child.pid, &status, WNOHANG) != child.pid) return false;
    (void)!::write(child.status.get(), &status, sizeof status);  // the platform may not want to know any more
    return true;
  });
}

}  // namespace weir::engine
