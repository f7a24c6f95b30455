#include "engine/lane.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "js/exception.h"

namespace weir::engine {

namespace {

constexpr uint64_t kWatchdogIdleNs = 20'000'000;
constexpr timespec kTick{0, 1'000'000};
constexpr int kEventsPerLook = 64;
constexpr uint64_t kMemorySampleTurns = 64;
constexpr uint64_t kMemoryTicksNs = 16'000'000;

uint64_t monotonicNs() { return readClock(CLOCK_MONOTONIC); }

}  // namespace

Lane::Lane(Setup setup)
    : setup_(std::move(setup)), effects_(setup_.effectPorts), events_(setup_.eventRing, wire::Bounds::kEventRingBytes) {}

void Lane::run() {
  {
    const Lock lock(mutex_);
    for (int i = 0; i < 2; ++i) {
      auto& runner = *runners_.emplace_back(std::make_unique<Runner>());
      runner.thread = std::thread([this, &runner] { runnerMain(runner); });
    }
  }
  std::thread([this] { keep(); }).detach();
  watch();
  _exit(0);
}

// ---- threads ----

void Lane::runnerMain(Runner& me) {
  me.threadId = static_cast<int>(syscall(SYS_gettid));
  me.clock.attach();
  registerParkSpot(me.spot);
  Lock lock(mutex_);
  while (!me.deprioritised) {
    if (leader_ == nullptr) {
      leader_ = &me;
      lead(me, lock);
    } else {
      followers_.push_back(&me);
      me.wake.wait(lock, [&] { return leader_ == nullptr || leader_ == &me; });
      std::erase(followers_, &me);
      if (leader_ == &me) lead(me, lock);
    }
  }
  if (leader_ == nullptr) promote();
  // Its nice value cannot be raised again without privileges, so the thread goes; another is made when one is needed.
  unregisterParkSpot(me.spot);
  me.thread.detach();
  std::erase_if(runners_, [&](const auto& runner) { return runner.get() == &me; });
}

void Lane::lead(Runner& me, Lock& lock) {
  while (leader_ == &me) {
    if (serveOnce(me, lock)) continue;
    if (leader_ != &me) return;
    effects_.flush();
    sleep(lock);
  }
}

void Lane::sleep(Lock& lock) {
  if (shuttingDown_ && routes_.empty()) _exit(0);
  timespec timeout{60, 0};
  if (!timers_.empty()) {
    const uint64_t now = monotonicNs();
    const uint64_t wait = timers_.top().deadlineNs > now ? timers_.top().deadlineNs - now : 0;
    timeout = {static_cast<time_t>(wait / 1'000'000'000u), static_cast<long>(wait % 1'000'000'000u)};
  }
  if (!events_.armSleep()) {
    if (events_.broken()) _exit(4);
    return;
  }
  lock.unlock();
  pollfd waits[2] = {{setup_.eventDescriptor, POLLIN, 0}, {setup_.control.fd(), 0, 0}};
  const int ready = ppoll(waits, 2, &timeout, nullptr);
  if (ready > 0 && (waits[0].revents & POLLIN) != 0) {
    uint64_t count = 0;
    if (::read(setup_.eventDescriptor, &count, sizeof count) < 0) {}
  }
  if (ready > 0 && (waits[1].revents & (POLLHUP | POLLERR)) != 0) _exit(0);  // the platform has gone
  lock.lock();
  events_.disarmSleep();
}

bool Lane::serveOnce(Runner& me, Lock& lock) {
  bool worked = false;
  while (!ready_.empty() && leader_ == &me) {
    const auto at = residents_.find(ready_.front());
    ready_.pop_front();
    if (at == residents_.end() || at->second->busy || at->second->inbox.empty()) continue;
    worked = true;
    Work work = std::move(at->second->inbox.front());
    at->second->inbox.pop_front();
    runTurn(me, lock, *at->second, std::move(work));
  }
  if (!timers_.empty()) {
    const uint64_t now = monotonicNs();
    while (leader_ == &me && !timers_.empty() && timers_.top().deadlineNs <= now) {
      const TimerEntry timer = timers_.top();
      timers_.pop();
      const auto at = residents_.find(timer.resident);
      if (at == residents_.end()) continue;
      worked = true;
      give(me, lock, *at->second, DueTimer{timer.id});
    }
  }
  for (int i = 0; i < kEventsPerLook && leader_ == &me; ++i) {
    const auto record = events_.peek();
    if (!record) {
      if (events_.broken()) _exit(4);
      break;
    }
    worked = true;
    onEvent(me, lock, *record);
  }
  return worked;
}

// ---- events ----

void Lane::onEvent(Runner& me, Lock& lock, wire::Bytes record) {
  // Copied: the ring's space is given back before the turn, which may be long.
  HeldEvent held;
  held.bytes = takeBuffer();
  held.bytes.assign(record.begin(), record.end());
  events_.pop();
  auto event = wire::decode<wire::Event>(held.bytes);
  if (!event) _exit(5);
  held.event = *event;
  std::visit(
      [&](const auto& message) {
        using Message = std::decay_t<decltype(message)>;
        if constexpr (std::is_same_v<Message, wire::LoadVersion>) {
          loadVersion(message);
        } else if constexpr (std::is_same_v<Message, wire::DropVersion>) {
          const auto at = versions_.find(message.version.value);
          if (at == versions_.end()) return;
          if (at->second.current != nullptr) retire(*at->second.current, wire::IsolateEnd::kDropped);
          versions_.erase(at);
        } else if constexpr (std::is_same_v<Message, wire::CheckVersion>) {
          checkVersion(me, lock, message);
        } else if constexpr (std::is_same_v<Message, wire::Shutdown>) {
          shuttingDown_ = true;
        } else if constexpr (std::is_same_v<Message, wire::Ping>) {
          reportLoad();
        } else if constexpr (std::is_same_v<Message, wire::StartFetch> || std::is_same_v<Message, wire::StartScheduled>) {
          startInvocation(me, lock, message.invocation, message.version, std::move(held));
        } else {
          const auto route = routes_.find(message.invocation.value);
          if (route == routes_.end()) return;
          const auto at = residents_.find(route->second);
          if (at == residents_.end()) return;
          give(me, lock, *at->second, std::move(held));
        }
      },
      *event);
}

std::vector<uint8_t> Lane::takeBuffer() {
  if (buffers_.empty()) return {};
  std::vector<uint8_t> buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void Lane::giveBuffer(std::vector<uint8_t> buffer) {
  if (buffers_.size() < LaneLimits::kBuffersMax && buffer.capacity() <= LaneLimits::kBufferBytesMax) {
    buffers_.push_back(std::move(buffer));
  }
}

wire::InvocationId Lane::startedBy(const Work& work) {
  const auto* held = std::get_if<HeldEvent>(&work);
  if (held == nullptr) return {};
  if (const auto* fetch = std::get_if<wire::StartFetch>(&held->event)) return fetch->invocation;
  if (const auto* scheduled = std::get_if<wire::StartScheduled>(&held->event)) return scheduled->invocation;
  return {};
}

void Lane::reportLoad() {
  wire::EngineLoad load;
  load.isolates = static_cast<uint32_t>(residents_.size());
  for (const auto& [number, resident] : residents_) load.heapBytes += resident->bytes;
  load.invocations = static_cast<uint32_t>(routes_.size());
  load.parkedThreads = parked_;
  effects_.emit(0, load);
}

wire::BlobMapping Lane::takeBlob(uint64_t number, size_t bytesMax) {
  if (number == 0) return {};
  while (!blobs_.contains(number)) {
    auto received = setup_.control.receive(wire::ControlSocket::Wait::kYes);
    if (!received.ok() || received->peerGone || !received->message) _exit(5);
    auto& message = *received->message;
    const auto notice =
        wire::decode<wire::Notice>({reinterpret_cast<const uint8_t*>(message.bytes.data()), message.bytes.size()});
    const auto* sent = notice ? std::get_if<wire::BlobSent>(&*notice) : nullptr;
    if (sent == nullptr || message.descriptors.size() != 1) _exit(5);
    blobs_[sent->blob] = std::move(message.descriptors[0]);
  }
  auto mapping = wire::mapSealedBlob(blobs_[number].get(), bytesMax);
  blobs_.erase(number);
  if (!mapping.ok()) _exit(5);
  return std::move(mapping).value();
}

void Lane::loadVersion(const wire::LoadVersion& event) {
  auto bundle = takeBlob(event.bundleBlob, wire::BundleBounds::kBundleBytesMax);
  auto snapshot = takeBlob(event.snapshotBlob, size_t{512} << 20);
  auto codeCache = takeBlob(event.codeCacheBlob, size_t{512} << 20);
  auto version = Version::make(event.version, std::move(bundle), std::move(snapshot), std::move(codeCache));
  if (!version) _exit(5);
  VersionEntry& entry = versions_[event.version.value];
  entry.version = std::move(version);
}

void Lane::refuse(wire::InvocationId id, wire::Outcome outcome) {
  wire::Done done;
  done.invocation = id;
  done.outcome = outcome;
  effects_.emit(id.loop(), done);
}

void Lane::startInvocation(Runner& me, Lock& lock, wire::InvocationId id, wire::VersionId versionId,
                           HeldEvent held) {
  const auto at = versions_.find(versionId.value);
  if (at == versions_.end() || id.loop() >= effects_.count()) return refuse(id, wire::Outcome::kInternalError);
  VersionEntry& entry = at->second;
  if (entry.current == nullptr) {
    auto resident = std::make_unique<Resident>();
    resident->number = nextResident_++;
    resident->version = entry.version;
    entry.current = resident.get();
    residents_.emplace(resident->number, std::move(resident));
    evict();
  }
  Resident& resident = *entry.current;
  if (resident.busy && resident.inbox.size() >= LaneLimits::kInboxMax) return refuse(id, wire::Outcome::kLoadShed);
  if (resident.busy) routes_[id.value] = resident.number;
  give(me, lock, resident, std::move(held));
}

void Lane::give(Runner& me, Lock& lock, Resident& resident, Work work) {
  if (resident.busy || !resident.inbox.empty()) {
    resident.inbox.push_back(std::move(work));
    if (!resident.busy) ready_.push_back(resident.number);
    return;
  }
  runTurn(me, lock, resident, std::move(work));
}

// ---- turns ----

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
    resident.isolate = std::make_unique<ScriptIsolate>(
        ScriptIsolate::Environment{setup_.platform, setup_.base, effects_}, resident.number, resident.version,
        js::Heap::Purpose::kRun);
  }
  me.isolate.store(resident.isolate.get(), std::memory_order_release);
  const ScriptIsolate::Turn turn(*resident.isolate);
  if (!resident.isolate->start(failure)) return false;
  wire::IsolateStarted started;
  started.version = resident.version->id();
  started.source = resident.isolate->source();
  started.startupUs = me.clock.lapNs() / 1000;
  effects_.emit(0, started);
  resident.bytes = resident.isolate->usedBytes();
  return true;
}

