// EngineLink: one running engine as the loops see it: its event ring, which they share, and an effect ring per loop.
//
// Threads: `send`, `ensureLoaded` and `flush` from any loop; `reader(loop)` and `use(loop)` on that loop only; the
// process belongs to the supervisor, which made the link. Shared by the loops, the invocations on it and the
// supervisor; immutable but for what the mutex guards and what is atomic.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "observe/facts.h"
#include "sandbox/engine_process.h"
#include "sandbox/runnable_version.h"
#include "wire/codec.h"
#include "wire/ring.h"
#include "wire/sealed_blob.h"

namespace weir::sandbox {

class EngineLink {
 public:
  struct Options {
    const EngineImage& image;
    const wire::Descriptor& baseSnapshot;
    std::vector<std::string> nodeFlags;
    uint32_t index = 0;
    uint32_t loops = 1;
    uint32_t memoryBudgetMb = 1024;
    bool requireSandbox = false;
  };
  // Starts the process and returns while it loads. On the supervisor's thread.
  static base::Result<std::shared_ptr<EngineLink>> launch(const Options& options);
  ~EngineLink();

  // True once the engine is locked down and takes versions; false: not yet. An error: it never will be, and its process
  // is still to be ended. On the supervisor's thread, when process().control() is readable.
  base::Result<bool> pollReady();

  uint32_t index() const { return index_; }
  EngineProcess& process() { return *process_; }
  const wire::Confinements& confinements() const { return confinements_; }
  const std::string& v8Version() const { return v8Version_; }

  // False: the ring is full or broken, nothing was sent.
  template <class Message>
  [[nodiscard]] bool send(const Message& message) {
    const std::lock_guard lock(mutex_);
    scratch_.clear();
    wire::encode<wire::Event>(message, scratch_);
    dirty_ = true;
    return put(scratch_);
  }
  [[nodiscard]] bool sendEncoded(std::span<const uint8_t> event) {
    const std::lock_guard lock(mutex_);
    dirty_ = true;
    return put(event);
  }
  // Whether the ring has room for body bytes: a share of it is kept for everything else.
  [[nodiscard]] bool roomForBodies() {
    const std::lock_guard lock(mutex_);
    return writer_->freeBytes() > wire::Bounds::kEventRingBytes / 2;
  }
  // Sends the version unless the engine has it as it is: one that has got an image meanwhile is sent again.
  [[nodiscard]] bool ensureLoaded(const RunnableVersion& version);
  // Nothing routes to the version and nothing runs it any more: the engine may forget it.
  void drop(wire::VersionId version);
  // Wakes the engine if it sleeps and something was sent.
  void flush();

  wire::RingReader& reader(uint32_t loop) { return *loops_[loop].reader; }
  int wakeDescriptor(uint32_t loop) const { return loops_[loop].wake.get(); }

  // Kills the process; the first reason stands. Any thread; the supervisor sees the end and tells everybody.
  void condemn(observe::EngineDeath reason = observe::EngineDeath::kProtocolViolation);
  bool condemned() const { return condemned_.load(std::memory_order_relaxed); }
  // What it says still counts: it may have been condemned, but not for what it said.
  bool believed() const { return !condemned() || deathReason() != observe::EngineDeath::kProtocolViolation; }
  // Why it was condemned; kCrashed when it was not.
  observe::EngineDeath deathReason() const { return reason_.load(); }

  // It has lost a thread to a script and is to be replaced: what can run elsewhere does. Any thread.
  void retire() { retiring_.store(true, std::memory_order_relaxed); }
  bool retiring() const { return retiring_.load(std::memory_order_relaxed); }

  // What one loop has on this engine. Written by that loop with plain stores, read by the supervisor.
  struct LoopUse {
    std::atomic<uint32_t> inFlight{0};  // invocations the engine has not ended
    std::atomic<uint32_t> lost{0};      // of those, how many ended with the engine
    std::atomic<bool> left{false};      // starts nothing here any more
    std::atomic<bool> gone{false};      // reads nothing from here any more
  };
  LoopUse& use(uint32_t loop) { return loops_[loop].use; }
  uint32_t inFlight() const;
  uint32_t lost() const;
  // No loop starts invocations here, and none is left.
  bool drained() const;
  // No loop reads from here.
  bool forgotten() const;

  // What the engine last said of itself. Any thread.
  void setLoad(const wire::EngineLoad& load) {
    const std::lock_guard lock(mutex_);
    load_ = load;
  }
  wire::EngineLoad load() {
    const std::lock_guard lock(mutex_);
    return load_;
  }

  // How far the engine has come with its events: ring positions in bytes. Nullopt: it broke the ring.
  struct Progress {
    uint64_t written = 0;
    uint64_t read = 0;
  };
  std::optional<Progress> progress();
  // Where the next event goes, or before; any thread, without the lock.
  uint64_t writtenUpTo() const { return writtenUpTo_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) LoopEnd {
    void* memory = nullptr;
    std::unique_ptr<wire::RingReader> reader;
    wire::Descriptor wake;
    LoopUse use;
  };
  EngineLink() = default;
  bool put(std::span<const uint8_t> event) {
    if (!writer_->write(event)) return false;
    writtenUpTo_.store(writer_->writtenUpTo(), std::memory_order_relaxed);
    return true;
  }
  bool sendBlob(int descriptor, uint64_t& number);

  uint32_t index_ = 0;
  std::unique_ptr<EngineProcess> process_;
  wire::Confinements confinements_;
  std::string v8Version_;
  std::unique_ptr<LoopEnd[]> loops_;
  uint32_t loopCount_ = 0;
  bool requireSandbox_ = false;
  std::atomic<bool> condemned_{false};
  std::atomic<bool> retiring_{false};
  std::atomic<observe::EngineDeath> reason_{observe::EngineDeath::kCrashed};  // set once, by whoever condemned it

  std::mutex mutex_;
  void* eventMemory_ = nullptr;
  std::unique_ptr<wire::RingWriter> writer_;
  wire::Descriptor eventWake_;
  std::vector<uint8_t> scratch_;
  std::atomic<uint64_t> writtenUpTo_{0};
  wire::EngineLoad load_;
  std::map<uint64_t, bool> loaded_;  // by number: whether its image was sent
  uint64_t nextBlob_ = 1;
  bool dirty_ = false;
};

}  // namespace weir::sandbox
