// NurseryKeeper: a nursery that is there when it can be. One that is lost is replaced, with restraint where that keeps
// happening; and so is one that has made many engines, as all of those have its memory's layout.
//
// Threads: any; one at a time starts. The threads that start must live as long (EngineProcess).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "sandbox/nursery.h"
#include "sandbox/restart_policy.h"

namespace weir::sandbox {

struct NurseryLimits {
  uint32_t madeMax = 1'000;         // engines
  std::chrono::minutes ageMax{60};  // once it has made one
};

class NurseryKeeper {
 public:
  using Start = std::function<base::Result<std::unique_ptr<Nursery>>()>;
  using OnProblem = std::function<void(const std::string& problem)>;
  NurseryKeeper(Start start, OnProblem onProblem, NurseryLimits limits = {})
      : start_(std::move(start)), onProblem_(std::move(onProblem)), limits_(limits) {}

  // An engine for one check (Nursery::make). Null: there is no nursery now, or it was lost with this.
  std::unique_ptr<EngineProcess> make();
  // Notices when it has ended.
  bool running();
  // Whether start() is worth calling: there is none and restraint is over, or it has made enough.
  bool due();
  void start();
  // Ends it, once what it has made has ended.
  void drop();

 private:
  void lose(const std::shared_ptr<Nursery>& nursery, const std::string& why);

  const Start start_;
  const OnProblem onProblem_;
  const NurseryLimits limits_;
  std::mutex mutex_;
  std::shared_ptr<Nursery> nursery_;
  uint32_t made_ = 0;
  base::Instant startedAt_{};
  base::Instant notBefore_{};
  RestartPolicy restarts_{{.firstDelay = std::chrono::seconds(1), .delayMax = std::chrono::minutes(10)}};
  bool complained_ = false;  // of its not starting, since it last did
};

}  // namespace weir::sandbox