void Lane::runTurn(Runner& me, Lock& lock, Resident& resident, Work work) {
  auto* held = std::get_if<HeldEvent>(&work);
  const wire::Event* event = held != nullptr ? &held->event : nullptr;
  const wire::InvocationId starting = startedBy(work);
  const auto& limits = resident.version->bundle().limits;
  const bool cold = !resident.started;

  resident.busy = true;
  me.resident = &resident;
  me.invocation = starting;
  me.routed = starting.value != 0 && routes_.contains(starting.value);
  me.killStage = 0;
  me.limitNs = uint64_t{cold ? limits.startupCpuMs : limits.cpuMs} * 1'000'000u;
  me.priorNs.store(0, std::memory_order_relaxed);
  me.isolate.store(resident.isolate.get(), std::memory_order_relaxed);
  me.clock.begin();
  lastTurnNs_ = me.clock.startedNs();
  if (watchdogSleeps_) watchdogWake_.notify_one();
  lock.unlock();

  ScriptIsolate::Failure failure;
  bool ok = true;
  if (cold) {
    ok = startIsolate(me, resident, failure);
    if (ok) {
      lock.lock();
      me.limitNs = uint64_t{limits.cpuMs} * 1'000'000u;
      me.killStage = 0;
      lock.unlock();
    }
  }
  bool alive = false;
  std::vector<ArmedTimer> armed;
  std::vector<wire::InvocationId> ended;
  if (ok) {
    ScriptIsolate& isolate = *resident.isolate;
    const ScriptIsolate::Turn turn(isolate);
    uint32_t seq = 0;
    if (event != nullptr) {
      std::visit(
          [&](const auto& message) {
            if constexpr (requires { message.invocation; }) {
              seq = isolate.seqOf(message.invocation);
              me.priorNs.store(isolate.cpuNsOf(seq), std::memory_order_relaxed);
            }
          },
          *event);
      isolate.deliver(*event);
      if (seq == 0) seq = isolate.seqOf(starting);
    } else {
      const uint32_t id = std::get<DueTimer>(work).id;
      seq = isolate.timerSeq(id);
      me.priorNs.store(isolate.cpuNsOf(seq), std::memory_order_relaxed);
      isolate.fireTimer(id);
    }
    isolate.finish(seq, me.clock);
    while (isolate.hasLocal()) {
      seq = isolate.deliverLocal();
      me.priorNs.store(isolate.cpuNsOf(seq), std::memory_order_relaxed);
      isolate.finish(seq, me.clock);
    }
    armed = isolate.takeArmed();
    ended = isolate.takeEnded();
    if (starting.value != 0) alive = isolate.watchEnd(starting);
    if (++resident.turns % kMemorySampleTurns == 0) resident.bytes = isolate.usedBytes();
  }

  lock.lock();
  me.clock.end();
  me.resident = nullptr;
  me.invocation = {};
  me.isolate.store(nullptr, std::memory_order_relaxed);
  resident.busy = false;
  resident.usedNs = lastTurnNs_;
  for (const ArmedTimer& timer : armed) timers_.push({timer.deadlineNs, resident.number, timer.id});
  for (const auto& id : ended) routes_.erase(id.value);
  if (alive) {
    routes_[starting.value] = resident.number;
  } else if (me.routed) {
    routes_.erase(starting.value);
  }
  if (held != nullptr) giveBuffer(std::move(held->bytes));
  if (ok) {
    resident.started = true;
    if (resident.isolate->condemned()) {
      retire(resident, resident.isolate->condemnedBy() == Kill::kCpu ? wire::IsolateEnd::kCpu : wire::IsolateEnd::kMemory);
    }
  } else {
    wire::VersionFailed failed;
    failed.version = resident.version->id();
    failed.failure = failure.failure;
    failed.message = std::string_view(failure.message).substr(0, wire::Bounds::kTextBytesMax);
    failed.file = std::string_view(failure.file).substr(0, wire::Bounds::kTextBytesMax);
    failed.line = failure.line;
    failed.column = failure.column;
    effects_.emit(0, failed);
    const auto refuseStart = [&](wire::InvocationId id) {
      wire::ExceptionThrown thrown;
      thrown.invocation = id;
      thrown.name = "Error";
      thrown.message = failed.message;
      effects_.emit(id.loop(), thrown);
      refuse(id, failure.failure == wire::StartFailure::kCpu      ? wire::Outcome::kExceededCpu
                 : failure.failure == wire::StartFailure::kMemory ? wire::Outcome::kExceededMemory
                                                                  : wire::Outcome::kException);
      routes_.erase(id.value);
    };
    if (starting.value != 0) refuseStart(starting);
    for (const Work& waiting : resident.inbox) {
      const auto next = startedBy(waiting);
      if (next.value != 0) refuseStart(next);
    }
    resident.inbox.clear();
    retire(resident, wire::IsolateEnd::kDropped);
  }
  afterTurn(me, lock, resident);
}

