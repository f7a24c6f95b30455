// Lane: the event ring of this engine, the threads that serve it, and the isolates they serve it with.
//
// Lazy leader/follower. One thread, the leader, reads the ring and runs turns itself, so the common path has no thread
// hop. When its turn lasts longer than a millisecond the watchdog makes a follower the leader; the long turn goes on,
// detached, and its isolate takes no other turn until it ends. A script that spins costs its neighbours a share of the
// processor, never the lane.
//
// One mutex guards all tables below. It is never held while JavaScript or V8 runs.
#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/park.h"
#include "engine/script_isolate.h"
#include "wire/control_socket.h"
#include "wire/ring.h"

namespace weir::engine {

struct LaneLimits {
  static constexpr uint64_t kPromoteNs = 1'000'000;   // a leader's turn that lasts longer is detached …
  static constexpr uint64_t kPromoteCpuNs = 500'000;  // … when it used so much of it; one that waits for a processor
  static constexpr uint64_t kPromoteAnywayNs = 5'000'000;      // would not run sooner elsewhere, and has until here
  static constexpr uint64_t kDeprioritiseNs = 10'000'000;      // a detached turn that lasts longer yields to others
  static constexpr uint64_t kForceAfterNs = 5'000'000;         // CPU after the kill request until plain termination
  static constexpr uint64_t kAbandonCpuAfterNs = 300'000'000;  // … until others stop waiting for the turn; a kill for
  static constexpr uint64_t kAbandonMemoryAfterNs =
      1'000'000'000;                                        // memory has to get through collections of a full heap
  static constexpr uint64_t kParkAfterNs = 300'000'000;     // CPU after that until the thread is parked
  static constexpr uint64_t kParkAgainAfterNs = 2'000'000;  // … after it was let on
  static constexpr uint32_t kProofTicks = 100;        // watchdog ticks that a proof may take before threads are let on
  static constexpr uint32_t kProofTicksMax = 10'000;  // … before the engine gives up
  static constexpr size_t kRunnersMax = 256;
  static constexpr size_t kBuffersMax = 64;
  static constexpr size_t kBufferBytesMax = 16u << 10;  // larger ones are given back at once
  static constexpr size_t kInboxMax = 4096;             // events that wait for one busy isolate: no invocation is added
  static constexpr size_t kInboxBytesMax = 16u << 20;   // … above either
  static constexpr uint64_t kStartAgainAfterNs = 1'000'000'000;  // after one that failed
  static constexpr size_t kWarmIsolates = 2;
  static constexpr uint64_t kIdleCollectAfterNs = 500'000'000;  // an isolate that rests so long is collected …
  static constexpr size_t kIdleCollectBytesMin = 3u << 19;      // … when that may give back so much
  static constexpr size_t kResidentsMax = 4096;
  static constexpr size_t kOverBudgetPercent = 150;     // what runs may hold so much; above it no isolate is added
  static constexpr size_t kCondemnedPerVersionMax = 2;  // isolates that only finish what they have; the oldest is cut
  static constexpr int kDetachedNice = 10;
};

class Lane {
 public:
  struct Setup {
    node::MultiIsolatePlatform& platform;
    v8::StartupData base;
    uint32_t hashMark;  // js/heap.h
    void* eventRing;
    int eventDescriptor;
    wire::ControlSocket control;
    std::vector<EffectPorts::Port> effectPorts;
    size_t memoryBudgetBytes;  // isolates are evicted, least recently used first, above this
  };

  explicit Lane(Setup setup);

  // Serves until the platform says Shutdown or goes away. Called once, on the process's main thread.
  [[noreturn]] void run();

 private:
  struct TimersDue {};
  struct GiveUp {};  // ends every invocation of the isolate
  // An event, decoded once; it points into its own bytes, which a move leaves in place.
  struct HeldEvent {
    std::vector<uint8_t> bytes;
    wire::Event event;
  };
  using Work = std::variant<HeldEvent, TimersDue, GiveUp>;

  // An isolate and what waits for it.
  struct Resident {
    uint32_t number = 0;
    std::shared_ptr<const Version> version;
    std::unique_ptr<ScriptIsolate> isolate;  // null until the first turn makes it
    std::deque<Work> inbox;
    size_t inboxBytes = 0;
    bool busy = false;
    bool started = false;
    bool retired = false;     // takes no new invocation …
    bool condemned = false;   // … because it was killed
    bool timersWait = false;  // there is a TimersDue in the inbox
    uint64_t deadlineNs = 0;  // of its next timer, as in `deadlines_`; 0: none
    uint64_t usedNs = 0;      // when it was last used
    uint64_t turns = 0;
    size_t bytes = 0;
    bool ran = false;  // since the keeper last looked at it
  };

  // A thread that runs turns.
  //
  // A turn that does not end although it was told to is abandoned: its invocations are ended without it, and its runner
  // is lost. A lost runner that comes back disposes of the isolate and goes; one that goes on running is parked for
  // ever.
  struct Runner {
    std::thread thread;
    int threadId = 0;
    ParkSpot spot;
    TurnClock clock;
    std::condition_variable wake;
    // Under the lane's mutex, while a turn runs:
    Resident* resident = nullptr;
    wire::InvocationId invocation;  // value 0: none
    bool routed = false;            // events for the invocation find the resident already
    bool startsUp = false;          // the version's top-level scope runs
    uint64_t limitNs = 0;
    uint64_t killLap = 0;  // the lap that `killStage` speaks of
    int killStage = 0;
    uint64_t killedAtNs = 0;
    bool deprioritised = false;
    // Once it is lost; `lost` is set under the mutex.
    std::atomic<bool> lost{false};
    std::unique_ptr<Resident> orphan;  // what it stands in
    uint64_t lostCpuNs = 0;            // the thread's CPU clock, from which the time to its parking counts
    bool parked = false;
    bool reported = false;  // that it is parked
    // Set by the turn itself:
    std::atomic<ScriptIsolate*> isolate{nullptr};
    std::atomic<uint64_t> running{0};  // the invocation on whose account it runs
  };

