// A TCP listener on a loop: accepts connections and hands the sockets on.
//
// Threads: loop thread only. Several loops may listen on one address (SO_REUSEPORT); the kernel spreads connections.
#pragma once

#include <memory>

#include "net/drop_flag.h"
#include "net/loop.h"
#include "net/socket.h"

namespace weir::net {

class AcceptHandler {
 public:
  // A new connection, with TCP_NODELAY set. Dropping `socket` closes it.
  virtual void onAccept(Fd socket, const Address& peer) = 0;

 protected:
  ~AcceptHandler() = default;
};

struct ListenerLimits {
  int backlog = 1024;
  uint32_t acceptsPerWakeMax = 64;               // then other descriptors get their turn
  std::chrono::milliseconds exhaustedPause{50};  // after running out of descriptors or memory
};

class Listener final : private FdHandler {
 public:
  // Binds at once; port 0 picks a free one. `handler` is borrowed and outlives the listener.
  static base::Result<std::unique_ptr<Listener>> open(Loop& loop, const Address& address, AcceptHandler& handler,
                                                      const ListenerLimits& limits = {});
  ~Listener();

  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // With the real port.
  const Address& address() const { return address_; }

  // Accepts every connection that waits now: to be called before the listener goes, which resets what it has not
  // accepted.
  void acceptWaiting();

 private:
  Listener(Loop& loop, Fd fd, const Address& address, AcceptHandler& handler, const ListenerLimits& limits);
  void onReady(uint32_t events) override;
  bool acceptOne();
  void refuseOne();
  void pause();

  Loop& loop_;
  Fd fd_;
  Address address_;
  AcceptHandler& handler_;
  ListenerLimits limits_;
  Fd spare_;  // given up when descriptors run out, so that the waiting connection can be closed and not left hanging
  Timer resume_;
  DropFlag dropFlag_;
};

}  // namespace weir::net
