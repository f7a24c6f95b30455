// ScriptIsolate: one heap that runs one version, its invocations, and the two ends of web/host.d.ts.
//
// A turn is begin() … deliver() … finish(), by one thread, with the heap locked and entered (struct Turn does that).
// The lane decides who runs turns and when; this class never looks at a ring, a lock or another isolate.
#pragma once

#include <v8.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/effect_port.h"
#include "engine/invocation.h"
#include "engine/turn_clock.h"
#include "engine/version.h"
#include "js/heap.h"
#include "js/wasm_memory.h"

namespace weir::engine {

// Why a turn is being ended by force. Set by the watchdog or by V8's memory callbacks.
enum class Kill : uint8_t { kNone, kCpu, kMemory };

class ScriptIsolate {
 public:
  struct Environment {
    node::MultiIsolatePlatform& platform;
    const v8::StartupData& base;
    EffectPorts& effects;
  };

  struct Failure {
    wire::StartFailure failure = wire::StartFailure::kException;
    std::string message;
    std::string file;
    uint32_t line = 0;
    uint32_t column = 0;
  };

  // Makes the heap only: from the version's snapshot when it has one (version may be null: a heap made ahead from the
  // base), to be started later. Takes about 2 ms. The calling thread must not hold another isolate.
  ScriptIsolate(Environment environment, uint32_t number, std::shared_ptr<const Version> version,
                js::Heap::Purpose purpose);
  ~ScriptIsolate();
  ScriptIsolate(const ScriptIsolate&) = delete;
  ScriptIsolate& operator=(const ScriptIsolate&) = delete;

  uint32_t number() const { return number_; }
  const std::shared_ptr<const Version>& version() const { return version_; }
  // For a heap made ahead: the version it will run. Its snapshot and limits must not differ from what it was made with.
  void adopt(std::shared_ptr<const Version> version) { version_ = std::move(version); }

  // Everything below needs the heap locked and entered by Turn.
  class Turn {
   public:
    explicit Turn(ScriptIsolate& isolate);
    ~Turn();

   private:
    ScriptIsolate& isolate_;
    v8::Locker locker_;
    v8::Isolate::Scope scope_;
    v8::HandleScope handles_;
    js::WasmMemoryScope wasm_;
  };

  // What V8 calls instead of parking the thread when it gives up; must not return.
  void setFatalHandlers(v8::OOMErrorCallback outOfMemory, v8::FatalErrorCallback fatal) {
    heap_->isolate()->SetOOMErrorHandler(outOfMemory);
    heap_->isolate()->SetFatalErrorHandler(fatal);
  }

  // Called by start between compilation and the top-level scope.
  std::function<void()> onCompiled;

  // Loads the version: top-level scope (or its snapshot), handlers, bindings. True when it can take invocations. A heap
  // that will be written never sees the values of bindings, unless the script reads one in its top-level scope.
  bool start(Failure& failure);
  // The same in a context that was not read from a snapshot, and is entered.
  bool startIn(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Failure& failure);
  wire::StartSource source() const { return source_; }
  // kSnapshot only: what the script did that keeps its heap from being written; empty: nothing is known. When start
  // failed because of it, an ordinary isolate may start.
  const std::string& obstacle() const { return obstacle_; }
  const std::string& handlers() const { return handlers_; }

  // kSnapshot only, after start, outside of any Turn: writes the heap, after which nothing else may follow. Empty:
  // `reason` says why.
  std::vector<char> writeHeap(std::string& reason);
  std::map<std::string, std::vector<uint8_t>> codeCaches();

  // Delivers one event. False: it is for no invocation here (ended meanwhile) and nothing ran.
  bool deliver(const wire::Event& event);
  void fireTimer(uint32_t id);
  // Deliveries that the script's own calls made due (data that was already here).
  bool hasLocal() const { return !local_.empty(); }
  uint32_t nextLocal() const { return local_.front().seq; }  // whose the next is
  void deliverLocal();

  // Ends the turn: microtasks, V8's tasks, rejections, kill handling, hang detection. `running` is the invocation whose
  // event this was (0: none); it is charged what `clock` says.
  void finish(uint32_t running, TurnClock& clock);
  // Ends one invocation from outside (client gone, engine giving up).
  void end(uint32_t seq, wire::Outcome outcome);
  void endAll(wire::Outcome outcome);

