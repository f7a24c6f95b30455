#include "sandbox/version_check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/json_text.h"
#include "sandbox/engine_ready.h"
#include "wire/codec.h"

namespace weir::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{20};
constexpr const char* kMemoryExceeded = "Script startup exceeded memory limits.";

// Text from an engine, fit for a terminal and a log: well-formed, no control characters but line breaks and tabs.
std::string cleanText(std::string_view text) {
  std::string result = base::wellFormedUtf8(text);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) c = '?';
  }
  return result;
}

bool areHandlerNames(std::string_view text) {
  for (;;) {
    const size_t comma = text.find(',');
    if (!wire::isHandlerName(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

// Of a whole process, in bytes; 0 when it cannot be told.
uint64_t residentBytes(pid_t pid) {
  const wire::Descriptor file(::open(("/proc/" + std::to_string(pid) + "/statm").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text{};
  if (!file || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  char* rest = nullptr;
  (void)std::strtoull(text.data(), &rest, 10);
  return std::strtoull(rest, nullptr, 10) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Where the kernel schedules by session, a process's nice value counts only among those of its session; an engine has
// one of its own (engine_child.cc), so that session is given the same. Elsewhere there is no such file, and an ordinary
// user may be refused: then it yields less.
void yieldToOthers(pid_t pid) {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(pid), VersionCheck::kYieldingNice);
  const wire::Descriptor group(::open(("/proc/" + std::to_string(pid) + "/autogroup").c_str(), O_WRONLY | O_CLOEXEC));
  const std::string nice = std::to_string(VersionCheck::kYieldingNice);
  if (group) (void)!::write(group.get(), nice.data(), nice.size());
}

EngineLaunch launchFor(const char* role, const VersionCheck::Options& options) {
  EngineLaunch launch;
  launch.nodeFlags = options.nodeFlags;
  launch.arguments = {role};
  launch.requireSandbox = options.requireSandbox;
  launch.descriptors.push_back({options.baseSnapshot.get(), wire::kBaseSnapshotDescriptor});
  launch.limits.fileBytesMax = 2 * uint64_t{wire::Bounds::kImageBytesMax};
  return launch;
}

}  // namespace

base::Result<std::unique_ptr<Nursery>> VersionCheck::startNursery(const Options& options, int stop) {
  auto nursery = Nursery::start(options.image, launchFor("nursery", options), options.limits.readyMax, stop);
  // What it makes has its priority and its session.
  if (nursery.ok() && options.yielding) yieldToOthers((*nursery)->pid());
  return nursery;
}

base::Result<std::unique_ptr<VersionCheck>> VersionCheck::prepare(const Options& options, int stop) {
  auto process = EngineProcess::spawn(options.image, launchFor("check", options));
  if (!process.ok()) return process.error();
  if (options.yielding) yieldToOthers((*process)->pid());
  return prepare(options, std::move(process).value(), stop);
}

base::Result<std::unique_ptr<VersionCheck>> VersionCheck::prepare(const Options& options,
                                                                  std::unique_ptr<EngineProcess> engine, int stop) {
  auto self = std::unique_ptr<VersionCheck>(new VersionCheck());
  self->limits_ = options.limits;
  self->stop_ = stop;
  self->process_ = std::move(engine);
  const auto deadline = Clock::now() + options.limits.readyMax;
  for (;;) {
    const Woken woken = self->wait(deadline);
    if (woken == Woken::kMessage) {
      auto ready = receiveReady(*self->process_, options.requireSandbox);
      if (ready.ok() && *ready) return self;
      if (ready.ok()) continue;
      return base::Error{"an engine for a check did not start: " + ready.error().message + self->said()};
    }
    if (woken == Woken::kStopped) return base::Error{"the check was given up"};
    const std::string how = woken == Woken::kEnded ? self->process_->wait().text() : "not ready in time";
    return base::Error{"an engine for a check did not start: " + how + self->said()};
  }
}

// Reads what it prints and keeps one line for a reason: what V8 says of a failed check, else the last line that is no
// stack frame. False at the end of its output.
bool VersionCheck::listen() {
  return process_->drainOutput([&](std::string_view line) {
    while (!line.empty() && (line[0] == '#' || line[0] == ' ')) line.remove_prefix(1);
    const bool frame = line.find(": 0x") != std::string_view::npos || line.starts_with("-----");
    if (line.empty() || frame || line_.starts_with("Check failed")) return;
    line_ = std::string(line);
  });
}

std::string VersionCheck::said() {
  listen();
  return line_.empty() ? "" : ": " + line_;
}

VersionCheck::Woken VersionCheck::wait(Clock::time_point deadline) {
  pollfd waits[] = {{process_->control().fd(), POLLIN, 0},
                    {process_->pidfd(), POLLIN, 0},
                    {process_->outputFd(), POLLIN, 0},
                    {stop_, POLLIN, 0}};
  for (;;) {
    (void)::poll(waits, std::size(waits), static_cast<int>(kTick.count()));
    if ((waits[2].revents & (POLLIN | POLLHUP)) != 0 && !listen()) waits[2].fd = -1;
    if ((waits[3].revents & POLLIN) != 0) return Woken::kStopped;
    // What it said before it ended counts.
    if ((waits[0].revents & POLLIN) != 0) return Woken::kMessage;
    if ((waits[1].revents & POLLIN) != 0) return Woken::kEnded;
    if (Clock::now() >= deadline) return Woken::kTimeout;
    if (residentBytes(process_->pid()) > limits_.memoryBytesMax) return Woken::kMemory;
  }
}

StartRefusal VersionCheck::brokeProtocol() {
  process_->kill();
  return {wire::StartFailure::kMalformed,
          "Uncaught Error: internal error: the engine that ran the script broke its protocol",
          {},
          0,
          0};
}

// It died with the script in it and said nothing: V8 aborts where memory or a size is beyond what it can handle.
StartRefusal VersionCheck::refusalAfterDeath(const EngineExit& exit) const {
  if (exit.signal == SIGABRT || exit.signal == SIGTRAP || exit.signal == SIGILL) {
    return {wire::StartFailure::kMemory, kMemoryExceeded, {}, 0, 0};
  }
  return {wire::StartFailure::kMalformed,
          "Uncaught Error: internal error: the engine that ran the script " + exit.text(),
          {},
          0,
          0};
}

base::Result<CheckVerdict> VersionCheck::run(const wire::Descriptor& bundle, wire::CheckVersion wanted) {
  std::vector<uint8_t> request;
  wire::encode<wire::Notice>(wanted, request);
  const int descriptor = bundle.get();
  const auto sent = process_->control().send(std::as_bytes(std::span(request)), {&descriptor, 1});
  if (!sent.ok()) return sent.error();
  if (*sent != wire::ControlSocket::Sent::kYes) return base::Error{"an engine for a check had ended before it"};

  CheckedVersion checked;
  bool passed = false;
  auto deadline = Clock::now() + limits_.scopeWallMax;
  // From here on the version is good, and what is missing is only its image.
  const auto withoutImage = [&](std::string reason) -> CheckVerdict {
    process_->kill();
    checked.reason = std::move(reason);
    return std::move(checked);
  };
  const auto afterEnd = [&]() -> base::Result<CheckVerdict> {
    const EngineExit exit = process_->wait();
    died_ = true;
    if (passed) return withoutImage("V8 cannot write this heap (" + exit.text() + said() + ")");
    if (exit.signal == SIGKILL) return base::Error{"an engine for a check was killed; is memory short?"};
    return CheckVerdict(refusalAfterDeath(exit));
  };
  for (;;) {
    switch (wait(deadline)) {
      case Woken::kMessage: break;
      case Woken::kStopped: process_->kill(); return base::Error{"the check was given up"};
      case Woken::kTimeout:
        if (passed) return withoutImage("writing the heap took too long");
        timedOut_ = true;
        process_->kill();
        return base::Error{"the top-level scope did not end within " +
                           std::to_string(limits_.scopeWallMax.count() / 1000) + " s on this machine"};
      case Woken::kMemory:
        if (passed) return withoutImage("writing the heap took too much memory");
        process_->kill();
        return CheckVerdict(StartRefusal{wire::StartFailure::kMemory, kMemoryExceeded, {}, 0, 0});
      case Woken::kEnded: return afterEnd();
    }
    auto received = process_->control().receive();
    if (!received.ok()) return CheckVerdict(brokeProtocol());
    if (!received->message) {
      if (!received->peerGone) continue;
      // The end of the stream comes with the end of the process, or it is a trick.
      pollfd ended{process_->pidfd(), POLLIN, 0};
      if (::poll(&ended, 1, 1000) <= 0) return CheckVerdict(brokeProtocol());
      return afterEnd();
    }
    const auto& message = *received->message;
    const auto notice =
        wire::decode<wire::Notice>({reinterpret_cast<const uint8_t*>(message.bytes.data()), message.bytes.size()});
    if (!notice || message.descriptors.size() > 1) return CheckVerdict(brokeProtocol());
    wire::BlobMapping blob;
    if (!message.descriptors.empty()) {
      auto mapped = wire::mapSealedBlob(message.descriptors[0].get(), wire::Bounds::kImageBytesMax);
      if (!mapped.ok()) return CheckVerdict(brokeProtocol());
      blob = std::move(mapped).value();
    }
    if (const auto* failed = std::get_if<wire::VersionFailed>(&*notice);
        failed != nullptr && !passed && blob.bytes().size() <= wire::Bounds::kProfileBytesMax) {
      StartRefusal refusal{failed->failure, cleanText(failed->message), cleanText(failed->file), failed->line,
                           failed->column};
      refusal.profile.assign(reinterpret_cast<const char*>(blob.bytes().data()), blob.bytes().size());
      process_->kill();
      return CheckVerdict(std::move(refusal));
    }
    if (const auto* ok = std::get_if<wire::VersionChecked>(&*notice);
        ok != nullptr && !passed && blob.bytes().empty() && areHandlerNames(ok->handlers)) {
      passed = true;
      checked.startupUs = ok->startupUs;
      checked.handlers = std::string(ok->handlers);
      deadline = Clock::now() + limits_.imageWallMax;
      continue;
    }
    if (const auto* made = std::get_if<wire::ImageMade>(&*notice);
        made != nullptr && passed && blob.bytes().empty() == (made->source == wire::StartSource::kCompiled)) {
      process_->kill();
      checked.source = made->source;
      checked.hashMark = made->hashMark;
      checked.image = std::move(blob);
      checked.reason = cleanText(made->reason);
      return CheckVerdict(std::move(checked));
    }
    return CheckVerdict(brokeProtocol());
  }
}

}  // namespace weir::sandbox