void Lane::afterTurn(Runner& me, Lock& lock, Resident& resident) {
  if (resident.retired) {
    // Invocations that had not started go to a fresh isolate; the others finish here if they can.
    std::deque<Work> rest;
    std::vector<Work> restart;
    for (Work& work : resident.inbox) {
      if (startedBy(work).value != 0) {
        restart.push_back(std::move(work));
      } else {
        rest.push_back(std::move(work));
      }
    }
    resident.inbox = std::move(rest);
    const auto version = resident.version->id();
    if (resident.inbox.empty() && (!resident.isolate || !resident.started || resident.isolate->idle())) bury(resident);
    else if (!resident.inbox.empty()) ready_.push_back(resident.number);
    for (Work& work : restart) {
      const auto id = startedBy(work);
      const auto at = versions_.find(version.value);
      if (at == versions_.end()) {
        refuse(id, wire::Outcome::kInternalError);
        continue;
      }
      if (at->second.current == nullptr) {
        auto fresh = std::make_unique<Resident>();
        fresh->number = nextResident_++;
        fresh->version = at->second.version;
        at->second.current = fresh.get();
        residents_.emplace(fresh->number, std::move(fresh));
      }
      Resident& target = *at->second.current;
      routes_[id.value] = target.number;
      target.inbox.push_back(std::move(work));
      if (!target.busy) ready_.push_back(target.number);
    }
  } else if (!resident.inbox.empty()) {
    ready_.push_back(resident.number);
  }
  if (leader_ != &me) {
    effects_.flush();
    if (leader_ != nullptr) {  // it may sleep towards a deadline from before this turn's timers, or beside ready work
      const uint64_t one = 1;
      if (::write(setup_.eventDescriptor, &one, sizeof one) < 0) _exit(3);
    }
  }
}

