#include "edge/socket_home.h"

#include "edge/socket_pump.h"

namespace weir::edge {

std::string SocketHome::makeKey() {
  std::string key;
  for (int i = 0; i < 4; ++i) {
    const auto word = masks_.next();
    key.append(reinterpret_cast<const char*>(word.data()), word.size());
  }
  return key;
}

void SocketHome::drain() {
  draining_ = true;
  const std::set<SocketPump*> open = open_;
  for (SocketPump* pump : open) pump->goAway();
}

}  // namespace weir::edge
