#include "engine/host_functions.h"

#include <array>
#include <cmath>

#include "engine/host_arguments.h"
#include "engine/script_isolate.h"
#include "js/exception.h"

namespace weir::engine {

Invocation* invocationOf(Arguments info, ScriptIsolate& isolate) {
  Invocation* invocation = isolate.find(unsignedOf(info[0]));
  if (invocation == nullptr) {
    throwError(info.GetIsolate(), v8::Exception::Error,
               "Couldn't complete operation because the execution context has ended.");
  }
  return invocation;
}

std::string byteString(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (!value->IsString()) return {};
  const auto string = value.As<v8::String>();
  std::string result(static_cast<size_t>(string->Length()), '\0');
  if (string->IsOneByte() || string->ContainsOnlyOneByte()) {
    string->WriteOneByteV2(isolate, 0, string->Length(), reinterpret_cast<uint8_t*>(result.data()));
  } else {
    result = js::toUtf8(isolate, value, result.size() * 3);
  }
  return result;
}

wire::Bytes bodyBytes(v8::Isolate* isolate, v8::Local<v8::Value> value, std::string& storage) {
  if (value->IsString()) {
    storage = js::toUtf8(isolate, value, static_cast<size_t>(value.As<v8::String>()->Length()) * 3);
    return {reinterpret_cast<const uint8_t*>(storage.data()), storage.size()};
  }
  if (value->IsArrayBufferView()) {
    const auto view = value.As<v8::ArrayBufferView>();
    const size_t size = view->ByteLength();
    if (size == 0) return {};
    if (!view->HasBuffer()) {  // a small typed array that lives inside the heap
      storage.resize(size);
      view->CopyContents(storage.data(), size);
      return {reinterpret_cast<const uint8_t*>(storage.data()), size};
    }
    return {static_cast<const uint8_t*>(view->Buffer()->Data()) + view->ByteOffset(), size};
  }
  if (value->IsArrayBuffer()) {
    const auto buffer = value.As<v8::ArrayBuffer>();
    return {static_cast<const uint8_t*>(buffer->Data()), buffer->ByteLength()};
  }
  return {};
}

namespace {

constexpr uint32_t kSeqMax = 1u << 30;
constexpr const char* kTooManySubrequests = "Too many subrequests by single Worker invocation.";
constexpr size_t kLogBytesMax = 128u << 10;

bool headOf(Arguments info, v8::Local<v8::Value> value, std::string& storage, wire::HeadBlock& head) {
  storage = byteString(info.GetIsolate(), value);
  if (!wire::isHeadBlock(storage)) {
    throwError(info.GetIsolate(), v8::Exception::TypeError,
               "The headers are too large or hold a character that no header may hold.");
    return false;
  }
  head.text = storage;
  return true;
}

uint64_t lengthOf(v8::Local<v8::Value> value) {
  if (!value->IsNumber()) return wire::kLengthUnknown;
  const double length = value.As<v8::Number>()->Value();
  return length >= 0 && length < 9e15 ? static_cast<uint64_t>(length) : wire::kLengthUnknown;
}

void current(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  const auto data = isolate->GetContinuationPreservedEmbedderDataV2();
  if (!data.IsEmpty() && data->IsValue()) info.GetReturnValue().Set(data.As<v8::Value>());
}

void setCurrent(Arguments info) { info.GetIsolate()->SetContinuationPreservedEmbedderDataV2(info[0]); }

void now(Arguments info) {  // Whole milliseconds, as Date has them.
  info.GetReturnValue().Set(std::floor(ScriptIsolate::of(info.GetIsolate())->nowMs()));
}

void memoryLimit(Arguments info) {
  info.GetReturnValue().Set(
      static_cast<double>(size_t{ScriptIsolate::of(info.GetIsolate())->version()->bundle().limits.memoryMb} << 20));
}

void respond(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  auto& script = *ScriptIsolate::of(isolate);
  Invocation* invocation = invocationOf(info, script);
  if (invocation == nullptr) return;
  wire::Respond head;
  const uint32_t status = unsignedOf(info[1]);
  if (status < 100 || status > 999)
    return throwError(isolate, v8::Exception::RangeError, "The status is out of range.");
  head.status = static_cast<uint16_t>(status);
  const std::string statusText = byteString(isolate, info[2]);
  head.statusText = std::string_view(statusText).substr(0, wire::Bounds::kStatusTextBytesMax);
  std::string headText;
  if (!headOf(info, info[3], headText, head.head)) return;
  const uint32_t kind = unsignedOf(info[4]);
  if (kind > static_cast<uint32_t>(wire::BodyKind::kPipe)) return;
  head.bodyKind = static_cast<wire::BodyKind>(kind);
  head.bodyLength = lengthOf(info[6]);
  std::string storage;
  wire::Bytes body;
  if (head.bodyKind == wire::BodyKind::kInline) body = bodyBytes(isolate, info[5], storage);
  if (head.bodyKind == wire::BodyKind::kPipe) head.pipeFrom = unsignedOf(info[5]);
  script.respond(*invocation, head, body);
}

void fail(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = script.find(unsignedOf(info[0]))) script.failHandler(*invocation, info[1]);
}

void abort(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = script.find(unsignedOf(info[0]))) script.abort(*invocation, info[1]);
}

