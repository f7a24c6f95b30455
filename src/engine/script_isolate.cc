#include "engine/script_isolate.h"

#include <time.h>

#include <algorithm>

#include "engine/base_snapshot.h"
#include "engine/park.h"
#include "js/bytes.h"
#include "js/exception.h"

namespace weir::engine {

namespace {

constexpr const char* kHung =
    "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never "
    "generate a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";
constexpr std::string_view kWaitUntilExpired =
    "[\"waitUntil() tasks did not complete within the allowed time after invocation end and have been cancelled. See: "
    "https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil\"]";
constexpr const char* kCpuExceeded = "Worker exceeded CPU time limit.";
constexpr const char* kMemoryExceeded = "Worker exceeded memory limit.";
constexpr size_t kHeapGrace = 64u << 20;  // above the limit, once, so that termination can unwind
constexpr size_t kTextBytesMax = 16u << 10;
constexpr int kKillFramesMax = 32;
constexpr uint32_t kMemoryCheckTurns = 16;
constexpr uint64_t kLongTurnNs = 1'000'000;
constexpr size_t kDueMin = 64;

double wallMs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec / 1000) / 1e3;
}

uint64_t monotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

std::string_view cut(std::string_view text, size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<uint8_t>(text[max]) & 0xc0) == 0x80) --max;
  return text.substr(0, max);
}

}  // namespace

ScriptIsolate::ScriptIsolate(Environment environment, uint32_t number, std::shared_ptr<const Version> version,
                             js::Heap::Purpose purpose)
    : environment_(environment),
      number_(number),
      version_(std::move(version)),
      purpose_(purpose),
      fromSnapshot_(purpose == js::Heap::Purpose::kRun && version_ && version_->snapshot() != nullptr) {
  js::HeapOptions options;
  options.blob = fromSnapshot_ ? version_->snapshot() : &environment_.base;
  options.externalReferences = version_ ? version_->externalReferences() : externalReferences().data();
  options.limitBytes = size_t{version_ ? version_->bundle().limits.memoryMb : wire::VersionLimits{}.memoryMb} << 20;
  heap_ = std::make_unique<js::Heap>(environment_.platform, options, purpose);
  v8::Isolate* isolate = heap_->isolate();
  isolate->SetData(0, this);
  isolate->SetPromiseRejectCallback(&ScriptIsolate::onPromiseReject);
  isolate->AddNearHeapLimitCallback(&ScriptIsolate::onNearHeapLimit, this);
  isolate->SetAllowWasmCodeGenerationCallback([](v8::Local<v8::Context>, v8::Local<v8::String>) { return false; });
  isolate->SetCaptureStackTraceForUncaughtExceptions(true, 10);
  js::ModuleGraph::installCallbacks(isolate);
  heap_->budget()->onExceeded = [this] { killForMemory(); };
  parkOnFatalErrors(isolate);
}

ScriptIsolate::~ScriptIsolate() {
  if (heap_->isolate() == nullptr) return;
  heap_->budget()->onExceeded = nullptr;
  const v8::Locker locker(heap_->isolate());
  const v8::Isolate::Scope scope(heap_->isolate());
  rejections_.clear();
  for (auto& function : functions_) function.Reset();
  dispatch_.Reset();
  modules_.reset();
  context_.Reset();
}

ScriptIsolate::Turn::Turn(ScriptIsolate& isolate)
    : isolate_(isolate),
      locker_(isolate.heap_->isolate()),
      scope_(isolate.heap_->isolate()),
      handles_(isolate.heap_->isolate()),
      wasm_(isolate.heap_->budget()) {
  if (!isolate_.context_.IsEmpty()) isolate_.context_.Get(isolate_.heap_->isolate())->Enter();
  isolate_.nowMs_ = wallMs();
  if (isolate_.kill_.load(std::memory_order_relaxed) != 0) isolate_.endLap();  // it came after its lap had ended
}

ScriptIsolate::Turn::~Turn() {
  v8::Isolate* isolate = isolate_.heap_->isolate();
  if (isolate != nullptr && isolate->InContext()) isolate->GetCurrentContext()->Exit();
}

// ---- V8's callbacks ----

size_t ScriptIsolate::onNearHeapLimit(void* self, size_t current, size_t initial) {
  static_cast<ScriptIsolate*>(self)->killForMemory();
  return current < initial + kHeapGrace ? initial + kHeapGrace : current;
}

void ScriptIsolate::onPromiseReject(v8::PromiseRejectMessage message) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  auto* self = of(isolate);
  constexpr size_t kTrackedMax = 256;
  if (message.GetEvent() == v8::kPromiseRejectWithNoHandler) {
    if (self->rejections_.size() >= kTrackedMax) return;
    self->rejections_.push_back(
        {v8::Global<v8::Promise>(isolate, message.GetPromise()), v8::Global<v8::Value>(isolate, message.GetValue())});
  } else if (message.GetEvent() == v8::kPromiseHandlerAddedAfterReject) {
    std::erase_if(self->rejections_, [&](const auto& r) { return r.promise == message.GetPromise(); });
  }
}

