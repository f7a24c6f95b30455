// Bodies of a ScriptIsolate, in and out, within the credit of who reads them. The rest of it is in script_isolate.cc.
#include <algorithm>

#include "base/text.h"
#include "engine/script_isolate.h"
#include "js/bytes.h"

namespace weir::engine {

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
  environment_.effects.emit(invocation.id.loop(),
                            wire::BodyAbort{invocation.id, id, base::cutText(reason, kReportedBytesMax)});
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

}  // namespace weir::engine
