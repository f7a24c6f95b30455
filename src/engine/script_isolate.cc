#include "engine/script_isolate.h"

#include <time.h>

#include <algorithm>

#include "base/byte_text.h"
#include "base/text.h"
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
// A heap grows by some megabytes in that at most, and asking V8 for its size costs as much as a small request's share
// of it.
constexpr uint64_t kMemoryCheckNs = 1'000'000;

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

v8::Local<v8::Value> ScriptIsolate::wholeBody(wire::Bytes bytes) {
  return base::isAscii(bytes)
             ? v8::Local<v8::Value>(oneByte({reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
             : buffer(bytes);
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
  thrown.name = base::cutText(name, kReportedBytesMax);
  thrown.message = base::cutText(message, kReportedBytesMax);
  thrown.stack = base::cutText(stack, kReportedBytesMax);
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
    body = wholeBody(event.body);
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
                                      oneByte(event.entrypoint),
                                      event.props.empty() ? v8::Undefined(isolate).As<v8::Value>() : utf8(event.props)};
  call(kFetch, 10, arguments);
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
    body = wholeBody(event.body);
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

bool ScriptIsolate::on(const wire::RateCounted& event) {
  Invocation* invocation = byId(event.invocation);
  if (invocation == nullptr || invocation->awaitedRates.erase(event.call) == 0) return false;
  if (event.nowMs > nowMs_) nowMs_ = event.nowMs;
  --invocation->pending;
  touch(*invocation);
  v8::Local<v8::Value> arguments[] = {number(invocation->seq), number(event.call),
                                      v8::Boolean::New(heap_->isolate(), event.within)};
  call(kRateCounted, 3, arguments);
  return true;
}

// ---- the end of a turn ----

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
  heap_->collectBuffers();
  uint64_t elapsedNs = clock.lapNs();
  uncheckedNs_ += elapsedNs;
  if (uncheckedNs_ > kMemoryCheckNs) {
    uncheckedNs_ = 0;
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