void ScriptIsolate::requestKill(Kill kill, uint32_t lap) {
  uint64_t none = 0;
  if (!kill_.compare_exchange_strong(none, uint64_t{lap} << 8 | static_cast<uint64_t>(kill))) return;
  heap_->isolate()->RequestInterrupt(
      [](v8::Isolate* isolate, void* self) {
        auto& script = *static_cast<ScriptIsolate*>(self);
        if (script.killPending() == Kill::kNone) return;
        script.killStack_ = js::currentStack(isolate, kKillFramesMax);
        isolate->TerminateExecution();
      },
      this);
}

Kill ScriptIsolate::killPending() const {
  const uint64_t pending = kill_.load(std::memory_order_acquire);
  return pending != 0 && pending >> 8 == lap() ? static_cast<Kill>(pending & 0xff) : Kill::kNone;
}

void ScriptIsolate::forceTermination() {
  const std::lock_guard lock(killMutex_);
  if (killPending() != Kill::kNone) heap_->isolate()->TerminateExecution();
}

// What the lap was killed for. Nothing of it reaches the next.
Kill ScriptIsolate::endLap() {
  Kill kill = Kill::kNone;
  if (kill_.load(std::memory_order_acquire) != 0) {
    const std::lock_guard lock(killMutex_);
    kill = killPending();
    kill_.store(0, std::memory_order_release);
    heap_->isolate()->CancelTerminateExecution();
  }
  lap_.fetch_add(1, std::memory_order_release);
  return kill;
}

void ScriptIsolate::requestMemoryCheck() {
  heap_->isolate()->RequestInterrupt(
      [](v8::Isolate*, void* self) {
        auto& script = *static_cast<ScriptIsolate*>(self);
        if (script.isOverLimit()) script.killForMemory();
      },
      this);
}

// Garbage does not count, but is only looked for when the limit seems to have been passed.
bool ScriptIsolate::isOverLimit() {
  const size_t limit = heap_->limitBytes();
  const size_t used = usedBytes();
  if (used <= limit) return false;
  if (used > limit + kHeapGrace) return true;
  heap_->collectUnderPressure();
  return usedBytes() > limit;
}

// ---- small makers ----

v8::Local<v8::Value> ScriptIsolate::number(double value) { return v8::Number::New(heap_->isolate(), value); }

v8::Local<v8::Value> ScriptIsolate::oneByte(std::string_view text) {
  return v8::String::NewFromOneByte(heap_->isolate(), reinterpret_cast<const uint8_t*>(text.data()),
                                    v8::NewStringType::kNormal, static_cast<int>(text.size()))
      .ToLocalChecked();
}

// Text that may have been cut between code points, or come from a peer: what is no UTF-8 is replaced.
v8::Local<v8::Value> ScriptIsolate::utf8(std::string_view text) {
  return v8::String::NewFromUtf8(heap_->isolate(), text.data(), v8::NewStringType::kNormal,
                                 static_cast<int>(text.size()))
      .ToLocalChecked();
}

v8::Local<v8::Value> ScriptIsolate::buffer(wire::Bytes bytes) {
  v8::Local<v8::ArrayBuffer> buffer;
  if (!v8::ArrayBuffer::MaybeNew(heap_->isolate(), bytes.size(), v8::BackingStoreInitializationMode::kUninitialized)
           .ToLocal(&buffer)) {
    return {};
  }
  if (!bytes.empty()) std::memcpy(buffer->Data(), bytes.data(), bytes.size());
  return buffer;
}

v8::Local<v8::Value> ScriptIsolate::call(Function function, int argumentCount, v8::Local<v8::Value>* arguments) {
  v8::Isolate* isolate = heap_->isolate();
  v8::TryCatch caught(isolate);
  v8::Local<v8::Value> result;
  if (functions_[function]
          .Get(isolate)
          ->Call(isolate->GetCurrentContext(), v8::Undefined(isolate), argumentCount, arguments)
          .ToLocal(&result)) {
    return result;
  }
  if (!caught.HasTerminated() && argumentCount > 0 && arguments[0]->IsNumber() && function != kEnded) {
    // The bundle lets nothing escape but what it cannot handle, a stack overflow inside itself for one.
    const auto seq = static_cast<uint32_t>(arguments[0].As<v8::Number>()->Value());
    if (Invocation* invocation = find(seq)) fail(*invocation, caught.Exception());
  }
  return v8::Undefined(isolate);
}

// ---- invocations ----

Invocation& ScriptIsolate::add(wire::InvocationId id) {
  auto invocation = std::make_unique<Invocation>();
  invocation->id = id;
  do {
    invocation->seq = nextSeq_;
    nextSeq_ = nextSeq_ >= (1u << 30) ? 1 : nextSeq_ + 1;
  } while (invocations_.contains(invocation->seq));
  Invocation& result = *invocation;
  seqs_[id.value] = result.seq;
  invocations_.emplace(result.seq, std::move(invocation));
  touch(result);
  return result;
}

