// One engine process: started confined, watched, ended, never left as a zombie.
//
// Story of a spawn: the parent builds the system call filter, clones into fresh namespaces and writes the uid
// maps; the child builds its root, applies Landlock and limits, reports each step and becomes Node
// (engine_child.h); Node loads the addon, which locks itself down (engine/lockdown.h) and sends the other
// half of the confinements over control().
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/engine_image.h"
#include "sandbox/line_splitter.h"
#include "wire/confinement.h"
#include "wire/control_socket.h"
#include "wire/descriptor.h"
#include "wire/engine_descriptors.h"

namespace weir::sandbox {

// Limits of the whole process, set before it starts; it cannot raise them. Address space has none: V8
// reserves cages of it.
struct EngineLimits {
  uint32_t openFilesMax = 512;
  uint32_t threadsMax = 512;           // where the engine has a user namespace; uids are shared otherwise
  uint64_t fileBytesMax = 1ULL << 30;  // of a memfd it writes
  uint64_t lockedBytesMax = 0;
  uint64_t stackBytesMax = 8ULL << 20;  // of the main thread
};
static_assert(EngineLimits{}.openFilesMax > 2 * wire::kDescriptorsMax,
              "the launch's descriptors must leave Node and the engine room for their own");

// A descriptor the engine gets, under the number it expects. The parent's stays open and its own.
struct DescriptorGrant {
  int fd;
  int number;  // kFirstFreeDescriptor <= number < kDescriptorsMax, each once
};

struct EngineLaunch {
  std::vector<std::string> nodeFlags{};    // before the launcher: V8 and Node options
  std::vector<std::string> arguments{};    // after the addon's path
  std::vector<std::string> environment{};  // "NAME=value"; the engine gets nothing else of ours
  std::vector<DescriptorGrant> descriptors{};
  EngineLimits limits{};
  // Refuse to start when one of the parent's confinements is missing. (The engine's half is checked when it
  // reports.)
  bool requireSandbox = false;
  // Who the engine is outside its namespaces when the platform runs as root. Ignored otherwise.
  uid_t unprivilegedUid = 65534;
  gid_t unprivilegedGid = 65534;
  std::chrono::milliseconds setupMax{10'000};  // clone to exec
};

struct EngineExit {
  std::optional<int> code;    // exit status
  std::optional<int> signal;  // what killed it
  // "exited with status 3", "killed by SIGSEGV".
  std::string text() const;
};

// A resource; used by one thread at a time. The thread that spawns must live as long as the engine is wanted:
// the kernel kills the engine when that thread ends, so that no engine outlives its platform.
class EngineProcess {
 public:
  // Starts an engine and waits until it has become Node (some milliseconds; a fork of this process is part of
  // it, so call it off the event loop if this process is large). An error when it could not be started, or
  // may not (requireSandbox); nothing is left behind then.
  static base::Result<std::unique_ptr<EngineProcess>> spawn(const EngineImage& image, const EngineLaunch& launch);

  // An engine that another process has made (sandbox/nursery.h), which is its parent, and writes the wait status into
  // the pipe `status` when it has ended.
  struct Adopted {
    pid_t pid;
    wire::Descriptor pidfd;
    wire::ControlSocket control;
    wire::Descriptor output;
    wire::Descriptor status;
    wire::Confinements confinements;
    std::shared_ptr<void> parent;  // kept until this engine is not wanted any more
  };
  static std::unique_ptr<EngineProcess> adopt(Adopted engine);

  EngineProcess(const EngineProcess&) = delete;
  EngineProcess& operator=(const EngineProcess&) = delete;
  // Kills and reaps; one that was adopted is reaped by its parent.
  ~EngineProcess();

  pid_t pid() const { return pid_; }
  // Readable once the engine has ended; for an epoll set. Borrowed.
  int pidfd() const { return pidfd_.get(); }
  wire::ControlSocket& control() { return control_; }
  // What the parent made; merge the engine's report into it.
  const wire::Confinements& confinements() const { return confinements_; }

  // Readable when the engine has printed something, and at the end of its output. Non-blocking, borrowed.
  int outputFd() const { return output_.get(); }
  // Reads what there is, at most kOutputBytesPerDrain; `onLine` gets each line (line_splitter.h), borrowed
  // for the call. False at the end of the output: take outputFd() out of the epoll set.
  static constexpr size_t kOutputBytesPerDrain = 64 * 1024;
  bool drainOutput(const std::function<void(std::string_view line)>& onLine);

  // Ends it at once; the exit is still to be reaped. Any thread, at any time.
  void kill();
  // How it ended, or nothing while it lives. Does not wait. The same answer from then on.
  std::optional<EngineExit> reap();
  // Waits for its end.
  EngineExit wait();

 private:
  EngineProcess() = default;
  std::optional<EngineExit> collect(bool waiting);
  std::optional<EngineExit> collectAdopted(bool waiting);

  pid_t pid_ = -1;
  wire::Descriptor pidfd_;
  wire::ControlSocket control_{wire::Descriptor()};
  wire::Descriptor output_;
  wire::Descriptor status_;       // of one that was adopted
  std::shared_ptr<void> parent_;  // likewise
  LineSplitter lines_;
  wire::Confinements confinements_;
  std::optional<EngineExit> exit_;
};

}  // namespace weir::sandbox
