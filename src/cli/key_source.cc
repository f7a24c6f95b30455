#include "cli/key_source.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/check.h"
#include "base/whole_file.h"
#include "wire/descriptor.h"

extern char** environ;

namespace weir::cli {

namespace {

constexpr size_t kTextBytesMax = 16 * 1024;
constexpr std::chrono::seconds kCommandMax{30};
constexpr const char* kFlag = "--secret-key-command";

base::Error systemError(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

// 0 when it has passed.
int millisecondsTo(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<int64_t>(0, left.count()));
}

class Command {
 public:
  // What it prints is read from `output`.
  static base::Result<Command> start(const std::string& command) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return systemError(kFlag);
    wire::Descriptor output(ends[0]);
    const wire::Descriptor input(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, input.get(), 1);
    // This process blocks the signals that stop it; a command that inherited that could not be stopped. It gets a
    // group of its own, so that what it starts ends with it.
    sigset_t none;
    sigemptyset(&none);
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    const char* const arguments[] = {"sh", "-c", command.c_str(), nullptr};
    pid_t child = -1;
    const int problem =
        ::posix_spawn(&child, "/bin/sh", &actions, &attributes, const_cast<char* const*>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (problem != 0) return base::Error{std::string(kFlag) + ": /bin/sh: " + std::strerror(problem)};
    return Command(child, std::move(output));
  }
  Command(Command&& other) noexcept : child_(std::exchange(other.child_, -1)), output_(std::move(other.output_)) {}
  Command& operator=(Command&&) = delete;
  ~Command() {
    if (child_ < 0) return;
    ::kill(-child_, SIGKILL);
    wait();
  }

  int output() const { return output_.get(); }
  // Its wait status; nullopt: it has not ended by then.
  std::optional<int> waitUntil(std::chrono::steady_clock::time_point deadline) {
    const wire::Descriptor ended(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
    CHECK(static_cast<bool>(ended));
    pollfd ready{ended.get(), POLLIN, 0};
    while (ready.revents == 0) {
      const int left = millisecondsTo(deadline);
      if (left == 0) return std::nullopt;
      if (::poll(&ready, 1, left) < 0 && errno != EINTR) return std::nullopt;
    }
    return wait();
  }

 private:
  Command(pid_t child, wire::Descriptor output) : child_(child), output_(std::move(output)) {}

  int wait() {
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    return status;
  }

  pid_t child_;
  wire::Descriptor output_;
};

base::Result<catalog::SecretText> outputOf(const std::string& text) {
  auto command = Command::start(text);
  if (!command.ok()) return command.error();
  catalog::SecretText buffer(kTextBytesMax + 1);
  size_t size = 0;
  const auto deadline = std::chrono::steady_clock::now() + kCommandMax;
  const base::Error tooLong{std::string(kFlag) + ": it has not ended within 30 seconds"};
  for (;;) {
    const int left = millisecondsTo(deadline);
    if (left == 0) return tooLong;
    pollfd ready{command->output(), POLLIN, 0};
    if (::poll(&ready, 1, left) < 0 && errno != EINTR) return systemError(kFlag);
    if (ready.revents == 0) continue;
    const ssize_t got = ::read(command->output(), buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return systemError(kFlag);
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (size > kTextBytesMax) return base::Error{std::string(kFlag) + ": it prints more than keys"};
  }
  const auto status = command->waitUntil(deadline);
  if (!status) return tooLong;
  if (WIFSIGNALED(*status))
    return base::Error{std::string(kFlag) + ": it was ended by signal " + std::to_string(WTERMSIG(*status))};
  if (WEXITSTATUS(*status) != 0)
    return base::Error{std::string(kFlag) + ": it ended with " + std::to_string(WEXITSTATUS(*status))};
  return catalog::SecretText(std::string_view(buffer.data(), size));
}

}  // namespace

const std::string& KeySource::name() const {
  static const std::string flag = kFlag;
  return isFile() ? file_ : flag;
}

base::Result<std::optional<std::vector<catalog::SecretKey>>> KeySource::read() const {
  catalog::SecretText text;
  if (isFile()) {
    struct stat status {};
    if (::stat(file_.c_str(), &status) != 0) {
      if (errno == ENOENT) return std::optional<std::vector<catalog::SecretKey>>();
      return systemError(file_);
    }
    if ((status.st_mode & 077) != 0)
      return base::Error{file_ + ": others than its owner can read or write it; run chmod 600 " + file_ +
                         ", and change the key if they may have"};
    auto bytes = base::readWholeFile(file_, kTextBytesMax);
    if (!bytes.ok()) return bytes.error();
    if (!*bytes) return std::optional<std::vector<catalog::SecretKey>>();
    text = catalog::SecretText(std::string_view(**bytes));
    catalog::wipe(**bytes);
  } else {
    auto printed = outputOf(command_);
    if (!printed.ok()) return printed.error();
    text = std::move(printed).value();
  }
  auto keys = catalog::parseSecretKeys(text.view());
  if (!keys.ok()) return base::Error{name() + ": " + keys.error().message};
  return std::optional<std::vector<catalog::SecretKey>>(std::move(keys).value());
}

base::Status KeySource::write(const std::vector<const catalog::SecretKey*>& keys) const {
  CHECK(isFile());
  const catalog::SecretText text = catalog::printSecretKeys(keys);
  return base::writeWholeFile(file_, text.view());
}

}  // namespace weir::cli
