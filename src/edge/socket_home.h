// SocketHome: the WebSockets of one loop: what they share, how many there may be, and their end when the loop drains.
//
// Threads: its loop's.
#pragma once

#include <set>
#include <string>

#include "http/websocket/connection.h"

namespace weir::edge {

class SocketPump;

class SocketHome {
 public:
  static constexpr size_t kOpenMax = 20'000;

  // `loop` is borrowed and outlives it, and so it does every socket.
  explicit SocketHome(net::Loop& loop) : environment_(loop, {}, masks_) {}

  http::websocket::Connection::Environment& environment() { return environment_; }
  // 16 random bytes: what a handshake is keyed with.
  std::string makeKey();

  // No more may be opened.
  bool full() const { return draining_ || open_.size() >= kOpenMax; }
  void add(SocketPump& pump) { open_.insert(&pump); }
  void remove(SocketPump& pump) { open_.erase(&pump); }

  // Closes every socket with 1001.
  void drain();

 private:
  http::websocket::SystemMaskSource masks_;
  http::websocket::Connection::Environment environment_;
  std::set<SocketPump*> open_;
  bool draining_ = false;
};

}  // namespace weir::edge