  uint32_t seqOf(wire::InvocationId id) const;
  wire::InvocationId idOf(uint32_t seq) const;  // value 0: it has ended
  bool idle() const { return invocations_.empty(); }
  size_t invocationCount() const { return invocations_.size(); }
  uint64_t cpuNsOf(uint32_t seq) const;
  bool condemned() const { return condemned_; }
  Kill condemnedBy() const { return condemnedBy_; }
  void condemn(Kill kill);
  // When its next timer is due, on the monotonic clock; 0: it has none.
  uint64_t nextDeadlineNs();
  // The timer that has been due longest at `nowNs`; 0: none is.
  uint32_t nextDue(uint64_t nowNs);
  // Asks to be told of this invocation's end; false: it has ended already.
  bool watchEnd(wire::InvocationId id);
  // Watched invocations that ended since the last call.
  std::vector<wire::InvocationId> takeEnded() { return std::exchange(ended_, {}); }
  uint32_t timerSeq(uint32_t id) const;
  size_t usedBytes() const { return heap_->usedBytes() + waitingBytes_ + arrivedBytes_; }

  v8::Isolate* v8() const { return heap_->isolate(); }
  // All garbage goes. Inside a turn.
  void collectGarbage() { heap_->collectUnderPressure(); }
  size_t spareBytesAtMost() const { return heap_->spareBytesAtMost(); }

  // ---- any thread, while a turn runs ----
  // Laps of turns, one after the other; a kill is for one lap and is forgotten when that lap has ended.
  uint32_t lap() const { return lap_.load(std::memory_order_acquire); }
  // Asks the lap to end: captures the stack at the next safe point, then terminates. Idempotent.
  void requestKill(Kill kill, uint32_t lap);
  // Terminates without waiting for a safe point to capture the stack, if a kill is pending.
  void forceTermination();
  Kill killPending() const;
  // Looks at the memory at the next safe point.
  void requestMemoryCheck();

  // ---- host functions (engine/host_functions.cc), inside a turn ----
  static ScriptIsolate* of(v8::Isolate* isolate) { return static_cast<ScriptIsolate*>(isolate->GetData(0)); }
  Invocation* find(uint32_t seq);
  EffectPorts& effects() { return environment_.effects; }
  double nowMs() const { return nowMs_; }
  void touch(Invocation& invocation);
  // The namespace of a module of Node, evaluated. Empty with no exception pending: it is not served.
  v8::MaybeLocal<v8::Object> nodeModule(std::string_view name);
  v8::Local<v8::Value> readBinding(v8::Local<v8::Value> name);
  void giveUpHeap(std::string_view builtin);
  // `body` may be larger than one message holds; it is then streamed from here.
  void respond(Invocation& invocation, wire::Respond head, wire::Bytes body);
  // The handler failed before it responded: what answers in its place is decided, and waitUntil() work goes on.
  void failHandler(Invocation& invocation, v8::Local<v8::Value> error);
  // The whole invocation fails.
  void fail(Invocation& invocation, v8::Local<v8::Value> error);
  // It fails because the script says so.
  void abort(Invocation& invocation, v8::Local<v8::Value> error);
  // The client's request goes on to what stands behind the script. False: the script has used its body.
  bool forward(Invocation& invocation, bool failedOpen);
  void done(Invocation& invocation);
  void recordException(Invocation& invocation, v8::Local<v8::Value> error);
  void recordException(Invocation& invocation, std::string_view name, std::string_view message, std::string_view stack);
  int64_t write(Invocation& invocation, wire::StreamId stream, wire::Bytes bytes);
  void writeEnd(Invocation& invocation, wire::StreamId stream);
  // The whole request body of a subrequest whose bytes are at hand; `replayable`: until its head comes it can be sent
  // anew.
  void writeWhole(Invocation& invocation, wire::StreamId stream, wire::Bytes bytes, bool replayable);
  void writeAbort(Invocation& invocation, wire::StreamId stream, std::string_view reason);
  void read(Invocation& invocation, wire::StreamId stream);
  void cancelRead(Invocation& invocation, wire::StreamId stream);
  // WebSockets (engine/sockets.cc). An operation on a socket that is over does nothing.
  void socketAccept(Invocation& invocation, wire::StreamId id);
  void socketSend(Invocation& invocation, wire::StreamId id, wire::SocketMessageKind kind, wire::Bytes bytes);
  void socketClose(Invocation& invocation, wire::StreamId id, uint16_t code, std::string_view reason);
  void socketAbort(Invocation& invocation, wire::StreamId id, uint16_t code);
  uint32_t armTimer(Invocation& invocation, double delayMs, bool repeat);
  void clearTimer(uint32_t id);