Invocation* ScriptIsolate::find(uint32_t seq) {
  const auto at = invocations_.find(seq);
  return at == invocations_.end() ? nullptr : at->second.get();
}

Invocation* ScriptIsolate::byId(wire::InvocationId id) {
  const auto at = seqs_.find(id.value);
  return at == seqs_.end() ? nullptr : find(at->second);
}

uint32_t ScriptIsolate::seqOf(wire::InvocationId id) const {
  const auto at = seqs_.find(id.value);
  return at == seqs_.end() ? 0 : at->second;
}

wire::InvocationId ScriptIsolate::idOf(uint32_t seq) const {
  const auto at = invocations_.find(seq);
  return at == invocations_.end() ? wire::InvocationId{} : at->second->id;
}

uint64_t ScriptIsolate::cpuNsOf(uint32_t seq) const {
  const auto at = invocations_.find(seq);
  return at == invocations_.end() ? 0 : at->second->cpuNs;
}

uint32_t ScriptIsolate::timerSeq(uint32_t id) const {
  const auto at = timers_.find(id);
  return at == timers_.end() ? 0 : at->second.seq;
}

void ScriptIsolate::touch(Invocation& invocation) {
  if (invocation.touched) return;
  invocation.touched = true;
  touched_.push_back(invocation.seq);
}

void ScriptIsolate::condemn(Kill kill) {
  if (condemned_) return;
  condemned_ = true;
  condemnedBy_ = kill;
}

void ScriptIsolate::release(OutboundStream& stream) {
  waitingBytes_ -= stream.waiting.size() - (stream.replayable ? 0 : stream.waitingAt);
  stream.waiting = {};
  stream.waitingAt = 0;
  stream.replayable = false;
}

void ScriptIsolate::emitEnd(Invocation& invocation, wire::Outcome outcome) {
  for (const uint32_t id : invocation.timers) timers_.erase(id);
  for (auto& [id, stream] : invocation.outbound) release(stream);
  for (const auto& [id, stream] : invocation.inbound) arrivedBytes_ -= stream.queuedBytes;
  forgetSockets(invocation);
  wire::Done done;
  done.invocation = invocation.id;
  done.outcome = outcome;
  done.failOpen = invocation.failOpen;
  done.cpuUs = invocation.cpuNs / 1000;
  environment_.effects.emit(invocation.id.loop(), done);
  if (invocation.watched) ended_.push_back(invocation.id);
  const uint32_t seq = invocation.seq;
  seqs_.erase(invocation.id.value);
  invocations_.erase(seq);
}

bool ScriptIsolate::watchEnd(wire::InvocationId id) {
  Invocation* invocation = byId(id);
  if (invocation == nullptr) return false;
  invocation->watched = true;
  return true;
}

void ScriptIsolate::tellEnded(uint32_t seq) {
  v8::Local<v8::Value> arguments[] = {number(seq)};
  call(kEnded, 1, arguments);
}

void ScriptIsolate::end(uint32_t seq, wire::Outcome outcome) {
  Invocation* invocation = find(seq);
  if (invocation == nullptr) return;
  // finish() adds the turn's time before it emits: endings inside a turn are kept until then.
  invocation->outcome = outcome;
  emitEnd(*invocation, outcome);
  tellEnded(seq);
}

void ScriptIsolate::endAll(wire::Outcome outcome) {
  while (!invocations_.empty()) emitEnd(*invocations_.begin()->second, outcome);
}

void ScriptIsolate::recordException(Invocation& invocation, std::string_view name, std::string_view message,
                                    std::string_view stack) {
  wire::ExceptionThrown thrown;
  thrown.invocation = invocation.id;
  thrown.timestampMs = nowMs_;
  thrown.name = cut(name, kTextBytesMax);
  thrown.message = cut(message, kTextBytesMax);
  thrown.stack = cut(stack, kTextBytesMax);
  environment_.effects.emit(invocation.id.loop(), thrown);
}

void ScriptIsolate::recordException(Invocation& invocation, v8::Local<v8::Value> error) {
  v8::Isolate* isolate = heap_->isolate();
  const uint32_t seq = invocation.seq;
  const auto text = js::describe(isolate, isolate->GetCurrentContext(), error, {});  // may run the script's getters
  Invocation* still = find(seq);
  if (still == nullptr) return;
  recordException(*still, text.name, text.message, text.stack);
  if (still->outcome == wire::Outcome::kOk) still->outcome = wire::Outcome::kException;
}

void ScriptIsolate::fail(Invocation& invocation, v8::Local<v8::Value> error) {
  const uint32_t seq = invocation.seq;
  recordException(invocation, error);
  Invocation* still = find(seq);
  if (still == nullptr) return;
  if (still->responded) writeAbort(*still, 0, "exception");
  still->doneRequested = true;
  for (auto& [id, stream] : still->outbound) {
    release(stream);
    stream.ended = true;
  }
  for (auto& [id, socket] : still->sockets) stopSending(*still, socket);
  touch(*still);
}

