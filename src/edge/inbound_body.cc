#include "edge/inbound_body.h"

#include <algorithm>

#include "base/byte_text.h"
#include "edge/head_block.h"

namespace weir::edge {

namespace {

constexpr uint64_t kAskedBytesMax = 128u << 10;  // of one source, towards an engine

}  // namespace

InboundBody::~InboundBody() {
  if (waitsOn_ != nullptr) waitsOn_->forget(*this);
}

// ---- the engine asks ----

bool InboundBody::onCredit(uint32_t bytes) {
  if (target_ == Target::kSink) return false;
  if (bytes == 0 || bytes > wire::Bounds::kStreamWindowBytes - credit_) return false;
  if (target_ == Target::kOver) return true;  // it crossed the end
  target_ = Target::kEngine;
  credit_ += bytes;
  if (arrival_ == Arrival::kFlowing) {
    ask();
  } else if (held_.empty()) {
    finishToEngine();
  }
  return true;
}

bool InboundBody::onCancel() {
  if (target_ == Target::kSink) return false;
  if (target_ == Target::kOver) return true;
  const bool flowing = arrival_ == Arrival::kFlowing;
  target_ = Target::kOver;
  held_ = {};
  if (flowing) source_.stopBody();
  return true;
}

bool InboundBody::pipeTo(BodySink& sink) {
  if (target_ != Target::kNone) return false;
  target_ = Target::kSink;
  sink_ = &sink;
  switch (arrival_) {
    case Arrival::kFlowing: source_.readBody(wire::Bounds::kStreamWindowBytes); break;
    case Arrival::kEnded:
      target_ = Target::kOver;
      std::exchange(sink_, nullptr)->endBody();
      break;
    case Arrival::kBroken:
      target_ = Target::kOver;
      std::exchange(sink_, nullptr)->breakBody(reason_);
      break;
  }
  return true;
}

void InboundBody::forgetEngine() {
  if (waitsOn_ != nullptr) std::exchange(waitsOn_, nullptr)->forget(*this);
  if (target_ != Target::kEngine) return;
  target_ = Target::kOver;
  held_ = {};
}

// ---- the source tells ----

void InboundBody::onBytes(std::span<const std::byte> bytes) {
  if (target_ == Target::kEngine) {
    asked_ -= std::min<uint64_t>(asked_, bytes.size());
    EngineFeed* const feed = voice_.feed();
    if (feed != nullptr && (waitsOn_ != nullptr || !feed->roomy())) {
      held_.append(base::asText(bytes));
      if (waitsOn_ == nullptr) feed->waitForRoom(*this);
      waitsOn_ = feed;
      return;
    }
    credit_ -= std::min<uint64_t>(credit_, bytes.size());
    inChunks(bytes, [&](auto part) { voice_.say(wire::BodyChunk{voice_.id(), stream_, asWire(part)}); });
    ask();
  } else if (target_ == Target::kSink) {
    if (!sink_->takeBody(bytes)) {
      forgetSink();
    } else if (sink_ != nullptr && sink_->bodyPending() <= kPauseBytes) {
      source_.readBody(bytes.size());
    } else {
      owed_ += bytes.size();
    }
  }
}

void InboundBody::onEnd() {
  arrival_ = Arrival::kEnded;
  if (target_ == Target::kEngine && held_.empty()) {
    finishToEngine();
  } else if (target_ == Target::kSink) {
    target_ = Target::kOver;
    std::exchange(sink_, nullptr)->endBody();
  }
}

void InboundBody::onBroken(std::string_view reason) {
  arrival_ = Arrival::kBroken;
  reason_ = reason;
  if (target_ == Target::kEngine && held_.empty()) {
    finishToEngine();
  } else if (target_ == Target::kSink) {
    target_ = Target::kOver;
    std::exchange(sink_, nullptr)->breakBody(reason_);
  }
}

// ---- towards the engine ----

void InboundBody::ask() {
  if (waitsOn_ != nullptr) return;
  const uint64_t wanted = std::min(credit_, kAskedBytesMax);
  if (wanted <= asked_) return;
  const uint64_t more = wanted - asked_;
  asked_ = wanted;
  source_.readBody(more);
}

void InboundBody::onRoom() {
  waitsOn_ = nullptr;
  if (target_ != Target::kEngine) return;
  sendHeld();
  if (arrival_ == Arrival::kFlowing) {
    ask();
  } else {
    finishToEngine();
  }
}

void InboundBody::sendHeld() {
  const std::string held = std::exchange(held_, {});
  credit_ -= std::min<uint64_t>(credit_, held.size());
  inChunks(std::as_bytes(std::span(held)), [&](auto part) {
    voice_.say(wire::BodyChunk{voice_.id(), stream_, asWire(part)});
  });
}

void InboundBody::finishToEngine() {
  target_ = Target::kOver;
  if (arrival_ == Arrival::kEnded) {
    voice_.say(wire::BodyEnd{voice_.id(), stream_});
  } else {
    voice_.say(wire::BodyAbort{voice_.id(), stream_, reason_});
  }
}

// ---- towards a sink ----

void InboundBody::onSinkDrained() {
  if (target_ == Target::kSink && owed_ > 0) source_.readBody(std::exchange(owed_, 0));
}

void InboundBody::forgetSink() {
  if (target_ != Target::kSink) return;
  target_ = Target::kOver;
  sink_ = nullptr;
  if (arrival_ == Arrival::kFlowing) source_.stopBody();
}

}  // namespace weir::edge