 private:
  static constexpr size_t kReportedBytesMax = 16u << 10;  // a name, message, stack or reason that leaves the engine

  enum Function {
    kFetch,
    kScheduled,
    kTimer,
    kResponse,
    kResponseError,
    kChunk,
    kChunkEnd,
    kChunkError,
    kCredit,
    kWriteCancelled,
    kCancel,
    kEnded,
    kUnhandledRejection,
    kSocketMessage,
    kSocketClosed,
    kUnusedBody,
    kRateCounted,
    kFunctionCount
  };
  struct Rejection {
    v8::Global<v8::Promise> promise;
    v8::Global<v8::Value> reason;
  };
  struct LocalDelivery {
    uint32_t seq;
    wire::StreamId stream;
  };

  static void onPromiseReject(v8::PromiseRejectMessage message);
  static size_t onNearHeapLimit(void* self, size_t current, size_t initial);

  bool bindDispatch(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch);
  // ---- start (script_start.cc) ----
  bool startFromSource(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Failure& failure);
  bool startFromSnapshot(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Failure& failure);
  v8::MaybeLocal<v8::Value> bindingValues(v8::Local<v8::Context> context);
  bool addBlobs(v8::Local<v8::Context> context, v8::Local<v8::Object> values);
  v8::MaybeLocal<v8::Value> stubs(v8::Local<v8::Context> context);
  // The bindings as globals of service-worker syntax, or as the `env` that modules import. False: an exception is
  // pending.
  enum class Bind { kGlobals, kEnv, kProcessEnv };
  bool bind(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Bind what);
  bool bindGlobals(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, Failure& failure);
  void makeModules(js::ModuleGraph::Compile compile);
  void offerBuiltins();
  bool populatesProcessEnv() const;
  v8::MaybeLocal<v8::Value> callDispatch(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch,
                                         const char* name, std::span<v8::Local<v8::Value>> arguments);
  static bool malformed(const char* what, Failure& failure);
  bool callStart(v8::Local<v8::Context> context, v8::Local<v8::Object> dispatch, v8::Local<v8::Value> space,
                 Failure& failure);
  bool failureOf(v8::Local<v8::Context> context, v8::TryCatch& caught, Failure& failure);
  v8::Local<v8::Value> call(Function function, int argumentCount, v8::Local<v8::Value>* arguments);
  v8::Local<v8::Value> number(double value);
  v8::Local<v8::Value> oneByte(std::string_view text);
  v8::Local<v8::Value> utf8(std::string_view text);
  // Empty where the memory limit leaves no room.
  v8::Local<v8::Value> buffer(wire::Bytes bytes);
  // The same bytes as a string where that is cheaper: ASCII is mostly read as text.
  v8::Local<v8::Value> wholeBody(wire::Bytes bytes);

  bool on(const wire::StartFetch& event);
  bool on(const wire::StartScheduled& event);
  bool on(const wire::CancelInvocation& event);
  bool on(const wire::ExpireInvocation& event);
  bool on(const wire::SubresponseHead& event);
  bool on(const wire::SubrequestFailed& event);
  bool on(const wire::RateCounted& event);
  bool on(const wire::BodyChunk& event);
  bool on(const wire::BodyEnd& event);
  bool on(const wire::BodyAbort& event);
  bool on(const wire::BodyCredit& event);
  bool on(const wire::BodyCancel& event);
  bool on(const wire::ReplayBody& event);
  bool on(const wire::SocketPiece& event);
  bool on(const wire::SocketClose& event);
  bool on(const wire::SocketCredit& event);
  template <class Other>
  bool on(const Other&) {
    return false;
  }