void ScriptIsolate::abort(Invocation& invocation, v8::Local<v8::Value> error) {
  const uint32_t seq = invocation.seq;
  fail(invocation, error);
  if (Invocation* const still = find(seq)) still->outcome = wire::Outcome::kAborted;
}

void ScriptIsolate::failHandler(Invocation& invocation, v8::Local<v8::Value> error) {
  const uint32_t seq = invocation.seq;
  recordException(invocation, error);
  if (killPending() != Kill::kNone) return;  // telling what failed ran too long: the kill answers
  Invocation* still = find(seq);
  if (still == nullptr || still->responded) return;
  if (still->failOpen && forward(*still, true)) return;
  still = find(seq);
  if (still == nullptr || still->responded) return;
  still->responded = true;
  touch(*still);
  environment_.effects.emit(still->id.loop(), wire::Fail{still->id});
}

bool ScriptIsolate::forward(Invocation& invocation, bool failedOpen) {
  const uint32_t seq = invocation.seq;
  v8::Local<v8::Value> arguments[] = {number(seq)};
  const auto body = call(kUnusedBody, 1, arguments);
  Invocation* const still = find(seq);
  if (still == nullptr || still->responded || body->IsUndefined()) return false;
  wire::Forward effect;
  effect.invocation = still->id;
  effect.failedOpen = failedOpen;
  const js::ReadableBytes bytes(body);
  if (bytes.ok()) {
    effect.bodyKind = wire::BodyKind::kInline;
    effect.body = bytes.span();
  } else if (body->IsNumber()) {
    effect.bodyKind = wire::BodyKind::kPipe;
  }
  still->responded = true;
  environment_.effects.emit(still->id.loop(), effect);
  touch(*still);
  return true;
}

void ScriptIsolate::done(Invocation& invocation) {
  invocation.doneRequested = true;
  touch(invocation);
}

// ---- bodies out ----

void ScriptIsolate::respond(Invocation& invocation, wire::Respond head, wire::Bytes body) {
  if (invocation.responded) return;
  invocation.responded = true;
  head.invocation = invocation.id;
  touch(invocation);
  if (head.status == 101) return respondWithSocket(invocation, head);
  const bool large = head.bodyKind == wire::BodyKind::kInline && body.size() > wire::Bounds::kInlineBodyBytesMax;
  if (large) {
    head.bodyKind = wire::BodyKind::kStream;
    head.bodyLength = body.size();
  } else if (head.bodyKind == wire::BodyKind::kInline) {
    head.body = body;
    head.bodyLength = body.size();
  }
  environment_.effects.emit(invocation.id.loop(), head);
  if (head.bodyKind == wire::BodyKind::kStream) invocation.outbound[0];
  if (large) {
    write(invocation, 0, body);
    writeEnd(invocation, 0);
  }
  touch(invocation);
}

void ScriptIsolate::pump(Invocation& invocation, wire::StreamId id, OutboundStream& stream) {
  while (stream.credit > 0 && stream.waitingAt < stream.waiting.size()) {
    const size_t size = std::min<size_t>(
        {stream.waiting.size() - stream.waitingAt, static_cast<size_t>(stream.credit), wire::Bounds::kChunkBytesMax});
    environment_.effects.emitChunk(invocation.id, id, {stream.waiting.data() + stream.waitingAt, size});
    stream.waitingAt += size;
    stream.credit -= static_cast<int64_t>(size);
    if (!stream.replayable) waitingBytes_ -= size;
  }
  if (stream.waitingAt < stream.waiting.size()) return;
  if (!stream.replayable) {
    stream.waiting = {};
    stream.waitingAt = 0;
  }
  if (stream.endQueued && !stream.ended) {
    stream.ended = true;
    environment_.effects.emit(invocation.id.loop(), wire::BodyEnd{invocation.id, id});
  }
}

int64_t ScriptIsolate::write(Invocation& invocation, wire::StreamId id, wire::Bytes bytes) {
  OutboundStream& stream = invocation.outbound[id];
  touch(invocation);
  if (stream.ended || stream.endQueued || stream.cancelled) return 1;
  while (stream.waiting.empty() && stream.credit > 0 && !bytes.empty()) {
    const size_t size =
        std::min<size_t>({bytes.size(), static_cast<size_t>(stream.credit), wire::Bounds::kChunkBytesMax});
    environment_.effects.emitChunk(invocation.id, id, bytes.first(size));
    stream.credit -= static_cast<int64_t>(size);
    bytes = bytes.subspan(size);
  }
  if (!bytes.empty()) {
    stream.waiting.insert(stream.waiting.end(), bytes.begin(), bytes.end());
    waitingBytes_ += bytes.size();
    if (waitingBytes_ > heap_->limitBytes()) killForMemory();
  }
  if (stream.credit > 0 && stream.waiting.empty()) return stream.credit;
  if (!stream.scriptWaits) {
    stream.scriptWaits = true;
    ++invocation.pending;
  }
  return 0;
}