// ---- checks: a version's top-level scope, run once, and its heap written ----

void Lane::checkVersion(Runner& me, Lock& lock, const wire::CheckVersion& event) {
  const auto at = versions_.find(event.version.value);
  if (at == versions_.end()) return;
  const auto version = at->second.version;
  Resident resident;  // only so that the watchdog sees a turn
  resident.version = version;
  resident.busy = true;
  me.resident = &resident;
  me.invocation = {};
  me.killStage = 0;
  me.limitNs = uint64_t{version->bundle().limits.startupCpuMs} * 1'000'000u;
  me.priorNs.store(0);
  me.clock.begin();
  lastTurnNs_ = me.clock.startedNs();
  if (watchdogSleeps_) watchdogWake_.notify_one();
  lock.unlock();

  ScriptIsolate isolate({setup_.platform, setup_.base, effects_}, 0, version, js::Heap::Purpose::kSnapshot);
  me.isolate.store(&isolate);
  ScriptIsolate::Failure failure;
  wire::VersionChecked checked;
  checked.version = version->id();
  std::map<std::string, std::vector<uint8_t>> caches;
  bool ok = false;
  me.clock.lapNs();
  {
    const ScriptIsolate::Turn turn(isolate);
    ok = isolate.start(failure);
    checked.startupUs = me.clock.lapNs() / 1000;
    if (ok) caches = isolate.codeCaches();
  }
  me.isolate.store(nullptr);
  std::string handlers = isolate.handlers();
  std::string reason;
  std::vector<char> heap;
  if (ok) heap = isolate.writeHeap(reason);
  const auto send = [&](const char* name, const void* data, size_t size) -> uint64_t {
    auto blob = wire::makeSealedBlob(name, {static_cast<const std::byte*>(data), size});
    if (!blob.ok()) return 0;
    std::vector<uint8_t> notice;
    const uint64_t number = nextBlob_++;
    wire::encode<wire::Notice>(wire::BlobSent{number}, notice);
    const int descriptor = blob->get();
    const auto sent = setup_.control.send({reinterpret_cast<const std::byte*>(notice.data()), notice.size()}, {&descriptor, 1});
    return sent.ok() && *sent == wire::ControlSocket::Sent::kYes ? number : 0;
  };
  if (ok && !heap.empty()) checked.snapshotBlob = send("snapshot", heap.data(), heap.size());
  if (ok && heap.empty()) {
    const auto bytes = encodeCodeCaches(caches);
    if (!bytes.empty()) checked.codeCacheBlob = send("code-cache", bytes.data(), bytes.size());
  }

  lock.lock();
  me.clock.end();
  me.resident = nullptr;
  if (ok) {
    checked.handlers = handlers;
    checked.reason = reason;
    effects_.emit(0, checked);
  } else {
    wire::VersionFailed failed;
    failed.version = version->id();
    failed.failure = failure.failure;
    failed.message = std::string_view(failure.message).substr(0, wire::Bounds::kTextBytesMax);
    failed.file = std::string_view(failure.file).substr(0, wire::Bounds::kTextBytesMax);
    failed.line = failure.line;
    failed.column = failure.column;
    effects_.emit(0, failed);
  }
  if (leader_ != &me) effects_.flush();
}

