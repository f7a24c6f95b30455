// Channel: one end of a WebSocket, whatever carries it: a connection (connection.h), or memory between two ends in this
// process.
//
// Back-pressure: in, the owner says with `wantsPieces` whether it takes more, and calls `resume` when that changes to
// yes; the peer is held up meanwhile. Out, `pendingBytes` and `onDrained`.
#pragma once

#include <span>
#include <string_view>

#include "http/websocket/frame.h"

namespace weir::http::websocket {

// How a channel ended.
struct End {
  bool clean = false;       // the peer had sent its close frame
  bool broken = false;      // the peer broke the protocol; `reason` says how
  const char* reason = "";  // of an end that is not clean; static
};

// Never from within a call to the channel. The channel may be dropped by `net::Loop::dispose` from within any.
class ChannelEvents {
 public:
  virtual bool wantsPieces() = 0;
  virtual void onPiece(MessageKind kind, std::span<const std::byte> bytes, bool last) = 0;
  // The peer's close frame; no piece comes after it. kNoStatus when it has no code.
  virtual void onClose(uint16_t code, std::string_view reason) = 0;
  // `pendingBytes()` has come down to Limits::lowWaterBytes after having been above it.
  virtual void onDrained() {}
  // The last event.
  virtual void onEnd(const End& end) = 0;

 protected:
  ~ChannelEvents() = default;
};

class Channel {
 public:
  virtual ~Channel() = default;

  // Borrowed until `onEnd`. Before anything can come.
  virtual void setEvents(ChannelEvents& events) = 0;

  // The next piece of a message out. Dropped once we have closed or the peer is lost.
  virtual void send(MessageKind kind, std::span<const std::byte> bytes, bool last) = 0;
  // Our close frame; nothing is sent after it, the rest of a half sent message included.
  virtual void close(uint16_t code, std::string_view reason) = 0;
  // Ends the channel for a fault that is not the peer's closing: a close frame with this code, then the end, without
  // waiting for the peer's frame. kLost: as if we had vanished. `onEnd` follows.
  virtual void fail(uint16_t code, std::string_view reason) = 0;

  // The owner takes pieces again.
  virtual void resume() = 0;

  virtual size_t pendingBytes() const = 0;
  virtual bool closeSent() const = 0;
};

}  // namespace weir::http::websocket
