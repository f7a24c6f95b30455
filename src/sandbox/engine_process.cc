#include "sandbox/engine_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "sandbox/engine_child.h"
#include "sandbox/pipe.h"
#include "sandbox/seccomp_policy.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace weir::sandbox {
namespace {

using wire::Confinement;
using wire::Confinements;
using wire::Descriptor;

// The user and group the engine sees itself as.
constexpr unsigned kInsideId = 65534;

struct Namespace {
  unsigned long flag;
  Confinement confinement;
};
constexpr Namespace kNamespaces[] = {
    {CLONE_NEWUSER, Confinement::kUserNamespace},    {CLONE_NEWPID, Confinement::kPidNamespace},
    {CLONE_NEWNS, Confinement::kMountNamespace},     {CLONE_NEWNET, Confinement::kNetNamespace},
    {CLONE_NEWIPC, Confinement::kIpcNamespace},      {CLONE_NEWUTS, Confinement::kUtsNamespace},
    {CLONE_NEWCGROUP, Confinement::kCgroupNamespace}};
constexpr unsigned long kAllNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

base::Error systemError(const std::string& what, int error) { return {what + ": " + std::strerror(error)}; }

pid_t cloneCall(unsigned long flags, int* pidfd) {
  // Without a stack of its own the child goes on with a copy of this one, as after a fork.
  return static_cast<pid_t>(::syscall(SYS_clone, flags | SIGCHLD, nullptr, pidfd, nullptr, nullptr));
}

// 0, or why the kernel does not give these namespaces.
int tryNamespaces(unsigned long flags) {
  const pid_t child = cloneCall(flags, nullptr);
  if (child < 0) return errno;
  if (child == 0) {
    for (;;) ::syscall(SYS_exit_group, 0);
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

std::string namespaceRefusal(int error) {
  switch (error) {
    case EPERM: return "refused: not permitted (an unprivileged user, or a container that forbids namespaces)";
    case ENOSPC: return "refused: /proc/sys/user/max_*_namespaces is reached";
    case EINVAL: return "the kernel was built without it";
    default: return std::string("refused: ") + std::strerror(error);
  }
}

// After the full set was refused: which can be had, one by one, and why not the others.
unsigned long findNamespaces(bool withUser, Confinements& confinements) {
  unsigned long base = 0;
  if (withUser) {
    if (const int error = tryNamespaces(CLONE_NEWUSER); error == 0) {
      base = CLONE_NEWUSER;
    } else {
      confinements.setInactive(Confinement::kUserNamespace, namespaceRefusal(error));
    }
  }
  unsigned long usable = base;
  for (const auto& [flag, confinement] : kNamespaces) {
    if (flag == CLONE_NEWUSER) continue;
    if (const int error = tryNamespaces(base | flag); error == 0) {
      usable |= flag;
    } else {
      confinements.setInactive(confinement, namespaceRefusal(error));
    }
  }
  return usable;
}

int writeFile(const std::string& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno;
  return ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

// One user and one group exist inside. As root they are an unprivileged one's outside; where those do not
// exist (a container with few ids), and for an ordinary user, they are our own. 0, or the error number;
// `ownUser` tells which it became.
int writeIdMaps(pid_t child, const EngineLaunch& launch, bool root, bool& ownUser) {
  const std::string directory = "/proc/" + std::to_string(child) + "/";
  auto map = [&](const char* file, unsigned outside) {
    return writeFile(directory + file, std::to_string(kInsideId) + " " + std::to_string(outside) + " 1");
  };
  ownUser = !root;
  if (!root || map("gid_map", launch.unprivilegedGid) != 0) {
    if (const int error = writeFile(directory + "setgroups", "deny"); error != 0) return error;
    if (const int error = map("gid_map", ::getegid()); error != 0) return error;
  }
  if (root && map("uid_map", launch.unprivilegedUid) == 0) return 0;
  ownUser = true;
  return map("uid_map", ::geteuid());
}

// Null-terminated pointers into strings that live elsewhere.
std::vector<char*> pointersTo(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<PlannedLimit> plannedLimits(const EngineLimits& limits, bool userNamespace) {
  auto both = [](int resource, uint64_t value) { return PlannedLimit{resource, {value, value}}; };
  std::vector<PlannedLimit> result = {both(RLIMIT_NOFILE, limits.openFilesMax),
                                      both(RLIMIT_CORE, 0),
                                      both(RLIMIT_FSIZE, limits.fileBytesMax),
                                      both(RLIMIT_MEMLOCK, limits.lockedBytesMax),
                                      both(RLIMIT_STACK, limits.stackBytesMax),
                                      both(RLIMIT_MSGQUEUE, 0),
                                      both(RLIMIT_RTPRIO, 0)};
  if (userNamespace) result.push_back(both(RLIMIT_NPROC, limits.threadsMax));
  return result;
}

base::Status checkLaunch(const EngineLaunch& launch) {
  std::array<bool, wire::kDescriptorsMax> used{};
  for (const auto& [fd, number] : launch.descriptors) {
    if (number < wire::kFirstFreeDescriptor || number >= wire::kDescriptorsMax || used[static_cast<size_t>(number)]) {
      return base::Error{"engine launch: descriptor number " + std::to_string(number) + " is out of range or taken"};
    }
    used[static_cast<size_t>(number)] = true;
    if (::fcntl(fd, F_GETFD) < 0)
      return base::Error{"engine launch: descriptor " + std::to_string(fd) + " is not open"};
  }
  return base::Nothing{};
}

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

std::string describe(const ChildReport& line) {
  std::string text = childStepText(line.step);
  // The step that asks for Landlock says it all when the kernel has none.
  if (line.step == ChildStep::kLandlockRuleset) return text;
  if (line.step == ChildStep::kOpenFile || line.step == ChildStep::kAttachFile || line.step == ChildStep::kReachFiles ||
      line.step == ChildStep::kLimit || line.step == ChildStep::kLandlockRule ||
      line.step == ChildStep::kCapabilities) {
    text += " (" + std::to_string(line.index) + ")";
  }
  text += std::string(": ") + std::strerror(line.error);
  if (line.step == ChildStep::kExec && line.error == EACCES) {
    text +=
        "; the unprivileged user that engines run as must be able to reach it: move it out of folders that are "
        "closed to others, such as /root";
  }
  return text;
}

// Reads the child's report until it has become the engine (end of stream), or has failed. An error text if it
// failed.
std::optional<std::string> readReport(int fd, std::chrono::milliseconds atMost, Confinements& confinements) {
  const auto deadline = std::chrono::steady_clock::now() + atMost;
  std::optional<std::string> fatal;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return "the engine's set-up did not end in time";
    pollfd readable{fd, POLLIN, 0};
    const int ready = ::poll(&readable, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return std::string("poll: ") + std::strerror(errno);
    if (ready <= 0) continue;
    ChildReport line{};
    const ssize_t length = ::read(fd, &line, sizeof(line));
    if (length < 0 && errno == EINTR) continue;
    if (length == 0) return fatal;
    if (length != sizeof(line) || line.confinement >= wire::kConfinementCount)
      return "the engine's set-up reported nonsense";
    const auto confinement = static_cast<Confinement>(line.confinement);
    if (line.fatal != 0) {
      fatal = describe(line);
    } else if (line.error == 0) {
      confinements.setActive(confinement);
    } else {
      confinements.setInactive(confinement, describe(line));
    }
  }
}

}  // namespace

std::string EngineExit::text() const {
  if (code) return "exited with status " + std::to_string(*code);
  if (!signal) return "ended in an unknown way";
  const char* name = ::sigabbrev_np(*signal);
  return "killed by " + (name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(*signal));
}

base::Result<std::unique_ptr<EngineProcess>> EngineProcess::spawn(const EngineImage& image,
                                                                  const EngineLaunch& launch) {
  if (auto checked = checkLaunch(launch); !checked.ok()) return checked.error();
  const bool root = ::geteuid() == 0;

  auto sockets = wire::ControlSocket::makePair();
  if (!sockets.ok()) return sockets.error();
  // Non-blocking at the engine's end as well: a full pipe costs it lines, never time.
  auto output = makePipe(O_NONBLOCK);
  if (!output.ok()) return output.error();
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return systemError("/dev/null", errno);
  const Descriptor filter(::memfd_create("seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!filter) return systemError("memfd_create", errno);

  std::vector<std::string> insideArguments = {image.node().inside, "--disable-sigusr1"};
  std::vector<std::string> outsideArguments = {image.node().outside, "--disable-sigusr1"};
  for (auto* arguments : {&insideArguments, &outsideArguments}) {
    const bool inside = arguments == &insideArguments;
    arguments->insert(arguments->end(), launch.nodeFlags.begin(), launch.nodeFlags.end());
    arguments->push_back(inside ? image.launcher().inside : image.launcher().outside);
    arguments->push_back(inside ? image.addon().inside : image.addon().outside);
    arguments->insert(arguments->end(), launch.arguments.begin(), launch.arguments.end());
  }
  // libuv would otherwise make io_uring instances that outlive the lock-down. The machine's OpenSSL
  // configuration is not the engine's: a path that does not exist stands for none, while one that Landlock
  // hides would end Node. An engine's threads come and go, seldom two allocate at a time, and each would leave a part
  // of an arena of its own in use.
  std::vector<std::string> outsideEnvironment = {"UV_USE_IO_URING=0", "OPENSSL_CONF=/nonexistent/openssl.cnf",
                                                 "MALLOC_ARENA_MAX=1"};
  outsideEnvironment.insert(outsideEnvironment.end(), launch.environment.begin(), launch.environment.end());
  std::vector<std::string> insideEnvironment = outsideEnvironment;
  insideEnvironment.push_back(std::string("LD_LIBRARY_PATH=") + kEngineLibraryDirectory);
  const std::vector<char*> insideArgumentPointers = pointersTo(insideArguments);
  const std::vector<char*> outsideArgumentPointers = pointersTo(outsideArguments);
  const std::vector<char*> insideEnvironmentPointers = pointersTo(insideEnvironment);
  const std::vector<char*> outsideEnvironmentPointers = pointersTo(outsideEnvironment);

  std::vector<const char*> directories;
  for (const std::string& directory : image.directories()) directories.push_back(directory.c_str());
  std::vector<PlannedFile> files;
  for (const auto& file : image.files()) files.push_back({file.outside.c_str(), file.inside.c_str()});
  constexpr const char* kOutsideOnly[] = {"/etc/ld.so.cache"};

  std::vector<PlannedDescriptor> descriptors = {{null.get(), STDIN_FILENO},
                                                {output->writing.get(), STDOUT_FILENO},
                                                {output->writing.get(), STDERR_FILENO},
                                                {sockets->second.fd(), wire::kControlDescriptor},
                                                {filter.get(), wire::kSeccompFilterDescriptor}};
  for (const auto& [fd, number] : launch.descriptors) descriptors.push_back({fd, number});

  // The full set first; whatever is refused is found out one by one, and left out.
  unsigned long namespaces = kAllNamespaces;
  Confinements refused;
  for (int attempt = 0;; ++attempt) {
    CHECK(attempt < 4);
    auto go = makePipe(0);
    if (!go.ok()) return go.error();
    auto report = makePipe(0);
    if (!report.ok()) return report.error();
    const bool userNamespace = (namespaces & CLONE_NEWUSER) != 0;
    const std::vector<PlannedLimit> limits = plannedLimits(launch.limits, userNamespace);
    const ChildPlan plan = {
        .namespaces = namespaces,
        .switchUser = userNamespace || root,
        .dropGroups = root,
        .uid = userNamespace ? kInsideId : launch.unprivilegedUid,
        .gid = userNamespace ? kInsideId : launch.unprivilegedGid,
        .hostName = "weir-engine",
        .directories = directories,
        .files = files,
        .outsideOnly = kOutsideOnly,
        .emptyDirectory = kEngineEmptyDirectory,
        .inside = {image.node().inside.c_str(), insideArgumentPointers.data(), insideEnvironmentPointers.data()},
        .outside = {image.node().outside.c_str(), outsideArgumentPointers.data(), outsideEnvironmentPointers.data()},
        .descriptors = descriptors,
        .limits = limits,
        .go = go->reading.get(),
        .report = report->writing.get(),
    };

    auto engine = std::unique_ptr<EngineProcess>(new EngineProcess());
    int pidfd = -1;
    {
      const SignalsBlocked blocked;
      engine->pid_ = cloneCall(namespaces | CLONE_PIDFD, &pidfd);
      if (engine->pid_ == 0) {
        // Ours to write to; if it stayed open here, the read of `go` would never see the parent's end.
        ::syscall(SYS_close, go->writing.get());
        runChild(plan);
      }
    }
    if (engine->pid_ < 0) {
      const int error = errno;
      if (namespaces == 0) return systemError("clone", error);
      namespaces = attempt == 0 ? findNamespaces(true, refused) : 0;
      if (attempt > 0) {
        for (const auto& each : kNamespaces) {
          if (!refused.reported(each.confinement)) refused.setInactive(each.confinement, namespaceRefusal(error));
        }
      }
      continue;
    }
    engine->pidfd_ = Descriptor(pidfd);
    // Our copy of go->reading stays: writing to a child that has died must not be a SIGPIPE.
    report->writing.reset();

    bool ownUser = !root;
    if (userNamespace) {
      if (const int error = writeIdMaps(engine->pid_, launch, root, ownUser); error != 0) {
        refused.setInactive(Confinement::kUserNamespace, std::string("writing its uid map: ") + std::strerror(error));
        engine.reset();
        namespaces = findNamespaces(false, refused);
        continue;
      }
    }

    Confinements& confinements = engine->confinements_;
    for (const auto& [flag, confinement] : kNamespaces) {
      if ((namespaces & flag) != 0 && confinement != Confinement::kMountNamespace) confinements.setActive(confinement);
    }
    if (root && launch.unprivilegedUid == 0) {
      confinements.setInactive(Confinement::kUnprivilegedUser, "the launch asks for uid 0");
    } else if (root && ownUser) {
      confinements.setInactive(Confinement::kUnprivilegedUser,
                               "uid " + std::to_string(launch.unprivilegedUid) + " does not exist in this container");
    } else {
      confinements.setActive(Confinement::kUnprivilegedUser);
    }

    // The filter names the engine's own pid as the engine sees it, so it is written now.
    const bool pidNamespace = (namespaces & CLONE_NEWPID) != 0;
    auto program = buildSeccompProgram(
        {.arch = nativeSeccompArch(), .ownPid = pidNamespace ? 1 : engine->pid_, .ownPidNamespace = pidNamespace});
    if (!program.ok()) return program.error();
    if (::pwrite(filter.get(), program->data(), program->size(), 0) != static_cast<ssize_t>(program->size()) ||
        ::fcntl(filter.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
      return systemError("seccomp filter", errno);
    }

    if (::write(go->writing.get(), "g", 1) != 1) return systemError("the engine ended before its set-up", errno);
    auto failed = readReport(report->reading.get(), launch.setupMax, confinements);
    if (failed) return base::Error{"engine: " + *failed};
    if (auto ended = engine->reap(); ended && ended->code == 126) {
      return base::Error{"engine: its descriptors could not be arranged"};
    }
    confinements.merge(refused);

    if (launch.requireSandbox) {
      std::string missing;
      for (const Confinement confinement : confinements.missing()) {
        if (!wire::isMadeByParent(confinement)) continue;
        missing.append(missing.empty() ? "" : ", ").append(wire::confinementName(confinement));
        missing.append(" (").append(confinements.reason(confinement)).append(")");
      }
      if (!missing.empty()) return base::Error{"--require-sandbox: missing " + missing};
    }

    engine->control_ = std::move(sockets->first);
    engine->output_ = std::move(output->reading);
    return engine;
  }
}

std::unique_ptr<EngineProcess> EngineProcess::adopt(Adopted engine) {
  auto self = std::unique_ptr<EngineProcess>(new EngineProcess());
  self->pid_ = engine.pid;
  self->pidfd_ = std::move(engine.pidfd);
  self->control_ = std::move(engine.control);
  self->output_ = std::move(engine.output);
  self->status_ = std::move(engine.status);
  self->confinements_ = std::move(engine.confinements);
  self->parent_ = std::move(engine.parent);
  return self;
}

EngineProcess::~EngineProcess() {
  if (pid_ <= 0) return;
  kill();
  if (!status_) (void)wait();
}

bool EngineProcess::drainOutput(const std::function<void(std::string_view line)>& onLine) {
  std::array<char, 4096> chunk;
  for (size_t total = 0; total < kOutputBytesPerDrain;) {
    const ssize_t length = ::read(output_.get(), chunk.data(), chunk.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 && errno == EAGAIN) return true;
    if (length <= 0) {
      lines_.finish(onLine);
      return false;
    }
    lines_.feed(std::string_view(chunk.data(), static_cast<size_t>(length)), onLine);
    total += static_cast<size_t>(length);
  }
  return true;
}

void EngineProcess::kill() {
  if (pid_ <= 0) return;
  // By pidfd, so that it can never hit a process that got the number later. One that has ended is no error.
  (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

std::optional<EngineExit> EngineProcess::reap() { return collect(false); }

EngineExit EngineProcess::wait() {
  auto ended = collect(true);
  CHECK(ended.has_value());
  return *ended;
}

std::optional<EngineExit> EngineProcess::collect(bool waiting) {
  if (exit_) return exit_;
  if (status_) return exit_ = collectAdopted(waiting);
  siginfo_t info{};
  for (;;) {
    const int result = ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info,
                                WEXITED | (waiting ? 0 : WNOHANG));
    if (result == 0) break;
    if (errno == EINTR) continue;
    exit_ = EngineExit{};  // somebody else has reaped it: gone, but how is not known
    return exit_;
  }
  if (info.si_pid == 0) return std::nullopt;
  exit_ = info.si_code == CLD_EXITED ? EngineExit{.code = info.si_status, .signal = std::nullopt}
                                     : EngineExit{.code = std::nullopt, .signal = info.si_status};
  return exit_;
}

// Its end is known from the pidfd, how it was from its parent. That says so at once, or has ended too: then the kernel
// has killed what it made.
std::optional<EngineExit> EngineProcess::collectAdopted(bool waiting) {
  constexpr int kStatusMaxMs = 5'000;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  while (::poll(&ended, 1, waiting ? -1 : 0) < 0 && errno == EINTR) {
  }
  if ((ended.revents & POLLIN) == 0) return std::nullopt;
  pollfd said{status_.get(), POLLIN, 0};
  while (::poll(&said, 1, kStatusMaxMs) < 0 && errno == EINTR) {
  }
  int status = 0;
  if (::read(status_.get(), &status, sizeof status) != sizeof status) status = SIGKILL;
  if (WIFEXITED(status)) return EngineExit{.code = WEXITSTATUS(status), .signal = std::nullopt};
  if (WIFSIGNALED(status)) return EngineExit{.code = std::nullopt, .signal = WTERMSIG(status)};
  return EngineExit{};
}

}  // namespace weir::sandbox
