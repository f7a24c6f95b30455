// SocketPump: one WebSocket of an invocation: its channel to the peer on one side, the engine or another pump on the
// other.
//
// Towards the engine it keeps the windows of the wire (wire/message.h). Joined with another pump it hands messages on
// as they come, and each side is read only as fast as the other takes.
//
// Threads: its loop's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "edge/engine_voice.h"
#include "edge/socket_home.h"
#include "wire/message.h"

namespace weir::edge {

class SocketPump;

class SocketPumpOwner {
 public:
  // `over()` or `ended()` has become true. Never from within a call to the pump.
  virtual void onSocketChanged() = 0;

 protected:
  ~SocketPumpOwner() = default;
};

class SocketPump final : private http::websocket::ChannelEvents, private RoomWaiter {
 public:
  // Everything but the channel is borrowed and outlives it.
  SocketPump(SocketHome& home, EngineVoice& voice, SocketPumpOwner& owner, wire::StreamId number,
             std::unique_ptr<http::websocket::Channel> channel);
  ~SocketPump();

  SocketPump(const SocketPump&) = delete;
  SocketPump& operator=(const SocketPump&) = delete;

  // From now on the two speak to each other and not to the engine. Nothing has come of either yet.
  void join(SocketPump& other);
  bool joined() const { return joined_; }

  // Effects. False: the engine broke the protocol.
  [[nodiscard]] bool onPiece(const wire::SocketPiece& effect);
  [[nodiscard]] bool onClose(const wire::SocketClose& effect);
  [[nodiscard]] bool onCredit(uint32_t bytes);

  // Gives the channel up; the peer is told `code`, kLost: sees a reset. The engine is told of a loss.
  void fail(uint16_t code);
  // The platform goes down: the peer is told so, and the engine of a loss.
  void goAway();
  // The engine has said its last word of the invocation: what is not joined and not over is failed with `code`.
  void endEngine(uint16_t code);

  // Both close frames have passed, or the channel has ended.
  bool over() const { return ended() || (peerClosed_ && channel_->closeSent()); }
  bool ended() const { return channel_ == nullptr; }
  // It ended without the peer's close frame, and not by our doing.
  bool lost() const { return lost_; }
  // Content of messages sent to the peer.
  uint64_t sentBytes() const { return sentBytes_; }

 private:
  // ChannelEvents
  bool wantsPieces() override;
  void onPiece(http::websocket::MessageKind kind, std::span<const std::byte> bytes, bool last) override;
  void onClose(uint16_t code, std::string_view reason) override;
  void onDrained() override;
  void onEnd(const http::websocket::End& end) override;
  // RoomWaiter
  void onRoom() override;

  void send(http::websocket::MessageKind kind, std::span<const std::byte> bytes, bool last);
  void tellLost(wire::SocketEnd end, std::string_view reason);
  void giveCredit(bool all);

  SocketHome& home_;
  EngineVoice& voice_;
  SocketPumpOwner& owner_;
  const wire::StreamId number_;
  std::unique_ptr<http::websocket::Channel> channel_;  // null once it has ended
  bool joined_ = false;
  SocketPump* other_ = nullptr;  // while joined and not ended
  bool engineListens_ = true;    // to this socket
  bool engineClosed_ = false;    // it has closed or given up its side
  bool peerClosed_ = false;
  uint16_t peerCode_ = 0;  // of its close frame
  std::string peerReason_;
  bool failed_ = false;
  bool lost_ = false;
  bool waitsForRoom_ = false;
  int64_t credit_ = 0;                                 // what the engine takes
  int64_t window_ = wire::Bounds::kSocketWindowBytes;  // what the engine may send
  uint32_t owed_ = 0;
  uint64_t sentBytes_ = 0;
};

}  // namespace weir::edge
