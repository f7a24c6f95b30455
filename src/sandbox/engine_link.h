// EngineLink: one running engine as the loops see it: its event ring, which they share, and an effect ring per loop.
//
// Threads: `send`, `ensureLoaded` and `flush` from any loop; `reader(loop)` on that loop only; the process belongs to the
// thread that made the link. Shared by the loops and the supervisor; immutable but for what the mutex guards.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

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
  // Starts an engine and waits until it is locked down. On the supervisor's thread.
  static base::Result<std::shared_ptr<EngineLink>> start(const Options& options);
  ~EngineLink();

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
    return writer_->write(scratch_);
  }
  // Sends the version unless the engine has it.
  [[nodiscard]] bool ensureLoaded(const RunnableVersion& version);
  // Wakes the engine if it sleeps and something was sent.
  void flush();

  wire::RingReader& reader(uint32_t loop) { return *loops_[loop].reader; }
  int wakeDescriptor(uint32_t loop) const { return loops_[loop].wake.get(); }

  // Any thread; the supervisor acts on it.
  void condemn() { condemned_.store(true); process_->kill(); }
  bool condemned() const { return condemned_.load(); }

 private:
  struct LoopEnd {
    void* memory = nullptr;
    std::unique_ptr<wire::RingReader> reader;
    wire::Descriptor wake;
  };
  EngineLink() = default;

  uint32_t index_ = 0;
  std::unique_ptr<EngineProcess> process_;
  wire::Confinements confinements_;
  std::string v8Version_;
  std::vector<LoopEnd> loops_;
  std::atomic<bool> condemned_{false};

  std::mutex mutex_;
  void* eventMemory_ = nullptr;
  std::unique_ptr<wire::RingWriter> writer_;
  wire::Descriptor eventWake_;
  std::vector<uint8_t> scratch_;
  std::set<uint64_t> loaded_;
  uint64_t nextBlob_ = 1;
  bool dirty_ = false;
};

}  // namespace weir::sandbox