void ScriptIsolate::writeEnd(Invocation& invocation, wire::StreamId id) {
  OutboundStream& stream = invocation.outbound[id];
  touch(invocation);
  if (stream.ended || stream.endQueued || stream.cancelled) return;
  stream.endQueued = true;
  pump(invocation, id, stream);
}

void ScriptIsolate::writeWhole(Invocation& invocation, wire::StreamId id, wire::Bytes bytes, bool replayable) {
  OutboundStream& stream = invocation.outbound[id];
  touch(invocation);
  stream.waiting.assign(bytes.begin(), bytes.end());
  waitingBytes_ += bytes.size();
  stream.replayable = replayable;
  stream.endQueued = true;
  pump(invocation, id, stream);
  if (waitingBytes_ > heap_->limitBytes()) killForMemory();
}

// The head has come, or never will: the body is not wanted once more.
void ScriptIsolate::endReplay(Invocation& invocation, wire::StreamId id) {
  const auto at = invocation.outbound.find(id);
  if (at == invocation.outbound.end() || !at->second.replayable) return;
  OutboundStream& stream = at->second;
  stream.replayable = false;
  waitingBytes_ -= stream.waitingAt;
  if (stream.waitingAt < stream.waiting.size()) return;
  stream.waiting = {};
  stream.waitingAt = 0;
}

bool ScriptIsolate::on(const wire::ReplayBody& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr) return false;
  const auto at = invocation->outbound.find(event.stream);
  if (at == invocation->outbound.end() || !at->second.replayable || at->second.cancelled) return false;
  OutboundStream& stream = at->second;
  touch(*invocation);
  environment_.effects.emit(invocation->id.loop(), wire::BodyAbort{invocation->id, event.stream, ""});
  stream.waitingAt = 0;
  stream.credit = wire::Bounds::kStreamWindowBytes;
  stream.ended = false;
  pump(*invocation, event.stream, stream);
  return true;
}

void ScriptIsolate::writeAbort(Invocation& invocation, wire::StreamId id, std::string_view reason) {
  const auto at = invocation.outbound.find(id);
  touch(invocation);
  if (at == invocation.outbound.end() || at->second.ended || at->second.cancelled) return;
  release(at->second);
  at->second.ended = true;
  environment_.effects.emit(invocation.id.loop(), wire::BodyAbort{invocation.id, id, cut(reason, kTextBytesMax)});
}

bool ScriptIsolate::on(const wire::BodyCredit& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr) return false;
  const auto at = invocation->outbound.find(event.stream);
  if (at == invocation->outbound.end() || at->second.ended || at->second.cancelled) return false;
  OutboundStream& stream = at->second;
  touch(*invocation);
  stream.credit += event.bytes;
  pump(*invocation, event.stream, stream);
  if (!stream.waiting.empty() || stream.credit <= 0 || !stream.scriptWaits) return true;
  stream.scriptWaits = false;
  --invocation->pending;
  if (stream.endQueued) return true;
  v8::Local<v8::Value> arguments[] = {number(invocation->seq), number(event.stream),
                                      number(static_cast<double>(stream.credit))};
  call(kCredit, 3, arguments);
  return true;
}

bool ScriptIsolate::on(const wire::BodyCancel& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr) return false;
  const auto at = invocation->outbound.find(event.stream);
  if (at == invocation->outbound.end() || at->second.ended || at->second.cancelled) return false;
  touch(*invocation);
  release(at->second);
  at->second.cancelled = true;
  if (at->second.scriptWaits) {
    at->second.scriptWaits = false;
    --invocation->pending;
  }
  v8::Local<v8::Value> arguments[] = {number(invocation->seq), number(event.stream)};
  call(kWriteCancelled, 2, arguments);
  return true;
}

// ---- bodies in ----

void ScriptIsolate::read(Invocation& invocation, wire::StreamId id) {
  InboundStream& stream = invocation.inbound[id];
  touch(invocation);
  if (stream.cancelled || stream.wanted) return;
  stream.wanted = true;
  ++invocation.pending;
  if (!stream.opened) {
    stream.opened = true;
    environment_.effects.emit(invocation.id.loop(),
                              wire::BodyCredit{invocation.id, id, wire::Bounds::kStreamWindowBytes});
  }
  if (!stream.queue.empty() || stream.ended || stream.error) local_.push_back({invocation.seq, id});
}

void ScriptIsolate::cancelRead(Invocation& invocation, wire::StreamId id) {
  InboundStream& stream = invocation.inbound[id];
  touch(invocation);
  if (stream.cancelled) return;
  stream.cancelled = true;
  stream.queue.clear();
  arrivedBytes_ -= std::exchange(stream.queuedBytes, 0);
  if (stream.wanted) {
    stream.wanted = false;
    --invocation.pending;
  }
  if (!stream.ended && !stream.error) {
    environment_.effects.emit(invocation.id.loop(), wire::BodyCancel{invocation.id, id});
  }
}