void done(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = script.find(unsignedOf(info[0]))) script.done(*invocation);
}

void exception(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = script.find(unsignedOf(info[0]))) script.recordException(*invocation, info[1]);
}

void passThroughOnException(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = script.find(unsignedOf(info[0]))) invocation->failOpen = true;
}

void forward(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = script.find(unsignedOf(info[0]))) script.forward(*invocation, false);
}

void hasPending(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  const Invocation* const invocation = script.find(unsignedOf(info[0]));
  info.GetReturnValue().Set(invocation != nullptr && invocation->pending > 0);
}

void write(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  auto& script = *ScriptIsolate::of(isolate);
  Invocation* invocation = invocationOf(info, script);
  if (invocation == nullptr) return;
  std::string storage;
  const wire::Bytes bytes = bodyBytes(isolate, info[2], storage);
  info.GetReturnValue().Set(static_cast<double>(script.write(*invocation, unsignedOf(info[1]), bytes)));
}

void writeEnd(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = invocationOf(info, script)) script.writeEnd(*invocation, unsignedOf(info[1]));
}

void writeAbort(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  auto& script = *ScriptIsolate::of(isolate);
  const uint32_t seq = unsignedOf(info[0]);
  if (script.find(seq) == nullptr) return;
  const auto text = js::describe(isolate, isolate->GetCurrentContext(), info[2], {});
  if (Invocation* invocation = script.find(seq)) script.writeAbort(*invocation, unsignedOf(info[1]), text.message);
}

void read(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = invocationOf(info, script)) script.read(*invocation, unsignedOf(info[1]));
}

void cancelRead(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  if (Invocation* invocation = script.find(unsignedOf(info[0]))) script.cancelRead(*invocation, unsignedOf(info[1]));
}

void fetch(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  auto& script = *ScriptIsolate::of(isolate);
  Invocation* invocation = invocationOf(info, script);
  if (invocation == nullptr) return;
  if (invocation->subrequests >= script.version()->bundle().limits.subrequests) {
    return throwError(isolate, v8::Exception::Error, kTooManySubrequests);
  }
  wire::Subrequest request;
  const std::string method = byteString(isolate, info[1]);
  const std::string url = byteString(isolate, info[2]);
  if (method.empty() || method.size() > wire::Bounds::kMethodBytesMax || url.size() > wire::Bounds::kUrlBytesMax) {
    return throwError(isolate, v8::Exception::TypeError, "The method or URL of the request is too long.");
  }
  request.invocation = invocation->id;
  request.method = method;
  request.url = url;
  std::string headText;
  if (!headOf(info, info[3], headText, request.head)) return;
  const uint32_t kind = unsignedOf(info[4]);
  if (kind > static_cast<uint32_t>(wire::BodyKind::kPipe)) return;
  request.bodyKind = static_cast<wire::BodyKind>(kind);
  request.bodyLength = lengthOf(info[6]);
  std::string storage;
  wire::Bytes body;
  if (request.bodyKind == wire::BodyKind::kInline) body = bodyBytes(isolate, info[5], storage);
  if (request.bodyKind == wire::BodyKind::kPipe) request.pipeFrom = unsignedOf(info[5]);
  const uint32_t redirect = unsignedOf(info[7]);
  request.service = unsignedOf(info[8]);
  request.redirect = redirect <= 2 ? static_cast<wire::Redirect>(redirect) : wire::Redirect::kFollow;
  request.subrequest = ++invocation->subrequests;
  const bool large = request.bodyKind == wire::BodyKind::kInline && body.size() > wire::Bounds::kInlineBodyBytesMax;
  if (large) {
    request.bodyKind = wire::BodyKind::kStream;
    request.bodyLength = body.size();
    request.replayable = request.redirect == wire::Redirect::kFollow;
  } else if (request.bodyKind == wire::BodyKind::kInline) {
    request.body = body;
    request.bodyLength = body.size();
  }
  script.effects().emit(invocation->id.loop(), request);
  if (request.bodyKind == wire::BodyKind::kStream) invocation->outbound[request.subrequest];
  invocation->awaitedHeads.insert(request.subrequest);
  ++invocation->pending;
  script.touch(*invocation);
  if (large) script.writeWhole(*invocation, request.subrequest, body, request.replayable);
  info.GetReturnValue().Set(request.subrequest);
}

