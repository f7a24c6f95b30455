// Supervisor: keeps an engine in every slot and ends those that must not go on.
//
// Story of one engine: launched → ready, and its slot's users are told to use it → it dies by itself, is killed (it
// broke the protocol, stopped answering, outgrew its memory) or is replaced (a script cost it a thread) → users are
// told → its slot has another. A replaced engine finishes what runs on it first: the new one takes its slot when it is
// ready, the old one stays until its last invocation has ended, or for `drainMax`.
//
// Threads: everything on the thread of `loop`, which must live as long as engines are wanted (engine_process.h), but
// for `threadLost` and `status`, which any thread may call. Waits for nothing but the clone of a process.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/loop.h"
#include "observe/sink.h"
#include "sandbox/answer_watch.h"
#include "sandbox/engine_link.h"
#include "sandbox/quarantine.h"
#include "sandbox/restart_policy.h"

namespace weir::sandbox {

struct SupervisorLimits {
  std::chrono::milliseconds readyMax{20'000};   // launch to ready
  std::chrono::milliseconds lookEvery{1'000};   // at answers and memory
  std::chrono::milliseconds silentMax{10'000};  // events waited while none was read: the engine is killed
  std::chrono::milliseconds drainMax{30'000};   // a replaced engine's last invocations
  uint64_t processBytesMax = 0;                 // private memory of an engine; 0: no bound
  uint32_t drainingMax = 4;                     // replaced engines that still drain, per slot; the oldest is cut
  RestartLimits restart;
  QuarantineLimits quarantine;
};

// Whoever sends invocations to engines.
class EngineUsers {
 public:
  // New invocations of the slot go to this engine from now on; null: to none. Those that run where it was stay there.
  virtual void useEngine(uint32_t slot, std::shared_ptr<EngineLink> link) = 0;
  // The engine has ended, and so does what still runs on it.
  virtual void loseEngine(std::shared_ptr<EngineLink> link) = 0;

 protected:
  ~EngineUsers() = default;
};

// What an operator wants to know of a slot.
struct EngineStatus {
  uint32_t slot = 0;
  std::vector<std::string> confined;  // the scripts that have it for themselves; empty: it is everybody's
  bool serving = false;
  int pid = 0;
  double startedMs = 0;       // since 1970, when it was ready
  uint64_t processBytes = 0;  // private memory
  uint32_t inFlight = 0;
  uint32_t isolates = 0;  // this and the next two as the engine says
  uint64_t isolateBytes = 0;
  uint32_t parkedThreads = 0;
  uint32_t draining = 0;      // earlier engines of the slot that finish their work
  uint32_t starts = 0;        // engines the slot has had ready
  uint32_t failedStarts = 0;  // in a row
  std::string lastEnd;        // how the one before ended; empty: it is the first
  std::string v8Version;
  wire::Confinements confinements;
};

class Supervisor final {
 public:
  struct Options {
    EngineLink::Options engine;  // `index` is set per slot
    uint32_t engines = 1;
    SupervisorLimits limits;
    observe::Sink& sink;  // borrowed, as is everything here
    EngineUsers& users;
  };

  // Starts every engine, all at once, and waits until they are ready. Runs `loop` meanwhile.
  static base::Result<std::unique_ptr<Supervisor>> start(net::Loop& loop, const Options& options);
  // Kills and reaps what is left.
  ~Supervisor();

  // The engine of each slot, those of the quarantine included; null where there is none just now.
  std::vector<std::shared_ptr<EngineLink>> engines() const;

  // Nothing routes to these versions and nothing runs them any more: engines may forget them.
  void drop(const std::vector<wire::VersionId>& versions);

  // Any thread: a version of the script cost this engine a thread for good.
  void threadLost(std::shared_ptr<EngineLink> link, std::string script);

  // Where a script's invocations go; any thread.
  std::shared_ptr<const ScriptHome> homeOf(const std::string& script) { return quarantine_.homeOf(script); }

  // Any thread; as of the last look.
  std::vector<EngineStatus> status() const;

 private:
  class Engine;
  struct Slot {
    explicit Slot(const RestartLimits& limits) : restarts(limits) {}
    RestartPolicy restarts;
    Engine* current = nullptr;   // what users were told
    Engine* starting = nullptr;  // its successor
    base::Instant retryAt{};     // when `starting` and `current` are null
    uint32_t starts = 0;
    std::string lastEnd;
  };

  Supervisor(net::Loop& loop, const Options& options);
  bool isWanted(uint32_t slot) const;
  void launch(uint32_t slot);
  void onReady(Engine& engine);
  void drain(Engine& engine);
  void onEnd(Engine& engine, const EngineExit& exit);
  void failedStart(uint32_t slot, const std::string& why, int signal, int code);
  void look();
  void tend();
  void publish();

  net::Loop& loop_;
  const Options options_;
  Quarantine quarantine_;
  std::vector<Slot> slots_;
  std::list<std::unique_ptr<Engine>> engines_;  // every process there is, oldest first
  net::Timer lookTimer_;                        // answers, memory
  net::Timer tendTimer_;  // starts that are due, engines that have drained; armed while there is one
  std::string firstFailure_;
  bool started_ = false;

  mutable std::mutex statusMutex_;
  std::vector<EngineStatus> status_;
};

}  // namespace weir::sandbox
