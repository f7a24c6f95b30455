#include "http/websocket/connection.h"

#include <algorithm>

#include "base/byte_text.h"

namespace weir::http::websocket {
namespace {

using base::asBytes;
using base::asText;

constexpr size_t kCorkedBytesMax = 64 * 1024;  // more than this leaves at once
constexpr size_t kKeptBytes = 128 * 1024;      // capacity an empty buffer may keep

}  // namespace

Connection::Connection(Environment& environment, Role role, const std::optional<DeflateParameters>& deflate)
    : environment_(environment),
      role_(role),
      decoder_(role, environment.limits, deflate),
      encoder_(role, deflate, &environment.masks),
      flush_(environment.loop, [this] { flush(); }),
      drained_(environment.loop, [this] { tellDrained(); }),
      drop_(environment.loop, [this] { lose("the connection was given up"); }),
      resume_(environment.loop,
              [this] {
                std::string held;
                held.swap(held_);
                feed(asBytes(held));
              }),
      timer_(environment.loop.timers(), [this] { onTimer(); }) {}

Connection::~Connection() {
  if (stream_ && phase_ != Phase::kEnded) stream_->resetOnClose();
}

void Connection::start(std::unique_ptr<net::Stream> stream, std::string received) {
  CHECK(events_ != nullptr);
  stream_ = std::move(stream);
  stream_->setHandler(*this);
  heardAt_ = pieceAt_ = sentMarkAt_ = environment_.loop.now();
  sentMark_ = stream_->sentBytes();
  held_ = std::move(received);
  armTimer();
  resume_.schedule();
}

// ---- In ----------------------------------------------------------------------------------------------------------

void Connection::onReadable() {
  const auto got = stream_->read(environment_.readBuffer);
  switch (got.kind) {
    case net::Stream::ReadResult::kNothingYet: return;
    case net::Stream::ReadResult::kError:
    case net::Stream::ReadResult::kEnd: return lose("WebSocket disconnected without sending Close frame.");
    case net::Stream::ReadResult::kBytes: break;
  }
  heardAt_ = environment_.loop.now();
  pingSent_ = false;
  if (phase_ == Phase::kOpen) feed({environment_.readBuffer.data(), got.bytes});
}

void Connection::feed(std::span<const std::byte> bytes) {
  if (phase_ == Phase::kEnded) return;
  while (phase_ == Phase::kOpen) {
    const auto fed = decoder_.feed(bytes, *this);
    if (!fed.ok()) {
      End end;
      end.reason = fed.error().reason;
      end.broken = true;
      if (!closeSent_) {
        encoder_.close(fed.error().code, fed.error().reason, out_);
        closeSent_ = true;
      }
      return linger(end);
    }
    bytes = bytes.subspan(*fed);
    if (bytes.empty() || decoder_.due()) break;
    if (*fed == 0) break;
  }
  if (phase_ == Phase::kEnded) return;
  if (phase_ == Phase::kLingering) bytes = {};
  held_.assign(asText(bytes));
  stream_->setReading(held_.empty() && !decoder_.due());
}

bool Connection::takesPieces() { return phase_ == Phase::kOpen && events_->wantsPieces(); }

void Connection::onPiece(MessageKind kind, std::span<const std::byte> bytes, bool last) {
  pieceAt_ = environment_.loop.now();
  events_->onPiece(kind, bytes, last);
}

void Connection::onPing(std::span<const std::byte> payload) {
  if (closeSent_ || phase_ != Phase::kOpen) return;
  // A peer that pings and does not read gets one answer, to its last ping (RFC 6455 §5.5.3).
  if (pendingBytes() > environment_.limits.lowWaterBytes) {
    pong_ = std::string(asText(payload));
    return;
  }
  encoder_.pong(payload, out_);
  written();
}

void Connection::onClose(uint16_t code, std::string_view reason) {
  closeReceived_ = true;
  events_->onClose(code, reason);
  finishIfClosed();
}

void Connection::resume() {
  if (phase_ == Phase::kOpen && (!held_.empty() || decoder_.due())) {
    pieceAt_ = environment_.loop.now();
    resume_.schedule();
  }
}

// ---- Out ---------------------------------------------------------------------------------------------------------

void Connection::send(MessageKind kind, std::span<const std::byte> bytes, bool last) {
  if (closeSent_ || phase_ != Phase::kOpen) return;
  encoder_.piece(kind, bytes, last, out_);
  written();
}

void Connection::close(uint16_t code, std::string_view reason) {
  if (closeSent_ || phase_ != Phase::kOpen) return;
  encoder_.close(code, reason, out_);
  closeSent_ = true;
  closedAt_ = environment_.loop.now();
  written();
  armTimer();
  finishIfClosed();
}

void Connection::fail(uint16_t code, std::string_view reason) {
  if (phase_ != Phase::kOpen) return;
  if (code == kLost) {
    phase_ = Phase::kLingering;
    out_.clear();
    stream_->resetOnClose();
    drop_.schedule();
    return;
  }
  if (!closeSent_) encoder_.close(code, reason, out_);
  closeSent_ = true;
  End end;
  end.reason = "the connection was given up";
  linger(end);
}

void Connection::written() {
  noteDrain();
  if (out_.size() > kCorkedBytesMax) {
    flush();
  } else {
    flush_.schedule();
  }
}

void Connection::noteDrain() {
  if (pendingBytes() > environment_.limits.lowWaterBytes) {
    aboveLowWater_ = true;
  } else if (std::exchange(aboveLowWater_, false)) {
    drained_.schedule();
  }
}

void Connection::flush() {
  if (out_.empty() || !stream_ || phase_ == Phase::kEnded) return;
  if (stream_->pendingBytes() == 0) {
    sentMark_ = stream_->sentBytes();
    sentMarkAt_ = environment_.loop.now();
  }
  stream_->write(out_);  // a broken stream says so by onError
  out_.clear();
  if (out_.capacity() > kKeptBytes) std::string().swap(out_);
  noteDrain();
  if (stream_->pendingBytes() > 0) armTimer();
  if (phase_ == Phase::kLingering) stream_->finishSending();
}

void Connection::onDrained() { noteDrain(); }

void Connection::tellDrained() {
  if (phase_ != Phase::kOpen) return;
  if (pong_ && !closeSent_) {
    encoder_.pong(asBytes(*pong_), out_);
    written();
  }
  pong_.reset();
  events_->onDrained();
}

// ---- The end -----------------------------------------------------------------------------------------------------

void Connection::finishIfClosed() {
  if (closeSent_ && closeReceived_) linger({.clean = true});
}

// Sends what waits, ends our side, and waits a moment for the peer to end the other one.
void Connection::linger(const End& end) {
  if (phase_ != Phase::kOpen) return;
  phase_ = Phase::kLingering;
  end_ = end;
  pong_.reset();
  held_.clear();
  lingerAt_ = environment_.loop.now();
  if (out_.empty()) {
    stream_->finishSending();
  } else {
    flush_.schedule();
  }
  stream_->setReading(true);
  armTimer();
}

void Connection::finish(const End& end) {
  if (phase_ == Phase::kEnded) return;
  phase_ = Phase::kEnded;
  timer_.disarm();
  stream_.reset();
  events_->onEnd(end);
}

void Connection::lose(const char* reason) {
  End end;
  end.clean = closeReceived_;
  end.reason = reason;
  finish(end_.value_or(end));
}

void Connection::onPeerFinished() {
  // Bytes may be unread; who reads will see the end. Who does not read for want of a taker learns it here.
  if (phase_ == Phase::kOpen && !stream_->reading() && held_.empty() && !decoder_.due() && stream_->atEnd()) {
    lose("WebSocket disconnected without sending Close frame.");
  }
}

void Connection::onError(const net::StreamError&) { lose("WebSocket disconnected without sending Close frame."); }

void Connection::armTimer() {
  const Limits& limits = environment_.limits;
  base::Instant next = heardAt_ + (pingSent_ ? limits.silenceMax : limits.pingAfter);
  if (phase_ == Phase::kLingering) {
    next = lingerAt_ + limits.lingerMax;
  } else if (closeSent_) {
    next = closedAt_ + limits.closeMax;
  } else if (decoder_.inMessage()) {
    next = std::min(next, std::max(pieceAt_, heardAt_) + limits.messageStallMax);
  }
  if (stream_ && stream_->pendingBytes() > 0) next = std::min(next, sentMarkAt_ + limits.writeStallMax);
  timer_.arm(std::max(next, environment_.loop.now()));
}

void Connection::onTimer() {
  if (!stream_ || phase_ == Phase::kEnded) return;
  const Limits& limits = environment_.limits;
  const base::Instant now = environment_.loop.now();
  if (stream_->pendingBytes() > 0) {
    if (stream_->sentBytes() != sentMark_) {
      sentMark_ = stream_->sentBytes();
      sentMarkAt_ = now;
    } else if (now - sentMarkAt_ >= limits.writeStallMax) {
      stream_->resetOnClose();
      return lose("the peer does not read");
    }
  }
  if (phase_ == Phase::kLingering) {
    // A peer that still reads what was sent is waited for; progress is bounded by writeStallMax.
    if (stream_->pendingBytes() > 0) lingerAt_ = now;
    if (now - lingerAt_ >= limits.lingerMax) return lose("");
    return armTimer();
  }
  if (closeSent_) {
    if (stream_->pendingBytes() > 0) closedAt_ = now;
    if (now - closedAt_ >= limits.closeMax) return lose("the peer did not answer the close frame");
    return armTimer();
  }
  const bool waiting = !held_.empty() || decoder_.due();  // for us, not for the peer
  if (waiting) {
    heardAt_ = pieceAt_ = now;
  } else if (decoder_.inMessage() && now - std::max(pieceAt_, heardAt_) >= limits.messageStallMax) {
    fail(kProtocolError, "a message was not finished");
    return;
  } else if (now - heardAt_ >= limits.silenceMax) {
    stream_->resetOnClose();
    return lose("the peer is silent");
  } else if (now - heardAt_ >= limits.pingAfter && !pingSent_) {
    pingSent_ = true;
    encoder_.ping({}, out_);
    written();
  }
  armTimer();
}

}  // namespace weir::http::websocket
