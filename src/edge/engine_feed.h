// EngineFeed: one loop's way to one engine. Messages go straight into the engine's event ring. What finds the ring full
// waits here, in order; and bodies, which are most of what flows, hold back before it comes to that.
//
// Why a full ring is not the end: each stream may have a window in flight, streams are many, and the ring is of one
// size. An engine counts as stuck only when nothing at all has moved for kStuckMax.
//
// Threads: its loop's.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "net/loop.h"
#include "sandbox/engine_link.h"

namespace weir::edge {

// Told, once per asking, that body bytes may be sent again.
class RoomWaiter {
 public:
  virtual void onRoom() = 0;

 protected:
  ~RoomWaiter() = default;
};

class EngineFeed {
 public:
  static constexpr size_t kWaitingBytesMax = 64u << 20;
  static constexpr std::chrono::milliseconds kStuckMax{10'000};

  // Both borrowed; they outlive it.
  EngineFeed(net::Loop& loop, sandbox::EngineLink& link)
      : loop_(loop), link_(link), retry_(loop.timers(), [this] { retry(); }) {}

  // Never waits. An engine that leaves too much waiting is condemned.
  template <class Message>
  void send(const Message& message) {
    if (waiting_.empty() && link_.send(message)) return;
    std::vector<uint8_t> bytes;
    wire::encode<wire::Event>(message, bytes);
    keep(std::move(bytes));
  }

  void sendEncoded(std::vector<uint8_t> event) {
    if (!waiting_.empty() || !link_.sendEncoded(event)) keep(std::move(event));
  }

  // So much waits that no new invocation should be begun.
  bool overloaded() const { return waitingBytes_ > kWaitingBytesMax / 4; }

  // Whether body bytes may be sent: the ring keeps a share of itself for everything else.
  bool roomy() const { return waiting_.empty() && link_.roomForBodies(); }
  // Calls `waiter` once, from the loop, when it is roomy. Borrowed until then or until `forget`.
  void waitForRoom(RoomWaiter& waiter);
  void forget(RoomWaiter& waiter);

 private:
  void keep(std::vector<uint8_t> bytes);
  void retry();

  net::Loop& loop_;
  sandbox::EngineLink& link_;
  std::deque<std::vector<uint8_t>> waiting_;
  size_t waitingBytes_ = 0;
  base::Instant movedAt_{};
  std::vector<RoomWaiter*> roomWaiters_;  // null where one was forgotten
  net::Timer retry_;
};

}  // namespace weir::edge
