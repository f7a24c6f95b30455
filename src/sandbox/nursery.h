// Nursery: the process that makes engines for checks, as copies of itself (engine/nursery.h), seen from the platform.
// It is started and confined as an engine is, and a copy has all of that and the engine's own half besides.
//
// It sees no tenant's byte, but what it sends is bounded and checked all the same.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include "base/result.h"
#include "sandbox/engine_process.h"

namespace weir::sandbox {

class Nursery {
 public:
  // Starts it and waits until it takes requests; gives up, now and whenever it is asked, when `stop` (borrowed) becomes
  // readable. An error: it does not work on this machine, where for one thing the kernel gives no pid namespace. The
  // thread that starts it must live as long.
  static base::Result<std::unique_ptr<Nursery>> start(const EngineImage& image, const EngineLaunch& launch,
                                                      std::chrono::milliseconds readyMax, int stop);

  // An engine for one check, that has not said yet that it is ready, and keeps the nursery: they end together. An
  // error: this nursery is no good any more. Any thread.
  static base::Result<std::unique_ptr<EngineProcess>> make(const std::shared_ptr<Nursery>& nursery);

  bool alive() const;
  pid_t pid() const { return process_->pid(); }

 private:
  Nursery(std::unique_ptr<EngineProcess> process, int stop) : process_(std::move(process)), stop_(stop) {}
  base::Result<wire::Descriptor> receiveMade();

  std::mutex mutex_;
  std::unique_ptr<EngineProcess> process_;
  const int stop_;
};

}  // namespace weir::sandbox