void cancelFetch(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  Invocation* invocation = script.find(unsignedOf(info[0]));
  if (invocation == nullptr) return;
  const uint32_t id = unsignedOf(info[1]);
  if (id == 0 || id > invocation->subrequests) return;
  if (invocation->awaitedHeads.erase(id) > 0) --invocation->pending;
  script.touch(*invocation);
  script.effects().emit(invocation->id.loop(), wire::CancelSubrequest{invocation->id, id});
}

constexpr size_t kOpenRateCallsMax = 1'000;

void countRate(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  auto& script = *ScriptIsolate::of(isolate);
  Invocation* invocation = invocationOf(info, script);
  if (invocation == nullptr) return;
  if (invocation->awaitedRates.size() >= kOpenRateCallsMax)
    return throwError(isolate, v8::Exception::Error, "Too many rate limit calls are open.");
  const std::string key = js::toUtf8(isolate, info[2], wire::Bounds::kRateKeyBytesMax + 4);  // cut between characters
  if (key.size() > wire::Bounds::kRateKeyBytesMax)
    return throwError(isolate, v8::Exception::Error, "the key of a rate limit may have at most 32768 bytes");
  wire::CountRate count;
  count.invocation = invocation->id;
  count.call = ++invocation->rateCalls;
  count.limiter = unsignedOf(info[1]);
  count.limit = unsignedOf(info[3]);
  count.periodSeconds = unsignedOf(info[4]);
  count.delta = unsignedOf(info[5]);
  count.key = key;
  script.effects().emit(invocation->id.loop(), count);
  invocation->awaitedRates.insert(count.call);
  ++invocation->pending;
  script.touch(*invocation);
  info.GetReturnValue().Set(count.call);
}

void setTimer(Arguments info) {
  auto& script = *ScriptIsolate::of(info.GetIsolate());
  Invocation* invocation = invocationOf(info, script);
  if (invocation == nullptr) return;
  const double delay = info[1]->IsNumber() ? info[1].As<v8::Number>()->Value() : 0;
  info.GetReturnValue().Set(script.armTimer(*invocation, delay, info[2]->IsTrue()));
}

void clearTimer(Arguments info) { ScriptIsolate::of(info.GetIsolate())->clearTimer(unsignedOf(info[1])); }

void log(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  auto& script = *ScriptIsolate::of(isolate);
  Invocation* invocation = script.find(unsignedOf(info[0]));
  if (invocation == nullptr) return;
  const std::string message = js::toUtf8(isolate, info[2], kLogBytesMax + 1);
  wire::LogLine line;
  line.invocation = invocation->id;
  const uint32_t level = unsignedOf(info[1]);
  line.level = level <= 4 ? static_cast<wire::LogLevel>(level) : wire::LogLevel::kLog;
  line.timestampMs = script.nowMs();
  // Half a JSON text is none: a line over the bound says so instead.
  line.message = message.size() > kLogBytesMax ? std::string_view("[\"(log line over 128 KiB)\"]") : message;
  script.effects().emit(invocation->id.loop(), line);
}

void binding(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  info.GetReturnValue().Set(ScriptIsolate::of(isolate)->readBinding(info[0]));
}

void builtin(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  v8::Local<v8::Object> space;
  const std::string name = js::toUtf8(isolate, info[0], wire::Bounds::kNameBytesMax);
  if (ScriptIsolate::of(isolate)->nodeModule(name).ToLocal(&space)) info.GetReturnValue().Set(space);
}

void giveUpHeap(Arguments info) {
  v8::Isolate* isolate = info.GetIsolate();
  ScriptIsolate::of(isolate)->giveUpHeap(js::toUtf8(isolate, info[0], wire::Bounds::kNameBytesMax));
}

}  // namespace

std::span<const js::Native> hostFunctions() {
  static constexpr std::array kFunctions{
      js::Native{"current", current},
      js::Native{"setCurrent", setCurrent},
      js::Native{"now", now},
      js::Native{"builtin", builtin},
      js::Native{"memoryLimit", memoryLimit},
      js::Native{"respond", respond},
      js::Native{"fail", fail},
      js::Native{"done", done},
      js::Native{"abort", abort},
      js::Native{"exception", exception},
      js::Native{"passThroughOnException", passThroughOnException},
      js::Native{"forward", forward},
      js::Native{"hasPending", hasPending},
      js::Native{"write", write},
      js::Native{"writeEnd", writeEnd},
      js::Native{"writeAbort", writeAbort},
      js::Native{"read", read},
      js::Native{"cancelRead", cancelRead},
      js::Native{"fetch", fetch},
      js::Native{"cancelFetch", cancelFetch},
      js::Native{"countRate", countRate},
      js::Native{"setTimer", setTimer},
      js::Native{"clearTimer", clearTimer},
      js::Native{"log", log},
      js::Native{"binding", binding},
      js::Native{"giveUpHeap", giveUpHeap},
  };
  return kFunctions;
}

}  // namespace weir::engine
