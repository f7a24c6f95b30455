#include "sandbox/nursery_keeper.h"

#include <utility>

namespace weir::sandbox {

namespace {

base::Instant now() { return std::chrono::steady_clock::now(); }

}  // namespace

std::unique_ptr<EngineProcess> NurseryKeeper::make() {
  std::shared_ptr<Nursery> nursery;
  {
    const std::lock_guard lock(mutex_);
    nursery = nursery_;
    if (!nursery) return nullptr;
    ++made_;
  }
  auto made = Nursery::make(nursery);
  if (made.ok()) return std::move(made).value();
  lose(nursery, made.error().message);
  return nullptr;
}

bool NurseryKeeper::running() {
  std::shared_ptr<Nursery> nursery;
  {
    const std::lock_guard lock(mutex_);
    nursery = nursery_;
  }
  if (!nursery) return false;
  if (nursery->alive()) return true;
  lose(nursery, "it has ended");
  return false;
}

bool NurseryKeeper::due() {
  (void)running();  // notices its end
  const std::lock_guard lock(mutex_);
  if (nursery_) return made_ >= limits_.madeMax || (made_ > 0 && now() - startedAt_ >= limits_.ageMax);
  return now() >= notBefore_;
}

void NurseryKeeper::start() {
  auto made = start_();
  std::string problem;
  {
    const std::lock_guard lock(mutex_);
    startedAt_ = now();
    restarts_.started(startedAt_);
    made_ = 0;
    if (made.ok()) {
      restarts_.becameReady(startedAt_);
      nursery_ = std::move(made).value();  // the one before ends when what it has made has
      complained_ = false;
      return;
    }
    nursery_ = nullptr;
    notBefore_ = startedAt_ + restarts_.ended(startedAt_);
    problem = "uploads are checked in engines started one by one: the nursery does not start: " + made.error().message;
    if (std::exchange(complained_, true)) return;
  }
  if (onProblem_) onProblem_(problem);
}

void NurseryKeeper::lose(const std::shared_ptr<Nursery>& nursery, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (nursery_ != nursery) return;
    nursery_ = nullptr;
    notBefore_ = now() + restarts_.ended(now());
  }
  if (onProblem_) onProblem_("the nursery of engines that check uploads is replaced: " + why);
}

void NurseryKeeper::drop() {
  std::shared_ptr<Nursery> dropped;  // ends without the lock
  const std::lock_guard lock(mutex_);
  dropped = std::move(nursery_);
}

}  // namespace weir::sandbox