bool ScriptIsolate::deliverInbound(Invocation& invocation, wire::StreamId id) {
  InboundStream& stream = invocation.inbound[id];
  if (!stream.wanted) return true;
  const uint32_t seq = invocation.seq;
  if (!stream.queue.empty()) {
    const std::vector<uint8_t> bytes = std::move(stream.queue.front());
    stream.queue.pop_front();
    stream.queuedBytes -= bytes.size();
    arrivedBytes_ -= bytes.size();
    stream.uncreditedBytes += static_cast<uint32_t>(bytes.size());
    if (stream.uncreditedBytes >= wire::Bounds::kStreamWindowBytes / 4 && !stream.ended && !stream.error) {
      environment_.effects.emit(invocation.id.loop(),
                                wire::BodyCredit{invocation.id, id, std::exchange(stream.uncreditedBytes, 0)});
    }
    stream.wanted = false;
    --invocation.pending;
    const auto chunk = buffer(bytes);
    if (chunk.IsEmpty()) {
      v8::Local<v8::Value> arguments[] = {number(seq), number(id), oneByte("Memory limit exceeded before EOF.")};
      call(kChunkError, 3, arguments);
      return true;
    }
    v8::Local<v8::Value> arguments[] = {number(seq), number(id), chunk};
    call(kChunk, 3, arguments);
  } else if (stream.error) {
    stream.wanted = false;
    --invocation.pending;
    v8::Local<v8::Value> arguments[] = {number(seq), number(id), oneByte(*stream.error)};
    call(kChunkError, 3, arguments);
  } else if (stream.ended) {
    stream.wanted = false;
    --invocation.pending;
    v8::Local<v8::Value> arguments[] = {number(seq), number(id)};
    call(kChunkEnd, 2, arguments);
  }
  return true;
}

bool ScriptIsolate::on(const wire::BodyChunk& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr) return false;
  InboundStream& stream = invocation->inbound[event.stream];
  if (stream.cancelled || stream.ended || stream.error || event.bytes.empty()) return false;
  touch(*invocation);
  stream.queue.emplace_back(event.bytes.begin(), event.bytes.end());
  stream.queuedBytes += event.bytes.size();
  arrivedBytes_ += event.bytes.size();
  return deliverInbound(*invocation, event.stream);
}

bool ScriptIsolate::on(const wire::BodyEnd& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr) return false;
  InboundStream& stream = invocation->inbound[event.stream];
  if (stream.cancelled || stream.ended || stream.error) return false;
  touch(*invocation);
  stream.ended = true;
  return stream.queue.empty() ? deliverInbound(*invocation, event.stream) : true;
}

bool ScriptIsolate::on(const wire::BodyAbort& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr) return false;
  InboundStream& stream = invocation->inbound[event.stream];
  if (stream.cancelled || stream.ended || stream.error) return false;
  touch(*invocation);
  stream.error = std::string(event.reason);
  return stream.queue.empty() ? deliverInbound(*invocation, event.stream) : true;
}

void ScriptIsolate::deliverLocal() {
  const LocalDelivery next = local_.front();
  local_.pop_front();
  if (Invocation* invocation = find(next.seq)) {
    touch(*invocation);
    deliverInbound(*invocation, next.stream);
  }
}

// ---- events ----

bool ScriptIsolate::deliver(const wire::Event& event) {
  return std::visit([this](const auto& message) { return on(message); }, event);
}

bool ScriptIsolate::on(const wire::StartFetch& event) {
  nowMs_ = event.nowMs;
  Invocation& invocation = add(event.invocation);
  v8::Isolate* isolate = heap_->isolate();
  v8::Local<v8::Value> body = v8::Undefined(isolate);
  if (event.bodyKind == wire::BodyKind::kInline) {
    body = buffer(event.body);
    if (body.IsEmpty()) {
      recordException(invocation, "RangeError", "Array buffer allocation failed", "");
      invocation.outcome = wire::Outcome::kExceededMemory;
      invocation.doneRequested = true;
      return true;
    }
  }
  const double length = event.bodyLength == wire::kLengthUnknown ? -1 : static_cast<double>(event.bodyLength);
  v8::Local<v8::Value> arguments[] = {number(invocation.seq),
                                      oneByte(event.method),
                                      oneByte(event.url),
                                      oneByte(event.head.text),
                                      number(static_cast<double>(event.bodyKind)),
                                      body,
                                      number(length),
                                      event.cf.empty() ? v8::Undefined(isolate).As<v8::Value>() : oneByte(event.cf),
                                      oneByte(event.entrypoint)};
  call(kFetch, 9, arguments);
  return true;
}

