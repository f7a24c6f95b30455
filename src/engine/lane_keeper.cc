// The lane's keeper: makes isolates ahead, disposes of dead ones, collects resting ones, and proves that it still can.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "engine/lane.h"

namespace weir::engine {

// A thread that was parked may hold a lock that all isolates share. So after each parking a whole isolate is made,
// collected and disposed of; while that does not succeed, parked threads are let on for a moment and parked elsewhere.
void Lane::prove() {
  ScriptIsolate isolate({setup_.platform, setup_.base, effects_}, 0, nullptr, js::Heap::Purpose::kRun);
  {
    const ScriptIsolate::Turn turn(isolate);
    isolate.collectGarbage();
  }
  class Nothing final : public v8::Task {
    void Run() override {}
  };
  setup_.platform.CallOnWorkerThread(std::make_unique<Nothing>());
}

void Lane::keep() {
  setpriority(PRIO_PROCESS, 0, LaneLimits::kDetachedNice / 2);
  Lock lock(mutex_);
  for (;;) {
    if (!graveyard_.empty()) {
      auto dead = std::move(graveyard_);
      graveyard_.clear();
      lock.unlock();
      dead.clear();
      lock.lock();
      continue;
    }
    if (proofsDone_ != proofsWanted_) {
      const uint32_t wanted = proofsWanted_;
      lock.unlock();
      prove();
      lock.lock();
      proofsDone_ = wanted;
      continue;
    }
    if (warm_.size() < LaneLimits::kWarmIsolates && parked_ == 0) {
      lock.unlock();
      auto isolate = std::make_unique<ScriptIsolate>(ScriptIsolate::Environment{setup_.platform, setup_.base, effects_},
                                                     0, nullptr, js::Heap::Purpose::kRun);
      lock.lock();
      warm_.push_back(std::move(isolate));
      continue;
    }
    uint64_t nextNs = 0;
    if (parked_ == 0) {
      if (Resident* resting = findResting(readClock(CLOCK_MONOTONIC), nextNs)) {
        collectResting(lock, *resting);
        continue;
      }
    }
    keeperLooks_ = nextNs != 0;
    if (nextNs == 0) keeperWake_.wait(lock);
    else keeperWake_.wait_for(lock, std::chrono::nanoseconds(nextNs));
  }
}

// One that has nothing to do for a while and was not looked at since. Null: `nextNs` says when to look again; 0: when
// one has run.
Lane::Resident* Lane::findResting(uint64_t nowNs, uint64_t& nextNs) {
  for (auto& [number, resident] : residents_) {
    if (!resident->ran || resident->retired) continue;
    uint64_t leftNs = LaneLimits::kIdleCollectAfterNs;
    if (!resident->busy && resident->inbox.empty() && resident->isolate->idle()) {
      const uint64_t restedNs = nowNs > resident->usedNs ? nowNs - resident->usedNs : 0;
      if (restedNs >= leftNs) return resident.get();
      leftNs -= restedNs;
    }
    nextNs = nextNs == 0 ? leftNs : std::min(nextNs, leftNs);
  }
  return nullptr;
}

// Its garbage would stay for as long as it rests. Events that come meanwhile wait in its inbox.
void Lane::collectResting(Lock& lock, Resident& resident) {
  resident.ran = false;
  resident.busy = true;
  lock.unlock();
  size_t bytes = 0;
  {
    ScriptIsolate& isolate = *resident.isolate;
    const ScriptIsolate::Turn turn(isolate);
    if (isolate.spareBytesAtMost() >= LaneLimits::kIdleCollectBytesMin) {
      isolate.collectGarbage();
      malloc_trim(0);  // what V8 has used beside the heap, for compiling most of all
    }
    bytes = isolate.usedBytes();
  }
  lock.lock();
  resident.busy = false;
  sample(resident, bytes);
  afterTurn(nullptr, resident);
}

}  // namespace weir::engine