  Invocation& add(wire::InvocationId id);
  void finishIfDrained(Invocation& invocation);
  void release(OutboundStream& stream);
  void endReplay(Invocation& invocation, wire::StreamId stream);
  void schedule(uint32_t id, Timer& timer);
  Invocation* byId(wire::InvocationId id);
  void emitEnd(Invocation& invocation, wire::Outcome outcome);
  void tellEnded(uint32_t seq);
  bool deliverInbound(Invocation& invocation, wire::StreamId stream);
  void pump(Invocation& invocation, wire::StreamId id, OutboundStream& stream);
  // engine/sockets.cc
  static Socket* findSocket(Invocation& invocation, wire::StreamId id);
  Socket& openSocket(Invocation& invocation, wire::StreamId id);
  void respondWithSocket(Invocation& invocation, const wire::Respond& head);
  void forgetSocket(Invocation& invocation, Socket& socket);
  void forgetSockets(Invocation& invocation);
  bool socketsDrained(const Invocation& invocation) const;
  void grant(Invocation& invocation, wire::StreamId id, Socket& socket);
  void grantHeld();
  void tellClosed(Invocation& invocation, wire::StreamId id, wire::SocketEnd end, uint16_t code,
                  std::string_view reason);
  void loseSocket(Invocation& invocation, wire::StreamId id, Socket& socket, uint16_t code, std::string_view reason);
  void stopSending(Invocation& invocation, Socket& socket);
  size_t sendPieces(Invocation& invocation, wire::StreamId id, Socket& socket, wire::SocketMessageKind kind,
                    wire::Bytes bytes, size_t from, bool& whole);
  void pumpSocket(Invocation& invocation, wire::StreamId id, Socket& socket);
  bool isOverLimit();
  void killForMemory() { requestKill(Kill::kMemory, lap()); }
  Kill endLap();
  void handleKill(Kill kill, uint32_t running);
  void reportRejections();
  void checkHangs();

  Environment environment_;
  const uint32_t number_;
  std::shared_ptr<const Version> version_;
  const js::Heap::Purpose purpose_;
  const bool fromSnapshot_;  // the version's own
  std::unique_ptr<js::Heap> heap_;
  std::unique_ptr<js::ModuleGraph> modules_;
  v8::Global<v8::Context> context_;
  v8::Global<v8::Object> dispatch_;
  v8::Global<v8::Function> functions_[kFunctionCount];
  std::string handlers_;
  std::string obstacle_;  // kSnapshot: why the heap cannot be written; empty: nothing is known yet
  wire::StartSource source_ = wire::StartSource::kCompiled;

  std::unordered_map<uint32_t, std::unique_ptr<Invocation>> invocations_;
  std::unordered_map<uint64_t, uint32_t> seqs_;
  uint32_t nextSeq_ = 1;
  std::unordered_map<uint32_t, Timer> timers_;
  uint32_t nextTimer_ = 1;
  using Due = std::pair<uint64_t, uint32_t>;
  std::vector<Due> due_;  // a heap of deadline and timer, the earliest first; holds cleared timers until they surface
  std::vector<wire::InvocationId> ended_;
  std::vector<uint32_t> touched_;
  std::deque<LocalDelivery> local_;
  std::vector<Rejection> rejections_;
  size_t arrivedBytes_ = 0;  // of all inbound streams, not yet read by the script
  size_t waitingBytes_ = 0;  // of all outbound streams and of sockets, held outside the JavaScript heap
  size_t partialBytes_ = 0;  // of these, unfinished messages
  size_t openSockets_ = 0;
  std::deque<LocalDelivery> held_;  // sockets whose credit is held back
  uint64_t uncheckedNs_ = 0;        // run since the heap's size was last looked at
  double nowMs_ = 0;
  bool condemned_ = false;
  Kill condemnedBy_ = Kill::kNone;

  // Shared with the watchdog: lap << 8 | Kill; 0: none.
  std::atomic<uint64_t> kill_{0};
  std::atomic<uint32_t> lap_{1};
  std::mutex killMutex_;   // between forceTermination and the end of the lap it is for
  std::string killStack_;  // written on the isolate's thread
};

}  // namespace weir::engine