bool ScriptIsolate::on(const wire::StartScheduled& event) {
  nowMs_ = event.nowMs;
  Invocation& invocation = add(event.invocation);
  v8::Local<v8::Value> arguments[] = {number(invocation.seq), oneByte(event.cron), number(event.scheduledMs)};
  call(kScheduled, 3, arguments);
  return true;
}

bool ScriptIsolate::on(const wire::CancelInvocation& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr) return false;
  touch(*invocation);
  const uint32_t seq = invocation->seq;
  const auto outcome = invocation->responded ? wire::Outcome::kResponseStreamDisconnected : wire::Outcome::kCanceled;
  if (invocation->outcome == wire::Outcome::kOk) invocation->outcome = outcome;
  v8::Local<v8::Value> arguments[] = {number(seq)};
  const bool goesOn = call(kCancel, 1, arguments)->IsTrue();  // waitUntil() work outlives the client
  if (!goesOn) end(seq, outcome);
  return true;
}

bool ScriptIsolate::on(const wire::ExpireInvocation& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr) return false;
  if (event.wallTime) {
    end(invocation->seq, wire::Outcome::kExceededWallTime);
    return true;
  }
  wire::LogLine line;
  line.invocation = invocation->id;
  line.level = wire::LogLevel::kWarn;
  line.timestampMs = nowMs_;
  line.message = kWaitUntilExpired;
  environment_.effects.emit(invocation->id.loop(), line);
  end(invocation->seq, invocation->outcome);
  return true;
}

bool ScriptIsolate::on(const wire::SubresponseHead& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr || invocation->awaitedHeads.erase(event.subrequest) == 0) return false;
  endReplay(*invocation, event.subrequest);
  if (event.nowMs > nowMs_) nowMs_ = event.nowMs;
  --invocation->pending;
  touch(*invocation);
  if (event.status == 101) openSocket(*invocation, event.subrequest);
  v8::Local<v8::Value> body = v8::Undefined(heap_->isolate());
  if (event.bodyKind == wire::BodyKind::kInline) {
    body = buffer(event.body);
    if (body.IsEmpty()) body = v8::Undefined(heap_->isolate());
  }
  const double length = event.bodyLength == wire::kLengthUnknown ? -1 : static_cast<double>(event.bodyLength);
  v8::Local<v8::Value> arguments[] = {number(invocation->seq),
                                      number(event.subrequest),
                                      number(event.status),
                                      oneByte(event.statusText),
                                      oneByte(event.head.text),
                                      number(static_cast<double>(event.bodyKind)),
                                      body,
                                      number(length),
                                      oneByte(event.url),
                                      v8::Boolean::New(heap_->isolate(), event.redirected)};
  call(kResponse, 10, arguments);
  return true;
}

bool ScriptIsolate::on(const wire::SubrequestFailed& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr || invocation->awaitedHeads.erase(event.subrequest) == 0) return false;
  endReplay(*invocation, event.subrequest);
  if (event.nowMs > nowMs_) nowMs_ = event.nowMs;
  --invocation->pending;
  touch(*invocation);
  v8::Local<v8::Value> arguments[] = {number(invocation->seq), number(event.subrequest),
                                      number(static_cast<double>(event.failure)), utf8(event.message),
                                      utf8(event.name)};
  call(kResponseError, 5, arguments);
  return true;
}

// ---- timers ----

uint32_t ScriptIsolate::armTimer(Invocation& invocation, double delayMs, bool repeat) {
  constexpr double kDelayMsMax = 2147483647;
  if (!(delayMs >= 0)) delayMs = 0;
  delayMs = std::min(delayMs, kDelayMsMax);
  if (repeat && delayMs < 1) delayMs = 1;
  const uint32_t id = nextTimer_++;
  const auto [at, added] = timers_.emplace(id, Timer{invocation.seq, 0, delayMs, repeat});
  if (!added) return id;  // four billion timers ago
  invocation.timers.insert(id);
  ++invocation.pending;
  touch(invocation);
  schedule(id, at->second);
  return id;
}

void ScriptIsolate::schedule(uint32_t id, Timer& timer) {
  timer.deadlineNs = monotonicNs() + static_cast<uint64_t>(timer.delayMs * 1e6);
  if (due_.size() >= kDueMin && due_.size() > 2 * timers_.size()) {  // mostly timers that were cleared
    due_.clear();
    for (const auto& [other, each] : timers_) due_.emplace_back(each.deadlineNs, other);
    std::make_heap(due_.begin(), due_.end(), std::greater<>());
    if (timers_.contains(id)) return;
  }
  due_.emplace_back(timer.deadlineNs, id);
  std::push_heap(due_.begin(), due_.end(), std::greater<>());
}

uint64_t ScriptIsolate::nextDeadlineNs() {
  while (!due_.empty()) {
    const auto at = timers_.find(due_.front().second);
    if (at != timers_.end() && at->second.deadlineNs == due_.front().first) return due_.front().first;
    std::pop_heap(due_.begin(), due_.end(), std::greater<>());
    due_.pop_back();
  }
  return 0;
}

