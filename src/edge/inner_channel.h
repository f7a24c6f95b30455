// InnerChannel: one end of a WebSocket between two scripts of this process: messages pass from one to the other in
// memory, as fast as the other takes them. Pairs; each end has its owner.
//
// Threads: one loop's; both ends live on it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "http/websocket/channel.h"
#include "net/loop.h"

namespace weir::edge {

class InnerChannel final : public http::websocket::Channel {
 public:
  static std::pair<std::unique_ptr<InnerChannel>, std::unique_ptr<InnerChannel>> makePair(net::Loop& loop);
  ~InnerChannel() override;

  void setEvents(http::websocket::ChannelEvents& events) override;
  void send(http::websocket::MessageKind kind, std::span<const std::byte> bytes, bool last) override;
  void close(uint16_t code, std::string_view reason) override;
  void fail(uint16_t code, std::string_view reason) override;
  void resume() override { pump_.schedule(); }
  size_t pendingBytes() const override { return other_ != nullptr ? other_->waitingBytes_ : 0; }
  bool closeSent() const override { return closeSent_; }

 private:
  static constexpr size_t kPieceCost = 64;  // an empty one costs memory too
  // What came from the other end and is not delivered.
  struct Item {
    bool isClose;
    http::websocket::MessageKind kind;
    bool last;
    uint16_t code;
    std::string text;  // of a piece, or the reason
  };

  explicit InnerChannel(net::Loop& loop) : pump_(loop, [this] { pump(); }) {}
  void receive(Item item);
  void vanish();
  void pump();

  InnerChannel* other_ = nullptr;  // null once that has ended
  http::websocket::ChannelEvents* events_ = nullptr;
  std::deque<Item> waiting_;
  size_t waitingBytes_ = 0;
  bool closeSent_ = false;
  bool closeReceived_ = false;
  bool failed_ = false;   // ends, without waiting for the other
  bool drained_ = false;  // to be told
  net::DeferredTask pump_;
};

}  // namespace weir::edge
