// A channel over a stream that a handshake has handed over: messages in and out in pieces, pings answered, both halves
// of the closing handshake, and the waits bounded.
//
// Its life: made → `start` → pieces both ways → a close frame each way, or a failure, or a loss → `onEnd`, the last
// event.
//
// Threads: everything here belongs to the loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/websocket/channel.h"
#include "http/websocket/frame_decoder.h"
#include "http/websocket/frame_encoder.h"
#include "net/stream.h"

namespace weir::http::websocket {

class Connection final : public Channel, public net::StreamHandler, private MessageSink {
 public:
  // What the connections of a loop share; outlives them.
  struct Environment {
    net::Loop& loop;
    Limits limits;
    MaskSource& masks;
    std::vector<std::byte> readBuffer;  // used within one callback

    Environment(net::Loop& ownLoop, const Limits& ownLimits, MaskSource& ownMasks)
        : loop(ownLoop), limits(ownLimits), masks(ownMasks), readBuffer(ownLimits.readBytesMax) {}
  };

  Connection(Environment& environment, Role role, const std::optional<DeflateParameters>& deflate);
  ~Connection() override;

  // Takes the stream, whose handler must be this already or be set here, and what was read behind the handshake.
  void start(std::unique_ptr<net::Stream> stream, std::string received);

  // Channel
  void setEvents(ChannelEvents& events) override { events_ = &events; }
  void send(MessageKind kind, std::span<const std::byte> bytes, bool last) override;
  void close(uint16_t code, std::string_view reason) override;
  void fail(uint16_t code, std::string_view reason) override;  // kLost is a reset
  void resume() override;
  size_t pendingBytes() const override { return out_.size() + (stream_ ? stream_->pendingBytes() : 0); }
  bool closeSent() const override { return closeSent_; }

 private:
  enum class Phase : uint8_t {
    kOpen,
    kLingering,  // nothing is sent or reported any more; waits for the peer to end the connection
    kEnded,
  };

  // net::StreamHandler
  void onReadable() override;
  void onDrained() override;
  void onPeerFinished() override;
  void onError(const net::StreamError& error) override;
  // MessageSink
  bool takesPieces() override;
  void onPiece(MessageKind kind, std::span<const std::byte> bytes, bool last) override;
  void onPing(std::span<const std::byte> payload) override;
  void onPong() override {}
  void onClose(uint16_t code, std::string_view reason) override;

  void feed(std::span<const std::byte> bytes);
  void flush();
  void written();
  void noteDrain();
  void tellDrained();
  void finishIfClosed();
  void linger(const End& end);
  void finish(const End& end);
  void lose(const char* reason);
  void onTimer();
  void armTimer();

  Environment& environment_;
  const Role role_;
  ChannelEvents* events_ = nullptr;
  FrameDecoder decoder_;
  FrameEncoder encoder_;
  std::unique_ptr<net::Stream> stream_;
  Phase phase_ = Phase::kOpen;
  bool closeSent_ = false;
  bool closeReceived_ = false;
  bool aboveLowWater_ = false;
  bool pingSent_ = false;
  std::string out_;                  // frames that leave together at the end of the iteration
  std::string held_;                 // read, and no piece is taken
  std::optional<std::string> pong_;  // due when the peer reads on: the last ping's payload
  std::optional<End> end_;           // what `onEnd` will say
  net::DeferredTask flush_;
  net::DeferredTask drained_;
  net::DeferredTask drop_;
  net::DeferredTask resume_;
  net::Timer timer_;
  base::Instant heardAt_{};
  base::Instant pieceAt_{};
  base::Instant closedAt_{};
  base::Instant lingerAt_{};
  base::Instant sentMarkAt_{};
  uint64_t sentMark_ = 0;
};

}  // namespace weir::http::websocket
