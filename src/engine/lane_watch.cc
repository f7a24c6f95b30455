// The lane's watchdog: which thread leads, what a turn may use, and what happens to one that does not end.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "engine/lane.h"

namespace weir::engine {

namespace {

constexpr uint64_t kWatchdogIdleNs = 20'000'000;
constexpr timespec kTick{0, 1'000'000};
constexpr uint64_t kMemoryTicksNs = 16'000'000;

}  // namespace

void Lane::promote() {
  leader_ = nullptr;
  if (!followers_.empty()) {
    Runner* next = followers_.front();
    followers_.pop_front();
    leader_ = next;
    next->wake.notify_one();
    return;
  }
  if (runners_.size() < LaneLimits::kRunnersMax) {
    auto& runner = *runners_.emplace_back(std::make_unique<Runner>());
    runner.thread = std::thread([this, &runner] { runnerMain(runner); });
    return;
  }
  // The lane waits for a runner whose turn ends: the one that runs longest is made to.
  Runner* oldest = nullptr;
  for (const auto& runner : runners_) {
    if (runner->resident == nullptr || runner->lost || runner->isolate.load() == nullptr) continue;
    if (oldest == nullptr || runner->clock.startedNs() < oldest->clock.startedNs()) oldest = runner.get();
  }
  if (oldest != nullptr) oldest->limitNs = 0;
}

void Lane::watch() {
  prctl(PR_SET_TIMERSLACK, 1UL);  // refused by the sandbox or not, the tick only gets less even
  Lock lock(mutex_);
  for (;;) {
    const uint64_t now = readClock(CLOCK_MONOTONIC);
    bool running = proofsDone_ != proofsWanted_;
    for (size_t i = 0; i < runners_.size(); ++i) {  // promote() may add to them
      Runner& runner = *runners_[i];
      if (runner.lost) {
        watchLost(runner);
        running = running || !runner.parked;
      } else if (runner.resident != nullptr) {
        watchTurn(runner, now);
        running = true;
      }
    }
    watchProof();
    if (!running && now > lastTurnNs_ + kWatchdogIdleNs) {
      watchdogSleeps_ = true;
      watchdogWake_.wait(lock);
      watchdogSleeps_ = false;
    }
    lock.unlock();
    effects_.flush();
    nanosleep(&kTick, nullptr);
    lock.lock();
  }
}

void Lane::watchTurn(Runner& runner, uint64_t nowNs) {
  ScriptIsolate* isolate = runner.isolate.load(std::memory_order_acquire);
  const uint32_t isolateLap =
      isolate != nullptr ? isolate->lap() : 0;  // before the clock's: a kill is for a lap that ran then
  const TurnClock::Look seen = runner.clock.look(nowNs);
  if (runner.spot.parked.load(std::memory_order_acquire) != ParkReason::kNone) return abandon(runner, seen.accountNs);
  if (seen.lap == 0 || seen.turnWallNs < LaneLimits::kPromoteNs) return;
  if (leader_ == &runner &&
      (seen.usedNs > LaneLimits::kPromoteCpuNs || seen.turnWallNs > LaneLimits::kPromoteAnywayNs)) {
    // From here on others read the ring: what comes for this invocation has to find its isolate before the turn ends.
    if (runner.invocation.value != 0) {
      routes_[runner.invocation.value] = runner.resident->number;
      runner.routed = true;
    }
    promote();
  }
  if (seen.turnWallNs > LaneLimits::kDeprioritiseNs && !runner.deprioritised) {
    runner.deprioritised = true;
    setpriority(PRIO_PROCESS, static_cast<id_t>(runner.threadId), LaneLimits::kDetachedNice);
  }
  if (isolate == nullptr) return;
  if (runner.killLap != seen.lap) {
    runner.killLap = seen.lap;
    runner.killStage = 0;
  }
  const Kill kill = isolate->killPending();
  switch (runner.killStage) {
    case 0:
      if (kill == Kill::kNone && seen.accountNs > runner.limitNs) isolate->requestKill(Kill::kCpu, isolateLap);
      if (kill != Kill::kNone || seen.accountNs > runner.limitNs) {  // or V8's own memory limits asked for it
        runner.killStage = 1;
        runner.killedAtNs = seen.usedNs;
      } else if (nowNs / kMemoryTicksNs != (nowNs - 1'000'000) / kMemoryTicksNs) {
        isolate->requestMemoryCheck();
      }
      return;
    case 1:
      if (seen.usedNs < runner.killedAtNs + LaneLimits::kForceAfterNs) return;
      isolate->forceTermination();
      runner.killStage = 2;
      return;
    default:
      if (kill == Kill::kNone) return;  // it came back
      if (seen.usedNs < runner.killedAtNs +
                            (kill == Kill::kCpu ? LaneLimits::kAbandonCpuAfterNs : LaneLimits::kAbandonMemoryAfterNs)) {
        return;
      }
      return abandon(runner, seen.accountNs);
  }
}

void Lane::watchLost(Runner& runner) {
  const ParkReason reason = runner.spot.parked.load(std::memory_order_acquire);
  if (reason != ParkReason::kNone) {
    if (runner.parked) return;
    runner.parked = true;
    ++proofsWanted_;
    keeperWake_.notify_one();
    if (std::exchange(runner.reported, true)) return;
    ++parked_;
    effects_.emit(0, wire::IsolateEnded{runner.orphan ? runner.orphan->version->id() : wire::VersionId{},
                                        wire::IsolateEnd::kParked});
    return;
  }
  runner.parked = false;
  if (runner.isolate.load() == nullptr) return;  // it has come back, and disposes of the isolate
  if (runner.clock.cpuNs() > runner.lostCpuNs + LaneLimits::kParkAfterNs) requestPark(runner.spot);
}

void Lane::abandon(Runner& runner, uint64_t cpuNs) {
  Resident& resident = *runner.resident;
  const ScriptIsolate* isolate = runner.isolate.load();
  // V8 gives up by itself only over memory.
  const bool cpu = isolate != nullptr && isolate->killPending() == Kill::kCpu;
  const auto outcome = cpu ? wire::Outcome::kExceededCpu : wire::Outcome::kExceededMemory;
  const std::string_view message =
      runner.startsUp ? (cpu ? "Script startup exceeded CPU time limit." : "Script startup exceeded memory limits.")
                      : (cpu ? "Worker exceeded CPU time limit." : "Worker exceeded memory limit.");
  const auto version = resident.version->id();
  if (runner.startsUp) resident.version->distrustImage();  // V8 may have given up on the heap it read
  runner.lost = true;                                      // nothing it emits counts from here on
  runner.lostCpuNs = runner.clock.cpuNs();
  const auto endOne = [&](wire::InvocationId id) {
    wire::ExceptionThrown thrown;
    thrown.invocation = id;
    thrown.timestampMs = std::floor(wallMs());
    thrown.name = "Error";
    thrown.message = message;
    effects_.emit(id.loop(), thrown);
    wire::Done done;
    done.invocation = id;
    done.outcome = outcome;
    if (id.value == runner.running.load()) done.cpuUs = cpuNs / 1000;
    effects_.emit(id.loop(), done);
  };
  // What had not started goes elsewhere; what shares the heap ends with it.
  std::vector<Work> starts;
  for (Work& work : resident.inbox) {
    const auto id = startedBy(work);
    if (id.value == 0) continue;
    routes_.erase(id.value);
    starts.push_back(std::move(work));
  }
  resident.inbox.clear();
  resident.inboxBytes = 0;
  if (runner.invocation.value != 0) {
    endOne(runner.invocation);
    routes_.erase(runner.invocation.value);
  }
  for (auto at = routes_.begin(); at != routes_.end();) {
    if (at->second != resident.number) {
      ++at;
      continue;
    }
    endOne({at->first});
    at = routes_.erase(at);
  }
  const auto entry = versions_.find(version.value);
  if (entry != versions_.end() && entry->second.current == &resident) entry->second.current = nullptr;
  if (runner.startsUp) {
    wire::VersionFailed failed;
    failed.version = version;
    failed.failure = cpu ? wire::StartFailure::kCpu : wire::StartFailure::kMemory;
    failed.message = message;
    effects_.emit(0, failed);
    if (entry != versions_.end()) entry->second.failed = {readClock(CLOCK_MONOTONIC), outcome, std::string(message)};
  }
  if (!resident.retired && runner.spot.parked.load() == ParkReason::kNone) {
    effects_.emit(0, wire::IsolateEnded{version, cpu ? wire::IsolateEnd::kCpu : wire::IsolateEnd::kMemory});
  }
  setDeadline(resident, 0);
  const auto at = residents_.find(resident.number);
  if (at != residents_.end() && at->second.get() == &resident) {
    sample(resident, 0);
    runner.orphan = std::move(at->second);  // the thread still stands in it
    residents_.erase(at);
  }
  runner.resident = nullptr;
  if (leader_ == &runner) promote();
  startElsewhere(std::move(starts), version);
  watchLost(runner);
  const uint64_t one = 1;
  if (!ready_.empty() && ::write(setup_.eventDescriptor, &one, sizeof one) < 0) _exit(3);
}

// ---- proofs ----

void Lane::watchProof() {
  if (proofsDone_ == proofsWanted_ || proofsSeen_ != proofsDone_) {
    proofsSeen_ = proofsDone_;
    proofTicks_ = 0;
    return;
  }
  if (++proofTicks_ % LaneLimits::kProofTicks != 0) return;
  if (proofTicks_ >= LaneLimits::kProofTicksMax) {
    std::fputs("a parked thread holds what every isolate needs\n", stderr);
    _exit(6);
  }
  for (const auto& runner : runners_) {
    if (!runner->parked || runner->spot.parked.load() != ParkReason::kAsked) continue;
    runner->parked = false;
    runner->lostCpuNs = runner->clock.cpuNs() - LaneLimits::kParkAfterNs + LaneLimits::kParkAgainAfterNs;
    unpark(runner->spot);
  }
}

}  // namespace weir::engine
