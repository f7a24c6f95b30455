// Turns of the lane: one entry into an isolate, from the event that causes it to what the tables learn of it.
#include <unistd.h>

#include "base/text.h"
#include "engine/lane.h"

namespace weir::engine {

namespace {

constexpr uint64_t kMemorySampleTurns = 64;

}  // namespace

// Not without the lock while the watchdog may see a turn: it holds on to what it reads here.
void Lane::setIsolate(Runner& me, ScriptIsolate* isolate) {
  me.isolate.store(isolate, std::memory_order_release);
  me.spot.isolate.store(isolate != nullptr ? isolate->v8() : nullptr, std::memory_order_relaxed);
}

bool Lane::startIsolate(Runner& me, Resident& resident, ScriptIsolate::Failure& failure) {
  const bool fromBase = resident.version->snapshot() == nullptr &&
                        resident.version->bundle().limits.memoryMb == wire::VersionLimits{}.memoryMb;
  if (fromBase) {
    const Lock lock(mutex_);
    if (!warm_.empty()) {
      resident.isolate = std::move(warm_.back());
      warm_.pop_back();
      keeperWake_.notify_one();
    }
  }
  if (resident.isolate) {
    resident.isolate->adopt(resident.version);
  } else {
    resident.isolate =
        std::make_unique<ScriptIsolate>(ScriptIsolate::Environment{setup_.platform, setup_.base, effects_},
                                        resident.number, resident.version, js::Heap::Purpose::kRun);
  }
  setIsolate(me, resident.isolate.get());
  bool ok = false;
  {
    const ScriptIsolate::Turn turn(*resident.isolate);
    ok = resident.isolate->start(failure);
  }
  if (!ok) {
    if (resident.isolate->source() != wire::StartSource::kSnapshot) return false;
    // Not seen yet; but if a heap that was read back in its check cannot be read here, the source still can.
    resident.version->distrustImage();
    {
      const Lock lock(mutex_);  // the watchdog may be looking at it
      setIsolate(me, nullptr);
    }
    resident.isolate.reset();
    return startIsolate(me, resident, failure);
  }
  wire::IsolateStarted started;
  started.version = resident.version->id();
  started.source = resident.isolate->source();
  started.startupUs = me.clock.lapNs() / 1000;
  effects_.emit(0, started);
  resident.version->release();
  return true;
}

void Lane::beginTurn(Runner& me, Resident& resident, const Work& work) {
  const auto& limits = resident.version->bundle().limits;
  const wire::InvocationId starting = startedBy(work);
  resident.busy = true;
  me.resident = &resident;
  me.invocation = starting;
  me.routed = starting.value != 0 && routes_.contains(starting.value);
  me.startsUp = !resident.started;
  me.limitNs = uint64_t{me.startsUp ? limits.startupCpuMs : limits.cpuMs} * 1'000'000u;
  me.running.store(starting.value, std::memory_order_relaxed);
  setIsolate(me, resident.isolate.get());
  if (std::holds_alternative<TimersDue>(work)) resident.timersWait = false;
  me.clock.begin();
  lastTurnNs_ = me.clock.startedNs();
  if (watchdogSleeps_) watchdogWake_.notify_one();
}

void Lane::runTurn(Runner& me, Lock& lock, Resident& resident, Work work) {
  const bool cold = !resident.started;
  beginTurn(me, resident, work);
  lock.unlock();

  TurnEnd end;
  end.bytes = resident.bytes;
  if (cold) {
    end.ran = startIsolate(me, resident, end.failure);
    if (end.ran) {
      lock.lock();
      me.startsUp = false;
      me.limitNs = uint64_t{resident.version->bundle().limits.cpuMs} * 1'000'000u;
      lock.unlock();
    }
  }
  if (end.ran) {
    runWork(me, *resident.isolate, work, end);
    if (cold || ++resident.turns % kMemorySampleTurns == 0) end.bytes = resident.isolate->usedBytes();
  }

  lock.lock();
  me.clock.end();
  setIsolate(me, nullptr);
  if (me.lost) return;  // everybody has been told; `resident` goes with this thread
  endTurn(me, resident, std::move(work), end);
}

// Without the lock. The CPU time of each step is charged to the invocation that it is for.
void Lane::runWork(Runner& me, ScriptIsolate& isolate, const Work& work, TurnEnd& end) {
  const ScriptIsolate::Turn turn(isolate);
  uint32_t seq = 0;
  const auto runFor = [&](uint32_t invocation) {
    seq = invocation;
    me.running.store(isolate.idOf(seq).value, std::memory_order_relaxed);
    me.clock.charge(isolate.cpuNsOf(seq));
  };
  const auto finish = [&] {
    isolate.finish(seq, me.clock);
    while (isolate.hasLocal() && !me.lost) {
      runFor(isolate.nextLocal());
      isolate.deliverLocal();
      isolate.finish(seq, me.clock);
    }
  };
  if (const auto* held = std::get_if<HeldEvent>(&work)) {
    const wire::InvocationId starting = startedBy(work);
    std::visit(
        [&](const auto& message) {
          if constexpr (requires { message.invocation; }) {
            if (starting.value == 0) runFor(isolate.seqOf(message.invocation));
          }
        },
        held->event);
    isolate.deliver(held->event);
    if (starting.value != 0) seq = isolate.seqOf(starting);
    finish();
    if (starting.value != 0) end.alive = isolate.watchEnd(starting);
  } else if (std::holds_alternative<GiveUp>(work)) {
    isolate.endAll(isolate.condemnedBy() == Kill::kCpu ? wire::Outcome::kExceededCpu : wire::Outcome::kExceededMemory);
  } else {
    const uint64_t now = me.clock.startedNs();
    for (uint32_t id = isolate.nextDue(now); id != 0 && !me.lost; id = isolate.nextDue(now)) {
      runFor(isolate.timerSeq(id));
      isolate.fireTimer(id);
      finish();
    }
  }
  end.deadlineNs = isolate.nextDeadlineNs();
  end.ended = isolate.takeEnded();
}

void Lane::endTurn(Runner& me, Resident& resident, Work work, const TurnEnd& end) {
  const wire::InvocationId starting = me.invocation;
  me.resident = nullptr;
  me.invocation = {};
  resident.busy = false;
  resident.usedNs = lastTurnNs_;
  setDeadline(resident, end.deadlineNs);
  for (const auto& id : end.ended) routes_.erase(id.value);
  if (end.alive) {
    routes_[starting.value] = resident.number;
  } else if (me.routed) {
    routes_.erase(starting.value);
  }
  if (auto* held = std::get_if<HeldEvent>(&work)) giveBuffer(std::move(held->bytes));
  if (end.ran) {
    resident.started = true;
    resident.ran = true;
    if (!keeperLooks_) {
      keeperLooks_ = true;
      keeperWake_.notify_one();
    }
    sample(resident, end.bytes);
    if (resident.isolate->condemned() && !resident.condemned) {
      resident.condemned = true;
      retire(resident,
             resident.isolate->condemnedBy() == Kill::kCpu ? wire::IsolateEnd::kCpu : wire::IsolateEnd::kMemory);
      limitCondemned(resident.version->id());
    }
  } else {
    startFailed(resident, starting, end.failure);
  }
  afterTurn(&me, resident);
}

// `starting` and all that wait for it are refused, and so are those that come soon after.
void Lane::startFailed(Resident& resident, wire::InvocationId starting, const ScriptIsolate::Failure& failure) {
  wire::VersionFailed failed;
  failed.version = resident.version->id();
  failed.failure = failure.failure;
  failed.message = base::cutText(failure.message, wire::Bounds::kTextBytesMax);
  failed.file = base::cutText(failure.file, wire::Bounds::kTextBytesMax);
  failed.line = failure.line;
  failed.column = failure.column;
  effects_.emit(0, failed);
  FailedStart last{readClock(CLOCK_MONOTONIC),
                   failure.failure == wire::StartFailure::kCpu      ? wire::Outcome::kExceededCpu
                   : failure.failure == wire::StartFailure::kMemory ? wire::Outcome::kExceededMemory
                                                                    : wire::Outcome::kException,
                   std::string(failed.message)};
  const auto refuseStart = [&](wire::InvocationId id) {
    if (id.value == 0) return;
    refuse(id, last);
    routes_.erase(id.value);
  };
  refuseStart(starting);
  for (const Work& waiting : resident.inbox) refuseStart(startedBy(waiting));
  const auto entry = versions_.find(resident.version->id().value);
  if (entry != versions_.end()) entry->second.failed = std::move(last);
  resident.inbox.clear();
  resident.inboxBytes = 0;
  retire(resident, wire::IsolateEnd::kDropped);
}

// `me`: the runner whose turn it was; null: the keeper's.
void Lane::afterTurn(const Runner* me, Resident& resident) {
  if (resident.retired) {
    // Invocations that had not started go to a fresh isolate; the others finish here if they can.
    std::vector<Work> rest;
    std::vector<Work> restart;
    while (!resident.inbox.empty()) {
      Work work = pop(resident);
      (startedBy(work).value != 0 ? restart : rest).push_back(std::move(work));
    }
    for (Work& work : rest) push(resident, std::move(work));
    const auto version = resident.version->id();
    if (resident.inbox.empty() && (!resident.isolate || !resident.started || resident.isolate->idle())) bury(resident);
    else if (!resident.inbox.empty()) ready_.push_back(resident.number);
    startElsewhere(std::move(restart), version);
  } else if (!resident.inbox.empty()) {
    ready_.push_back(resident.number);
  }
  if (leader_ != me || me == nullptr) {
    effects_.flush();
    if (leader_ != nullptr) {  // it may sleep towards a deadline from before this turn's timers, or beside ready work
      const uint64_t one = 1;
      if (::write(setup_.eventDescriptor, &one, sizeof one) < 0) _exit(3);
    }
  }
}

}  // namespace weir::engine
