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
                       websocket::Role role, const std::optional<websocket::DeflateParameters>& deflate)
    : home_(home),
      voice_(voice),
      owner_(owner),
      number_(number),
      connection_(std::make_unique<websocket::Connection>(home.environment(), role, deflate,
                                                          static_cast<websocket::ConnectionEvents&>(*this))) {
  home_.add(*this);
}

SocketPump::~SocketPump() {
  if (waitsForRoom_ && voice_.feed() != nullptr) voice_.feed()->forget(*this);
  if (other_ != nullptr) other_->other_ = nullptr;
  if (connection_) home_.remove(*this);
}

void SocketPump::start(std::unique_ptr<net::Stream> stream, std::string received) {
  connection_->start(std::move(stream), std::move(received));
}

void SocketPump::join(SocketPump& other) {
  joined_ = other.joined_ = true;
  engineListens_ = other.engineListens_ = false;
  other_ = &other;
  other.other_ = this;
  // What either has read by now waits for a taker.
  if (connection_) connection_->resume();
  if (other.connection_) other.connection_->resume();
  // It may have closed, or ended, before the script joined it.
  if (other.peerClosed_ && connection_) connection_->close(other.peerCode_, other.peerReason_);
  else if (other.ended()) fail(websocket::kLost);
}

// ---- from the engine ----

bool SocketPump::onPiece(const wire::SocketPiece& effect) {
  if (joined_ || engineClosed_ || window_ <= 0) return false;
  const int64_t cost = wire::socketPieceCost(effect.bytes.size());
  window_ -= cost;
  owed_ += static_cast<uint32_t>(cost);
  const auto kind = effect.kind == wire::SocketMessageKind::kText ? websocket::MessageKind::kText : websocket::MessageKind::kBinary;
  send(kind, asBytes(effect.bytes), effect.last);
  giveCredit(false);
  return true;
}

bool SocketPump::onClose(const wire::SocketClose& effect) {
  if (joined_ || std::exchange(engineClosed_, true)) return false;
  switch (effect.end) {
    case wire::SocketEnd::kClosed:
      if (!mayClose(effect.code)) return false;
      if (connection_) connection_->close(effect.code, effect.reason);
      if (over()) owner_.onSocketChanged();
      return true;
    case wire::SocketEnd::kLost:
      engineListens_ = false;
      fail(mayClose(effect.code) && effect.code != websocket::kNoStatus ? effect.code : websocket::kInternalError);
      return true;
    case wire::SocketEnd::kBroken:
      break;
  }
  return false;
}

bool SocketPump::onCredit(uint32_t bytes) {
  if (joined_ || credit_ + bytes > kCreditMax) return false;
  credit_ += bytes;
  if (connection_) connection_->resume();
  return true;
}

void SocketPump::giveCredit(bool all) {
  if (!connection_ || !engineListens_ || engineClosed_ || owed_ == 0) return;
  if (connection_->pendingBytes() > home_.environment().limits.lowWaterBytes) return;
  if (!all && owed_ < wire::Bounds::kSocketWindowBytes / 4) return;
  window_ += owed_;
  voice_.say(wire::SocketCredit{voice_.id(), number_, std::exchange(owed_, 0)});
}

void SocketPump::send(websocket::MessageKind kind, std::span<const std::byte> bytes, bool last) {
  if (!connection_) return;
  sentBytes_ += bytes.size();
  connection_->send(kind, bytes, last);
}

// ---- to the engine, or across ----

bool SocketPump::wantsPieces() {
  if (joined_) {
    return other_ == nullptr || other_->ended() ||
           other_->connection_->pendingBytes() <= home_.environment().limits.lowWaterBytes;
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
  if (connection_) connection_->resume();
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
  piece.kind = kind == websocket::MessageKind::kText ? wire::SocketMessageKind::kText : wire::SocketMessageKind::kBinary;
  piece.last = last;
  piece.bytes = asWire(bytes);
  voice_.say(piece);
}

void SocketPump::onClose(uint16_t code, std::string_view reason) {
  peerClosed_ = true;
  peerCode_ = code;
  peerReason_ = reason;
  if (joined_) {
    if (other_ != nullptr && other_->connection_) other_->connection_->close(code, reason);
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
    if (other_ != nullptr && other_->connection_) other_->connection_->resume();
  } else {
    giveCredit(true);
  }
}

void SocketPump::onEnd(const websocket::End& end) {
  lost_ = !end.clean && !failed_;
  home_.environment().loop.dispose(std::move(connection_));  // a frame of it is below
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
  if (connection_) connection_->fail(code, "");
}

void SocketPump::goAway() {
  failed_ = true;
  tellLost(wire::SocketEnd::kLost, "");
  if (!connection_) return;
  connection_->close(websocket::kGoingAway, "");
  connection_->resume();  // what was held for the engine is dropped, or its close frame would never be seen
}

void SocketPump::endEngine(uint16_t code) {
  engineListens_ = false;
  engineClosed_ = true;
  if (std::exchange(waitsForRoom_, false) && voice_.feed() != nullptr) voice_.feed()->forget(*this);
  if (joined_ || over()) return;
  failed_ = true;
  if (connection_->closeSent()) {
    connection_->resume();  // it waits for the peer's close frame, and takes nothing else
  } else {
    connection_->fail(code, "");
  }
}

}  // namespace weir::edge
