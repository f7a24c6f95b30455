#include "engine/lane.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "js/exception.h"

namespace weir::engine {

namespace {

constexpr int kEventsPerLook = 64;

uint64_t monotonicNs() { return readClock(CLOCK_MONOTONIC); }

}  // namespace

Lane::Lane(Setup setup)
    : setup_(std::move(setup)),
      effects_(setup_.effectPorts),
      events_(setup_.eventRing, wire::Bounds::kEventRingBytes) {}

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
  EffectPorts::silenceWhen(&me.lost);
  if (!registerParkSpot(me.spot)) {
    std::fputs("too many threads are parked\n", stderr);
    _exit(6);
  }
  Lock lock(mutex_);
  // A thread's nice value cannot be raised again without privileges: one that was lowered goes, another is made when
  // needed.
  while (!me.deprioritised && !me.lost) {
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
  if (auto orphan = std::move(me.orphan)) {
    lock.unlock();
    orphan.reset();
    lock.lock();
  }
  unregisterParkSpot(me.spot);
  EffectPorts::silenceWhen(nullptr);
  me.thread.detach();
  const auto at =
      std::find_if(runners_.begin(), runners_.end(), [&](const auto& runner) { return runner.get() == &me; });
  const auto self = std::move(*at);
  runners_.erase(at);
  if (leader_ == nullptr) promote();
  lock.unlock();  // before `self` goes, and `me` with it
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
  if (!deadlines_.empty()) {
    const uint64_t now = monotonicNs();
    const uint64_t wait = deadlines_.begin()->first > now ? deadlines_.begin()->first - now : 0;
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
    if (::read(setup_.eventDescriptor, &count, sizeof count) < 0) {
    }
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
    runTurn(me, lock, *at->second, pop(*at->second));
  }
  if (!deadlines_.empty()) {
    const uint64_t now = monotonicNs();
    while (leader_ == &me && !deadlines_.empty() && deadlines_.begin()->first <= now) {
      Resident& resident = *residents_.at(deadlines_.begin()->second);
      setDeadline(resident, 0);
      worked = true;
      if (resident.busy || resident.timersWait) continue;  // it looks for what is due when its turn ends
      resident.timersWait = true;
      give(me, lock, resident, TimersDue{});
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
        } else if constexpr (std::is_same_v<Message, wire::Shutdown>) {
          shuttingDown_ = true;
        } else if constexpr (std::is_same_v<Message, wire::Ping>) {
          reportLoad();
        } else if constexpr (std::is_same_v<Message, wire::StartFetch> ||
                             std::is_same_v<Message, wire::StartScheduled>) {
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

wire::Descriptor Lane::takeBlob(uint64_t number) {
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
  wire::Descriptor blob = std::move(blobs_[number]);
  blobs_.erase(number);
  return blob;
}

void Lane::loadVersion(const wire::LoadVersion& event) {
  auto bundle = wire::mapSealedBlob(takeBlob(event.bundleBlob).get(), wire::BundleBounds::kBundleBytesMax);
  if (!bundle.ok()) _exit(5);
  StartImage image;
  if (event.imageBlob != 0) {
    auto mapped = wire::mapFile(takeBlob(event.imageBlob).get(), wire::Bounds::kImageBytesMax);
    if (mapped.ok() && event.hashMark == setup_.hashMark)
      image = {event.source, std::move(mapped).value(), event.imageHash};
  }
  auto version = Version::make(event.version, std::move(bundle).value(), std::move(image));
  if (!version) _exit(5);
  versions_[event.version.value].version = std::move(version);
}

void Lane::refuse(wire::InvocationId id, wire::Outcome outcome) {
  wire::Done done;
  done.invocation = id;
  done.outcome = outcome;
  effects_.emit(id.loop(), done);
}

void Lane::refuse(wire::InvocationId id, const FailedStart& failed) {
  wire::ExceptionThrown thrown;
  thrown.invocation = id;
  thrown.timestampMs = std::floor(wallMs());
  thrown.name = "Error";
  thrown.message = failed.message;
  effects_.emit(id.loop(), thrown);
  refuse(id, failed.outcome);
}

void Lane::startInvocation(Runner& me, Lock& lock, wire::InvocationId id, wire::VersionId versionId, HeldEvent held) {
  const auto at = versions_.find(versionId.value);
  if (at == versions_.end() || id.loop() >= effects_.count()) return refuse(id, wire::Outcome::kInternalError);
  VersionEntry& entry = at->second;
  if (!startsAgain(entry)) return refuse(id, entry.failed);
  if (entry.current == nullptr && !hasRoom()) return refuse(id, wire::Outcome::kLoadShed);
  Resident& resident = currentOf(entry);
  if (resident.inbox.size() >= LaneLimits::kInboxMax || resident.inboxBytes >= LaneLimits::kInboxBytesMax) {
    return refuse(id, wire::Outcome::kLoadShed);
  }
  if (resident.busy) routes_[id.value] = resident.number;
  give(me, lock, resident, std::move(held));
}

// A version that cannot start is not tried for every request: that may cost its whole start-up time, or a thread.
bool Lane::startsAgain(const VersionEntry& entry) {
  return entry.current != nullptr || entry.failed.atNs == 0 ||
         monotonicNs() >= entry.failed.atNs + LaneLimits::kStartAgainAfterNs;
}

Lane::Resident& Lane::currentOf(VersionEntry& entry) {
  if (entry.current == nullptr) {
    auto resident = std::make_unique<Resident>();
    resident->number = nextResident_++;
    resident->version = entry.version;
    entry.current = resident.get();
    residents_.emplace(resident->number, std::move(resident));
  }
  return *entry.current;
}

void Lane::push(Resident& resident, Work work) {
  if (const auto* held = std::get_if<HeldEvent>(&work)) resident.inboxBytes += held->bytes.capacity();
  resident.inbox.push_back(std::move(work));
}

Lane::Work Lane::pop(Resident& resident) {
  Work work = std::move(resident.inbox.front());
  resident.inbox.pop_front();
  if (const auto* held = std::get_if<HeldEvent>(&work)) resident.inboxBytes -= held->bytes.capacity();
  return work;
}

void Lane::startElsewhere(std::vector<Work> starts, wire::VersionId version) {
  for (Work& work : starts) {
    const auto id = startedBy(work);
    const auto at = versions_.find(version.value);
    if (at == versions_.end()) {
      refuse(id, wire::Outcome::kInternalError);
      continue;
    }
    if (!startsAgain(at->second)) {
      refuse(id, at->second.failed);
      continue;
    }
    Resident& target = currentOf(at->second);
    routes_[id.value] = target.number;
    push(target, std::move(work));
    if (!target.busy) ready_.push_back(target.number);
  }
}

void Lane::setDeadline(Resident& resident, uint64_t deadlineNs) {
  if (resident.deadlineNs == deadlineNs) return;
  decltype(deadlines_)::node_type node;
  if (resident.deadlineNs != 0) node = deadlines_.extract({resident.deadlineNs, resident.number});
  resident.deadlineNs = deadlineNs;
  if (deadlineNs == 0) return;
  if (node.empty()) {
    deadlines_.emplace(deadlineNs, resident.number);
  } else {
    node.value() = {deadlineNs, resident.number};
    deadlines_.insert(std::move(node));
  }
}

void Lane::give(Runner& me, Lock& lock, Resident& resident, Work work) {
  if (resident.busy || !resident.inbox.empty()) {
    push(resident, std::move(work));
    if (!resident.busy) ready_.push_back(resident.number);
    return;
  }
  runTurn(me, lock, resident, std::move(work));
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
  setDeadline(resident, 0);
  sample(resident, 0);
  graveyard_.push_back(std::move(at->second));
  residents_.erase(at);
  keeperWake_.notify_one();
}

void Lane::sample(Resident& resident, size_t bytes) {
  const bool more = bytes > resident.bytes;
  residentBytes_ += bytes - resident.bytes;
  resident.bytes = bytes;
  if (more) evict();
}

// Room for one isolate more, made by evicting others.
bool Lane::hasRoom() {
  evict();
  return residents_.size() < LaneLimits::kResidentsMax &&
         residentBytes_ < setup_.memoryBudgetBytes / 100 * LaneLimits::kOverBudgetPercent;
}

void Lane::evict() {
  while (residentBytes_ > setup_.memoryBudgetBytes || residents_.size() >= LaneLimits::kResidentsMax) {
    Resident* oldest = nullptr;
    for (auto& [number, resident] : residents_) {
      if (resident->busy || resident->retired || !resident->started || !resident->inbox.empty() ||
          !resident->isolate->idle()) {
        continue;
      }
      if (oldest == nullptr || resident->usedNs < oldest->usedNs) oldest = resident.get();
    }
    if (oldest == nullptr) return;
    retire(*oldest, wire::IsolateEnd::kEvicted);
  }
}

// A script that is killed again and again while some of its invocations go on would keep any number of heaps.
void Lane::limitCondemned(wire::VersionId version) {
  std::vector<Resident*> condemned;
  for (auto& [number, resident] : residents_) {
    if (resident->condemned && resident->version->id() == version) condemned.push_back(resident.get());
  }
  if (condemned.size() <= LaneLimits::kCondemnedPerVersionMax) return;
  Resident& oldest = **std::min_element(condemned.begin(), condemned.end(),
                                        [](const Resident* a, const Resident* b) { return a->number < b->number; });
  push(oldest, GiveUp{});
  if (!oldest.busy) ready_.push_back(oldest.number);
}

}  // namespace weir::engine