  // What a turn has come to.
  struct TurnEnd {
    bool ran = true;                 // false: the isolate did not start,
    ScriptIsolate::Failure failure;  // … for this reason
    bool alive = false;              // the invocation that it started goes on
    uint64_t deadlineNs = 0;         // of the isolate's next timer; 0: none
    size_t bytes = 0;                // of the isolate, when last looked at
    std::vector<wire::InvocationId> ended;
  };

  struct FailedStart {
    uint64_t atNs = 0;  // 0: none has failed
    wire::Outcome outcome = wire::Outcome::kException;
    std::string message;
  };
  struct VersionEntry {
    std::shared_ptr<const Version> version;
    Resident* current = nullptr;
    FailedStart failed;  // the last one; for a while it speaks for the next
  };

  using Lock = std::unique_lock<std::mutex>;

  void runnerMain(Runner& me);
  void lead(Runner& me, Lock& lock);
  bool serveOnce(Runner& me, Lock& lock);
  void sleep(Lock& lock);

  void onEvent(Runner& me, Lock& lock, wire::Bytes bytes);
  void reportLoad();
  void loadVersion(const wire::LoadVersion& event);
  wire::Descriptor takeBlob(uint64_t number);
  void startInvocation(Runner& me, Lock& lock, wire::InvocationId id, wire::VersionId version, HeldEvent held);
  std::vector<uint8_t> takeBuffer();
  void giveBuffer(std::vector<uint8_t> buffer);
  static wire::InvocationId startedBy(const Work& work);
  Resident& currentOf(VersionEntry& entry);
  void startElsewhere(std::vector<Work> starts, wire::VersionId version);
  void setDeadline(Resident& resident, uint64_t deadlineNs);
  static void push(Resident& resident, Work work);
  static Work pop(Resident& resident);
  void sample(Resident& resident, size_t bytes);
  void limitCondemned(wire::VersionId version);
  bool hasRoom();
  void give(Runner& me, Lock& lock, Resident& resident, Work work);
  void retire(Resident& resident, wire::IsolateEnd reason);
  void bury(Resident& resident);
  void evict();
  void refuse(wire::InvocationId id, wire::Outcome outcome);
  void refuse(wire::InvocationId id, const FailedStart& failed);
  static bool startsAgain(const VersionEntry& entry);

  // ---- turns (lane_turn.cc) ----
  void runTurn(Runner& me, Lock& lock, Resident& resident, Work work);
  void beginTurn(Runner& me, Resident& resident, const Work& work);
  static void runWork(Runner& me, ScriptIsolate& isolate, const Work& work, TurnEnd& end);
  void endTurn(Runner& me, Resident& resident, Work work, const TurnEnd& end);
  void startFailed(Resident& resident, wire::InvocationId starting, const ScriptIsolate::Failure& failure);
  void afterTurn(const Runner* me, Resident& resident);
  static void setIsolate(Runner& me, ScriptIsolate* isolate);
  bool startIsolate(Runner& me, Resident& resident, ScriptIsolate::Failure& failure);

  // ---- the keeper thread (lane_keeper.cc): makes isolates ahead, disposes of dead ones, collects resting ones ----
  void keep();
  Resident* findResting(uint64_t nowNs, uint64_t& nextNs);
  void collectResting(Lock& lock, Resident& resident);

  void prove();

  // ---- the watchdog (lane_watch.cc) ----
  void promote();
  void watch();
  void watchTurn(Runner& runner, uint64_t nowNs);
  void watchLost(Runner& runner);
  void abandon(Runner& runner, uint64_t cpuNs);
  void watchProof();

  Setup setup_;
  EffectPorts effects_;
  wire::RingReader events_;

  std::mutex mutex_;
  Runner* leader_ = nullptr;
  std::vector<std::unique_ptr<Runner>> runners_;
  std::deque<Runner*> followers_;
  std::condition_variable watchdogWake_;
  bool watchdogSleeps_ = false;
  uint64_t lastTurnNs_ = 0;
  std::condition_variable keeperWake_;
  bool keeperLooks_ = false;  // it will look for resting isolates, unasked

  std::unordered_map<uint64_t, VersionEntry> versions_;
  std::unordered_map<uint32_t, std::unique_ptr<Resident>> residents_;
  std::unordered_map<uint64_t, uint32_t> routes_;  // invocation to resident
  uint32_t nextResident_ = 1;
  size_t residentBytes_ = 0;  // of all in `residents_`
  std::vector<std::unique_ptr<ScriptIsolate>> warm_;
  std::vector<std::unique_ptr<Resident>> graveyard_;
  std::deque<uint32_t> ready_;                         // residents with work and no turn
  std::vector<std::vector<uint8_t>> buffers_;          // of events that are over, for those to come
  std::set<std::pair<uint64_t, uint32_t>> deadlines_;  // when a resident's next timer is due
  std::unordered_map<uint64_t, wire::Descriptor> blobs_;
  uint64_t nextBlob_ = 1;
  uint32_t parked_ = 0;
  // After each parking the keeper proves that isolates can still be made, collected and disposed of.
  uint32_t proofsWanted_ = 0;
  uint32_t proofsDone_ = 0;
  uint32_t proofsSeen_ = 0;  // done, at the last tick
  uint32_t proofTicks_ = 0;  // since then, while one is wanted
  bool shuttingDown_ = false;
};

}  // namespace weir::engine