uint32_t ScriptIsolate::nextDue(uint64_t nowNs) {
  const uint64_t deadline = nextDeadlineNs();
  return deadline != 0 && deadline <= nowNs ? due_.front().second : 0;
}

void ScriptIsolate::clearTimer(uint32_t id) {
  const auto at = timers_.find(id);
  if (at == timers_.end()) return;
  if (Invocation* invocation = find(at->second.seq)) {
    invocation->timers.erase(id);
    --invocation->pending;
    touch(*invocation);
  }
  timers_.erase(at);
}

void ScriptIsolate::fireTimer(uint32_t id) {
  const auto at = timers_.find(id);
  if (at == timers_.end()) return;
  const Timer timer = at->second;
  Invocation* invocation = find(timer.seq);
  if (invocation == nullptr) {
    timers_.erase(at);
    return;
  }
  touch(*invocation);
  if (timer.repeat) {
    schedule(id, at->second);
  } else {
    timers_.erase(at);
    invocation->timers.erase(id);
    --invocation->pending;
  }
  v8::Local<v8::Value> arguments[] = {number(timer.seq), number(id)};
  call(kTimer, 2, arguments);
}

// ---- the end of a turn ----

void ScriptIsolate::handleKill(Kill kill, uint32_t running) {
  condemn(kill);
  const auto outcome = kill == Kill::kCpu ? wire::Outcome::kExceededCpu : wire::Outcome::kExceededMemory;
  const char* message = kill == Kill::kCpu ? kCpuExceeded : kMemoryExceeded;
  const std::string stack = std::exchange(killStack_, {});
  // V8 drops what was queued when it terminates: an invocation that waits for nothing else can never go on.
  std::vector<uint32_t> stranded;
  for (const auto& [seq, invocation] : invocations_) {
    if (seq != running && invocation->pending == 0 && !invocation->doneRequested) stranded.push_back(seq);
  }
  const auto endOne = [&](uint32_t seq, std::string_view where) {
    Invocation* invocation = find(seq);
    if (invocation == nullptr) return;
    recordException(*invocation, "Error", message, where);
    if (invocation->responded) writeAbort(*invocation, 0, "resource limit");
    end(seq, outcome);
  };
  endOne(running, stack);
  for (const uint32_t seq : stranded) endOne(seq, "");
}

void ScriptIsolate::reportRejections() {
  for (size_t i = 0; i < rejections_.size(); ++i) {
    v8::Local<v8::Value> arguments[] = {rejections_[i].promise.Get(heap_->isolate()),
                                        rejections_[i].reason.Get(heap_->isolate())};
    call(kUnhandledRejection, 2, arguments);
  }
  rejections_.clear();
}

void ScriptIsolate::finishIfDrained(Invocation& invocation) {
  for (const auto& [id, stream] : invocation.outbound) {
    if (stream.endQueued && !stream.ended && !stream.cancelled) return;  // bytes wait for credit
  }
  if (!socketsDrained(invocation)) return;
  emitEnd(invocation, invocation.outcome);
}

void ScriptIsolate::checkHangs() {
  for (size_t i = 0; i < touched_.size(); ++i) {
    Invocation* invocation = find(touched_[i]);
    if (invocation == nullptr) continue;
    invocation->touched = false;
    if (invocation->doneRequested) {
      finishIfDrained(*invocation);
      continue;
    }
    if (invocation->pending > 0) continue;
    recordException(*invocation, "Error", kHung, "");
    if (invocation->outcome == wire::Outcome::kOk) invocation->outcome = wire::Outcome::kException;
    const uint32_t seq = invocation->seq;
    const auto outcome = invocation->outcome;
    if (invocation->responded) writeAbort(*invocation, 0, "hung");
    else if (invocation->failOpen) forward(*invocation, true);
    end(seq, outcome);
  }
  touched_.clear();
}

void ScriptIsolate::finish(uint32_t running, TurnClock& clock) {
  v8::Isolate* isolate = heap_->isolate();
  isolate->PerformMicrotaskCheckpoint();
  if (heap_->hasTasks()) {
    heap_->runTasks();
    isolate->PerformMicrotaskCheckpoint();
  }
  if (!rejections_.empty() && killPending() == Kill::kNone) {
    reportRejections();
    isolate->PerformMicrotaskCheckpoint();
  }
  uint64_t elapsedNs = clock.lapNs();
  if (++turns_ % kMemoryCheckTurns == 0 || elapsedNs > kLongTurnNs) {
    if (isOverLimit()) killForMemory();
    elapsedNs += clock.lapNs();
  }
  if (Invocation* invocation = find(running)) invocation->cpuNs += elapsedNs;
  const Kill kill = endLap();
  if (kill != Kill::kNone) handleKill(kill, running);
  isolate->SetContinuationPreservedEmbedderDataV2(v8::Undefined(isolate));
  if (!held_.empty()) grantHeld();
  if (local_.empty()) checkHangs();
}

}  // namespace weir::engine
