#include "edge/socket_pump.h"

#include <utility>

#include "edge/head_block.h"

namespace weir::edge {

namespace websocket = http::websocket;

namespace {

constexpr int64_t kCreditMax = int64_t{1} << 30;  // an engine that grants more has lost count

// What a script may close with: more than a peer may send.
bool mayClose(uint16_t code) {
  return code == websocket::kNoStatus || (code >= 1000 && code <= 4999 && code != 1004 && code != 1006 && code != 1015);
}

}  // namespace

SocketPump::SocketPump(SocketHome& home, EngineVoice& voice, SocketPumpOwner& owner, wire::StreamId number,
                       std::unique_ptr<websocket::Channel> channel)
    : home_(home), voice_(voice), owner_(owner), number_(number), channel_(std::move(channel)) {
  channel_->setEvents(*this);
  home_.add(*this);
}

SocketPump::~SocketPump() {
  if (waitsForRoom_ && voice_.feed() != nullptr) voice_.feed()->forget(*this);
  if (other_ != nullptr) other_->other_ = nullptr;
  if (channel_) home_.remove(*this);
}

void SocketPump::join(SocketPump& other) {
  joined_ = other.joined_ = true;
  engineListens_ = other.engineListens_ = false;
  other_ = &other;
  other.other_ = this;
  // What either has read by now waits for a taker.
  if (channel_) channel_->resume();
  if (other.channel_) other.channel_->resume();
  // It may have closed, or ended, before the script joined it.
  if (other.peerClosed_ && channel_) channel_->close(other.peerCode_, other.peerReason_);
  else if (other.ended()) fail(websocket::kLost);
}

// ---- from the engine ----

bool SocketPump::onPiece(const wire::SocketPiece& effect) {
  if (joined_ || engineClosed_ || window_ <= 0) return false;
  const int64_t cost = wire::socketPieceCost(effect.bytes.size());
  window_ -= cost;
  owed_ += static_cast<uint32_t>(cost);
  const auto kind =
      effect.kind == wire::SocketMessageKind::kText ? websocket::MessageKind::kText : websocket::MessageKind::kBinary;
  send(kind, asBytes(effect.bytes), effect.last);
  giveCredit(false);
  return true;
}

bool SocketPump::onClose(const wire::SocketClose& effect) {
  if (joined_ || std::exchange(engineClosed_, true)) return false;
  switch (effect.end) {
    case wire::SocketEnd::kClosed:
      if (!mayClose(effect.code)) return false;
      if (channel_) channel_->close(effect.code, effect.reason);
      if (over()) owner_.onSocketChanged();
      return true;
    case wire::SocketEnd::kLost:
      engineListens_ = false;
      fail(mayClose(effect.code) && effect.code != websocket::kNoStatus ? effect.code : websocket::kInternalError);
      return true;
    case wire::SocketEnd::kBroken: break;
  }
  return false;
}

bool SocketPump::onCredit(uint32_t bytes) {
  if (joined_ || credit_ + bytes > kCreditMax) return false;
  credit_ += bytes;
  if (channel_) channel_->resume();
  return true;
}

void SocketPump::giveCredit(bool all) {
  if (!channel_ || !engineListens_ || engineClosed_ || owed_ == 0) return;
  if (channel_->pendingBytes() > home_.environment().limits.lowWaterBytes) return;
  if (!all && owed_ < wire::Bounds::kSocketWindowBytes / 4) return;
  window_ += owed_;
  voice_.say(wire::SocketCredit{voice_.id(), number_, std::exchange(owed_, 0)});
}

void SocketPump::send(websocket::MessageKind kind, std::span<const std::byte> bytes, bool last) {
  if (!channel_) return;
  sentBytes_ += bytes.size();
  channel_->send(kind, bytes, last);
}

// ---- to the engine, or across ----

bool SocketPump::wantsPieces() {
  if (joined_) {
    return other_ == nullptr || other_->ended() ||
           other_->channel_->pendingBytes() <= home_.environment().limits.lowWaterBytes;
  }
  if (!engineListens_) return true;  // and forgets them
  if (credit_ <= 0) return false;
  EngineFeed* const feed = voice_.feed();
  if (feed == nullptr || feed->roomy()) return true;
  if (!std::exchange(waitsForRoom_, true)) feed->waitForRoom(*this);
  return false;
}

void SocketPump::onRoom() {
  waitsForRoom_ = false;
  if (channel_) channel_->resume();
}

void SocketPump::onPiece(websocket::MessageKind kind, std::span<const std::byte> bytes, bool last) {
  if (joined_) {
    if (other_ != nullptr) other_->send(kind, bytes, last);
    return;
  }
  if (!engineListens_) return;
  credit_ -= wire::socketPieceCost(bytes.size());
  wire::SocketPiece piece;
  piece.invocation = voice_.id();
  piece.socket = number_;
  piece.kind =
      kind == websocket::MessageKind::kText ? wire::SocketMessageKind::kText : wire::SocketMessageKind::kBinary;
  piece.last = last;
  piece.bytes = asWire(bytes);
  voice_.say(piece);
}

void SocketPump::onClose(uint16_t code, std::string_view reason) {
  peerClosed_ = true;
  peerCode_ = code;
  peerReason_ = reason;
  if (joined_) {
    if (other_ != nullptr && other_->channel_) other_->channel_->close(code, reason);
  } else if (engineListens_) {
    wire::SocketClose close;
    close.invocation = voice_.id();
    close.socket = number_;
    close.code = code;
    close.reason = reason;
    voice_.say(close);
  }
  if (over()) owner_.onSocketChanged();
}

void SocketPump::onDrained() {
  if (joined_) {
    if (other_ != nullptr && other_->channel_) other_->channel_->resume();
  } else {
    giveCredit(true);
  }
}

void SocketPump::onEnd(const websocket::End& end) {
  lost_ = !end.clean && !failed_;
  home_.environment().loop.dispose(std::move(channel_));  // a frame of it is below
  home_.remove(*this);
  if (other_ != nullptr) {
    SocketPump* const other = std::exchange(other_, nullptr);
    other->other_ = nullptr;
    // One that ended in good order has passed its close frame on. One that vanished takes the other with it.
    if (!end.clean) other->fail(websocket::kLost);
  } else if (!(peerClosed_ && engineClosed_)) {
    tellLost(end.broken ? wire::SocketEnd::kBroken : wire::SocketEnd::kLost, end.broken ? end.reason : "");
  }
  owner_.onSocketChanged();
}

// ---- the end ----

void SocketPump::tellLost(wire::SocketEnd end, std::string_view reason) {
  if (!std::exchange(engineListens_, false)) return;
  wire::SocketClose close;
  close.invocation = voice_.id();
  close.socket = number_;
  close.end = end;
  close.code = websocket::kLost;
  close.reason = reason;
  voice_.say(close);
}

void SocketPump::fail(uint16_t code) {
  failed_ = true;
  tellLost(wire::SocketEnd::kLost, "");
  if (channel_) channel_->fail(code, "");
}

void SocketPump::goAway() {
  failed_ = true;
  tellLost(wire::SocketEnd::kLost, "");
  if (!channel_) return;
  channel_->close(websocket::kGoingAway, "");
  channel_->resume();  // what was held for the engine is dropped, or its close frame would never be seen
}

void SocketPump::endEngine(uint16_t code) {
  engineListens_ = false;
  engineClosed_ = true;
  if (std::exchange(waitsForRoom_, false) && voice_.feed() != nullptr) voice_.feed()->forget(*this);
  if (joined_ || over()) return;
  failed_ = true;
  if (channel_->closeSent()) {
    channel_->resume();  // it waits for the peer's close frame, and takes nothing else
  } else {
    channel_->fail(code, "");
  }
}

}  // namespace weir::edge
