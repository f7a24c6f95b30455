#include "sandbox/supervisor.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace weir::sandbox {

namespace {

using observe::EngineDeath;

constexpr std::chrono::milliseconds kTendEvery{10};
constexpr std::chrono::milliseconds kForgetMax{1'000};  // loops take one iteration; a loop that is gone takes for ever
constexpr size_t kSaidBytesMax = 4096;                  // of an engine's output, kept to explain a failed start

// What the process has for itself, without what it maps from files and shares with this one. 0: it has gone.
uint64_t privateBytesOf(pid_t pid) {
  char path[40];
  std::snprintf(path, sizeof path, "/proc/%d/statm", static_cast<int>(pid));
  const wire::Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[128] = {};
  if (!file || ::read(file.get(), text, sizeof text - 1) <= 0) return 0;
  unsigned long long size = 0, resident = 0, shared = 0;
  if (std::sscanf(text, "%llu %llu %llu", &size, &resident, &shared) != 3 || resident < shared) return 0;
  return (resident - shared) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

// One process, from its launch until the last loop has let it go.
class Supervisor::Engine {
 public:
  enum class State { kStarting, kServing, kDraining, kEnded };

  Engine(Supervisor& owner, uint32_t slotNumber, std::shared_ptr<EngineLink> theLink)
      : slot(slotNumber),
        link(std::move(theLink)),
        launchedAt(owner.loop_.clock().now()),
        owner_(owner),
        exitWatch_(*this, &Engine::onExit),
        outputWatch_(*this, &Engine::onOutput),
        controlWatch_(*this, &Engine::onControl),
        answers_(owner.options_.limits.silentMax, 2 * owner.options_.limits.lookEvery, launchedAt) {
    exitWatch_.watch(link->process().pidfd());
    outputWatch_.watch(link->process().outputFd());
    controlWatch_.watch(link->process().control().fd());
  }

  // Its answers and its memory; condemns it when they are not what they should be.
  void look() {
    if (state == State::kEnded || state == State::kStarting) return;
    const auto& limits = owner_.options_.limits;
    processBytes = privateBytesOf(link->process().pid());
    if (limits.processBytesMax != 0 && processBytes > limits.processBytesMax)
      return link->condemn(EngineDeath::kMemory);
    const auto progress = link->progress();
    if (!progress) return link->condemn(EngineDeath::kProtocolViolation);
    switch (answers_.look(owner_.loop_.clock().now(), progress->written, progress->read)) {
      case AnswerWatch::Verdict::kAnswering: return;
      case AnswerWatch::Verdict::kSilent: return link->condemn(EngineDeath::kUnresponsive);
      case AnswerWatch::Verdict::kIdle: break;
    }
    if (!link->send(wire::Ping{})) return link->condemn(EngineDeath::kProtocolViolation);  // the ring was empty
    link->flush();
  }

  // The process has been reaped: nothing of it is watched any more.
  void unwatch() {
    exitWatch_.unwatch();
    outputWatch_.unwatch();
    controlWatch_.unwatch();
  }

  const uint32_t slot;
  const std::shared_ptr<EngineLink> link;
  const base::Instant launchedAt;
  State state = State::kStarting;
  base::Instant until{};  // kDraining: when it is cut. kEnded: when its end is reported, whoever still holds it
  double readyMs = 0;
  uint64_t processBytes = 0;
  std::string said;  // while it started
  EngineExit exit;

 private:
  class Watch final : public net::FdHandler {
   public:
    Watch(Engine& engine, void (Engine::*then)()) : engine_(engine), then_(then) {}
    ~Watch() { unwatch(); }
    void watch(int fd) { engine_.owner_.loop_.watch(fd_ = fd, EPOLLIN, *this); }
    void unwatch() {
      if (fd_ >= 0) engine_.owner_.loop_.unwatch(fd_, *this);
      fd_ = -1;
    }
    void onReady(uint32_t) override { (engine_.*then_)(); }

   private:
    Engine& engine_;
    void (Engine::*const then_)();
    int fd_ = -1;
  };

  void onOutput() {
    const bool more = link->process().drainOutput([&](std::string_view line) {
      if (line.empty()) return;
      owner_.options_.sink.engineSaid(observe::kNoLoop, {slot, line});
      if (state == State::kStarting && said.size() + line.size() < kSaidBytesMax) (said += line) += "; ";
    });
    if (!more) outputWatch_.unwatch();
  }
  void onControl() {
    auto ready = link->pollReady();
    if (ready.ok() && !*ready) return;
    controlWatch_.unwatch();
    if (ready.ok()) return owner_.onReady(*this);
    said = ready.error().message + (said.empty() ? "" : ": " + said);
    link->condemn(EngineDeath::kStartFailed);
  }
  void onExit() {
    const auto ended = link->process().reap();
    if (!ended) return;
    onOutput();
    owner_.onEnd(*this, *ended);
  }

  Supervisor& owner_;
  Watch exitWatch_;
  Watch outputWatch_;
  Watch controlWatch_;
  AnswerWatch answers_;
};

Supervisor::Supervisor(net::Loop& loop, const Options& options)
    : loop_(loop),
      options_(options),
      quarantine_(options.limits.quarantine, options.engines),
      slots_(options.engines + options.limits.quarantine.slots, Slot(options.limits.restart)),
      lookTimer_(loop.timers(), [this] { look(); }),
      tendTimer_(loop.timers(), [this] { tend(); }) {}

base::Result<std::unique_ptr<Supervisor>> Supervisor::start(net::Loop& loop, const Options& options) {
  auto self = std::unique_ptr<Supervisor>(new Supervisor(loop, options));
  for (uint32_t slot = 0; slot < options.engines; ++slot) self->launch(slot);
  const auto missing = [&] {
    return std::any_of(self->slots_.begin(), self->slots_.begin() + options.engines,
                       [](const Slot& slot) { return slot.current == nullptr; });
  };
  while (self->firstFailure_.empty() && missing()) loop.runOnce(kTendEvery);
  if (!self->firstFailure_.empty()) return base::Error{self->firstFailure_};
  self->started_ = true;
  self->lookTimer_.arm(loop.clock().now() + options.limits.lookEvery);
  self->publish();
  return self;
}

Supervisor::~Supervisor() = default;

std::vector<std::shared_ptr<EngineLink>> Supervisor::engines() const {
  std::vector<std::shared_ptr<EngineLink>> links;
  for (const Slot& slot : slots_) links.push_back(slot.current != nullptr ? slot.current->link : nullptr);
  return links;
}

bool Supervisor::isWanted(uint32_t slot) const { return slot < options_.engines || quarantine_.uses(slot); }

void Supervisor::launch(uint32_t number) {
  Slot& slot = slots_[number];
  slot.restarts.started(loop_.clock().now());
  EngineLink::Options engine = options_.engine;
  engine.index = number;
  auto link = EngineLink::launch(engine);
  if (!link.ok()) return failedStart(number, link.error().message, 0, 0);
  engines_.push_back(std::make_unique<Engine>(*this, number, std::move(link).value()));
  slot.starting = engines_.back().get();
  tendTimer_.arm(loop_.clock().now() + kTendEvery);
}

void Supervisor::onReady(Engine& engine) {
  const auto now = loop_.clock().now();
  Slot& slot = slots_[engine.slot];
  slot.restarts.becameReady(now);
  slot.starting = nullptr;
  ++slot.starts;
  Engine* const before = std::exchange(slot.current, &engine);
  engine.state = Engine::State::kServing;
  engine.readyMs = loop_.clock().wallMs();
  engine.said.clear();
  options_.users.useEngine(engine.slot, engine.link);
  const auto startupUs = std::chrono::duration_cast<std::chrono::microseconds>(now - engine.launchedAt).count();
  options_.sink.engineStarted(observe::kNoLoop,
                              {engine.slot, static_cast<uint64_t>(startupUs), engine.link->v8Version()});
  const auto& confinements = engine.link->confinements();
  if (!confinements.complete()) {
    uint32_t active = 0;
    for (size_t i = 0; i < wire::kConfinementCount; ++i) {
      if (confinements.active(static_cast<wire::Confinement>(i))) active |= 1u << i;
    }
    const std::string report = confinements.summary();
    options_.sink.engineConfined(observe::kNoLoop, {engine.slot, active, (1u << wire::kConfinementCount) - 1, report});
  }
  if (before != nullptr) drain(*before);
  publish();
}

void Supervisor::drain(Engine& engine) {
  engine.state = Engine::State::kDraining;
  engine.until = loop_.clock().now() + options_.limits.drainMax;
  uint32_t draining = 0;
  for (auto at = engines_.rbegin(); at != engines_.rend(); ++at) {
    if ((*at)->slot != engine.slot || (*at)->state != Engine::State::kDraining) continue;
    if (++draining > options_.limits.drainingMax) (*at)->link->condemn(EngineDeath::kReplaced);
  }
  tendTimer_.arm(loop_.clock().now() + kTendEvery);
}

void Supervisor::failedStart(uint32_t number, const std::string& why, int signal, int code) {
  Slot& slot = slots_[number];
  const auto now = loop_.clock().now();
  slot.starting = nullptr;
  slot.retryAt = now + slot.restarts.ended(now);
  slot.lastEnd = "did not start: " + why;
  tendTimer_.arm(now + kTendEvery);
  if (firstFailure_.empty()) firstFailure_ = "an engine did not start: " + why;
  if (!started_) return;
  observe::EngineDied fact;
  fact.engine = number;
  fact.reason = EngineDeath::kStartFailed;
  fact.signal = signal;
  fact.exitCode = code;
  fact.detail = why;
  options_.sink.engineDied(observe::kNoLoop, fact);
}

void Supervisor::onEnd(Engine& engine, const EngineExit& exit) {
  const auto now = loop_.clock().now();
  Slot& slot = slots_[engine.slot];
  engine.unwatch();
  engine.exit = exit;
  const bool serving = slot.current == &engine;
  if (slot.starting == &engine) {
    failedStart(engine.slot, engine.said.empty() ? exit.text() : engine.said, exit.signal.value_or(0),
                exit.code.value_or(0));
    std::erase_if(engines_, [&](auto& each) {
      if (each.get() != &engine) return false;
      loop_.dispose(std::move(each));
      return true;
    });
    return publish();
  }
  if (serving) {
    slot.current = nullptr;
    options_.users.useEngine(engine.slot, nullptr);
  }
  options_.users.loseEngine(engine.link);
  engine.state = Engine::State::kEnded;
  engine.until = now + kForgetMax;
  if (serving && slot.starting == nullptr && isWanted(engine.slot)) {
    const auto wait = slot.restarts.ended(now);
    slot.retryAt = now + wait;
    if (wait.count() == 0) launch(engine.slot);
  }
  tendTimer_.arm(now + kTendEvery);
  publish();
}

void Supervisor::drop(const std::vector<wire::VersionId>& versions) {
  for (const auto& engine : engines_) {
    if (engine->state != Engine::State::kServing && engine->state != Engine::State::kDraining) continue;
    for (const auto version : versions) engine->link->drop(version);
  }
}

void Supervisor::threadLost(std::shared_ptr<EngineLink> link, std::string script) {
  loop_.post([this, link = std::move(link), script = std::move(script)] {
    const auto now = loop_.clock().now();
    if (!script.empty() && quarantine_.parked(script, now)) {
      const uint32_t slot = quarantine_.homeOf(script)->slot.load();
      slots_[slot].retryAt = now;
      options_.sink.scriptConfined(observe::kNoLoop, {script, slot});
    }
    if (!link->retiring()) {
      link->retire();
      Slot& slot = slots_[link->index()];
      // At once, unless engines of this slot go as fast as they come.
      if (slot.current != nullptr && slot.current->link == link) slot.retryAt = now + slot.restarts.ended(now);
    }
    tend();
  });
}

void Supervisor::look() {
  for (const auto& engine : engines_) engine->look();
  if (quarantine_.release(loop_.clock().now())) tend();
  publish();
  lookTimer_.arm(loop_.clock().now() + options_.limits.lookEvery);
}

void Supervisor::tend() {
  const auto now = loop_.clock().now();
  bool more = false;
  for (auto at = engines_.begin(); at != engines_.end();) {
    Engine& engine = **at;
    switch (engine.state) {
      case Engine::State::kStarting:
        more = true;
        if (now - engine.launchedAt > options_.limits.readyMax) {
          engine.said = "it was not ready in time" + (engine.said.empty() ? "" : ": " + engine.said);
          engine.link->condemn(EngineDeath::kStartFailed);
        }
        break;
      case Engine::State::kDraining:
        more = true;
        if (engine.link->drained() || now >= engine.until) engine.link->condemn(EngineDeath::kReplaced);
        break;
      case Engine::State::kEnded: {
        more = true;
        if (!engine.link->forgotten() && now < engine.until) break;
        observe::EngineDied fact;
        fact.engine = engine.slot;
        fact.reason = engine.link->deathReason();
        fact.signal = engine.exit.signal.value_or(0);
        fact.exitCode = engine.exit.code.value_or(0);
        fact.invocationsLost = engine.link->lost();
        const std::string how = engine.exit.text();
        fact.detail = how;
        slots_[engine.slot].lastEnd =
            std::string(observe::kEngineDeathNames[static_cast<size_t>(fact.reason)]) + ", " + how;
        options_.sink.engineDied(observe::kNoLoop, fact);
        at = engines_.erase(at);
        continue;
      }
      case Engine::State::kServing: break;
    }
    ++at;
  }
  for (uint32_t i = 0; started_ && i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.starting != nullptr) continue;
    if (!isWanted(i)) {
      if (slot.current == nullptr) continue;
      options_.users.useEngine(i, nullptr);
      drain(*std::exchange(slot.current, nullptr));
      more = true;
      continue;
    }
    if (slot.current != nullptr && !slot.current->link->retiring()) continue;
    more = true;
    if (now >= slot.retryAt) launch(i);
  }
  if (more) tendTimer_.arm(now + kTendEvery);
  publish();
}

void Supervisor::publish() {
  std::vector<EngineStatus> fresh;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (i >= options_.engines && !isWanted(i) && slot.current == nullptr) continue;
    EngineStatus status;
    if (i >= options_.engines) status.confined = quarantine_.scriptsIn(i);
    status.slot = i;
    status.starts = slot.starts;
    status.failedStarts = slot.restarts.failedStarts();
    status.lastEnd = slot.lastEnd;
    for (const auto& engine : engines_) {
      if (engine->slot == i && engine->state == Engine::State::kDraining) ++status.draining;
    }
    if (const Engine* engine = slot.current) {
      status.serving = true;
      status.pid = engine->link->process().pid();
      status.startedMs = engine->readyMs;
      status.processBytes = engine->processBytes;
      status.inFlight = engine->link->inFlight();
      const auto load = engine->link->load();
      status.isolates = load.isolates;
      status.isolateBytes = load.heapBytes;
      status.parkedThreads = load.parkedThreads;
      status.v8Version = engine->link->v8Version();
      status.confinements = engine->link->confinements();
    }
    fresh.push_back(std::move(status));
  }
  const std::lock_guard lock(statusMutex_);
  status_ = std::move(fresh);
}

std::vector<EngineStatus> Supervisor::status() const {
  const std::lock_guard lock(statusMutex_);
  return status_;
}

}  // namespace weir::sandbox