// ---- residents ----

void Lane::retire(Resident& resident, wire::IsolateEnd reason) {
  if (resident.retired) return;
  resident.retired = true;
  const auto at = versions_.find(resident.version->id().value);
  if (at != versions_.end() && at->second.current == &resident) at->second.current = nullptr;
  effects_.emit(0, wire::IsolateEnded{resident.version->id(), reason});
  if (!resident.busy && resident.inbox.empty() && (!resident.isolate || resident.isolate->idle())) bury(resident);
}

void Lane::bury(Resident& resident) {
  const auto at = residents_.find(resident.number);
  if (at == residents_.end()) return;
  graveyard_.push_back(std::move(at->second));
  residents_.erase(at);
  keeperWake_.notify_one();
}

void Lane::evict() {
  for (;;) {
    size_t bytes = 0;
    Resident* oldest = nullptr;
    for (auto& [number, resident] : residents_) {
      bytes += resident->bytes;
      if (resident->busy || resident->retired || !resident->started || !resident->inbox.empty() ||
          !resident->isolate->idle()) {
        continue;
      }
      if (oldest == nullptr || resident->usedNs < oldest->usedNs) oldest = resident.get();
    }
    if (oldest == nullptr) return;
    if (bytes <= setup_.memoryBudgetBytes && residents_.size() <= LaneLimits::kResidentsMax) return;
    retire(*oldest, wire::IsolateEnd::kEvicted);
  }
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
    if (warm_.size() < LaneLimits::kWarmIsolates && parked_ == 0) {
      lock.unlock();
      auto isolate = std::make_unique<ScriptIsolate>(ScriptIsolate::Environment{setup_.platform, setup_.base, effects_}, 0,
                                                     nullptr, js::Heap::Purpose::kRun);
      lock.lock();
      warm_.push_back(std::move(isolate));
      continue;
    }
    keeperWake_.wait(lock);
  }
}

// ---- the watchdog ----

void Lane::promote() {
  leader_ = nullptr;
  if (!followers_.empty()) {
    Runner* next = followers_.front();
    followers_.pop_front();
    leader_ = next;
    next->wake.notify_one();
    return;
  }
  if (runners_.size() >= LaneLimits::kRunnersMax) return;  // a runner that ends its turn takes the lane
  auto& runner = *runners_.emplace_back(std::make_unique<Runner>());
  runner.thread = std::thread([this, &runner] { runnerMain(runner); });
}

void Lane::watch() {
  prctl(PR_SET_TIMERSLACK, 1UL);  // refused by the sandbox or not, the tick only gets less even
  Lock lock(mutex_);
  for (;;) {
    const uint64_t now = monotonicNs();
    bool running = false;
    for (size_t i = 0; i < runners_.size(); ++i) {
      Runner& runner = *runners_[i];
      if (runner.resident == nullptr) continue;
      running = true;
      watchOne(runner, now);
    }
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

void Lane::watchOne(Runner& runner, uint64_t nowNs) {
  const ParkReason parked = runner.spot.parked.load(std::memory_order_acquire);
  if (parked != ParkReason::kNone) return abandon(runner, parked);
  const uint64_t wall = runner.clock.wallNs(nowNs);
  if (wall < LaneLimits::kPromoteNs) return;
  const uint64_t used = runner.clock.usedNs(nowNs);
  if (leader_ == &runner && (used > LaneLimits::kPromoteCpuNs || wall > LaneLimits::kPromoteAnywayNs)) {
    // From here on others read the ring: what comes for this invocation has to find its isolate before the turn ends.
    if (runner.invocation.value != 0) {
      routes_[runner.invocation.value] = runner.resident->number;
      runner.routed = true;
    }
    promote();
  }
  if (wall > LaneLimits::kDeprioritiseNs && !runner.deprioritised) {
    runner.deprioritised = true;
    setpriority(PRIO_PROCESS, static_cast<id_t>(runner.threadId), LaneLimits::kDetachedNice);
  }
  ScriptIsolate* isolate = runner.isolate.load(std::memory_order_acquire);
  switch (runner.killStage) {
    case 0:
      if (isolate == nullptr) return;
      if (isolate->killPending() != Kill::kNone) {  // V8's own memory limits asked for it
        runner.killStage = 2;
        runner.killedAtNs = used;
      } else if (runner.priorNs.load(std::memory_order_relaxed) + used > runner.limitNs) {
        isolate->requestKill(Kill::kCpu);
        runner.killStage = 1;
        runner.killedAtNs = used;
      } else if (nowNs / kMemoryTicksNs != (nowNs - 1'000'000) / kMemoryTicksNs) {
        isolate->requestMemoryCheck();
      }
      return;
    case 1:
      if (isolate == nullptr || used < runner.killedAtNs + LaneLimits::kForceAfterNs) return;
      isolate->forceTermination();
      runner.killStage = 2;
      return;
    default:
      if (used < runner.killedAtNs + LaneLimits::kParkAfterNs) return;
      if (isolate != nullptr && isolate->killPending() == Kill::kNone) return;  // it came back; the turn is ending
      runner.killStage = 3;
      requestPark(runner.spot);
      return;
  }
}

void Lane::abandon(Runner& runner, ParkReason reason) {
  Resident& resident = *runner.resident;
  ScriptIsolate* isolate = runner.isolate.load();
  const Kill kill = isolate != nullptr ? isolate->killPending() : Kill::kNone;
  const bool cpu = kill == Kill::kCpu || (reason == ParkReason::kWatchdog && kill != Kill::kMemory);
  const auto outcome = cpu ? wire::Outcome::kExceededCpu : wire::Outcome::kExceededMemory;
  ++parked_;
  const auto endOne = [&](wire::InvocationId id) {
    wire::ExceptionThrown thrown;
    thrown.invocation = id;
    thrown.name = "Error";
    thrown.message = cpu ? "Worker exceeded CPU time limit." : "Worker exceeded memory limit.";
    effects_.emit(id.loop(), thrown);
    wire::Done done;
    done.invocation = id;
    done.outcome = outcome;
    done.cpuUs = (runner.priorNs.load() + runner.clock.usedNs(monotonicNs())) / 1000;
    effects_.emit(id.loop(), done);
  };
  // What had not started goes elsewhere; what shares the heap ends with it.
  std::deque<Work> inbox = std::move(resident.inbox);
  resident.inbox.clear();
  std::vector<Work> restart;
  for (Work& work : inbox) {
    const auto id = startedBy(work);
    if (id.value == 0) continue;
    routes_.erase(id.value);
    restart.push_back(std::move(work));
  }
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
  const auto version = resident.version;
  const auto entry = versions_.find(version->id().value);
  if (entry != versions_.end() && entry->second.current == &resident) entry->second.current = nullptr;
  effects_.emit(0, wire::IsolateEnded{version->id(), wire::IsolateEnd::kParked});
  const auto at = residents_.find(resident.number);
  if (at != residents_.end() && at->second.get() == &resident) {
    at->second.release();  // the thread still stands in it
    residents_.erase(at);
  }
  runner.resident = nullptr;
  if (leader_ == &runner) promote();
  for (size_t i = 0; i < runners_.size(); ++i) {
    if (runners_[i].get() != &runner) continue;
    runners_[i].release();
    runners_.erase(runners_.begin() + static_cast<ptrdiff_t>(i));
    break;
  }
  for (Work& work : restart) {
    const auto id = startedBy(work);
    if (entry == versions_.end()) {
      refuse(id, wire::Outcome::kInternalError);
      continue;
    }
    if (entry->second.current == nullptr) {
      auto fresh = std::make_unique<Resident>();
      fresh->number = nextResident_++;
      fresh->version = entry->second.version;
      entry->second.current = fresh.get();
      residents_.emplace(fresh->number, std::move(fresh));
    }
    Resident& target = *entry->second.current;
    routes_[id.value] = target.number;
    target.inbox.push_back(std::move(work));
    if (!target.busy) ready_.push_back(target.number);
  }
  if (!ready_.empty()) {
    const uint64_t one = 1;
    if (::write(setup_.eventDescriptor, &one, sizeof one) < 0) _exit(3);
  }
}

}  // namespace weir::engine
