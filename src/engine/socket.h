// One WebSocket of an invocation, as the engine sees it: the message that is being put together, and what waits for
// credit.
//
// Threads: belongs to its isolate, as its invocation does.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "wire/message.h"

namespace weir::engine {

struct Socket {
  // ---- in ----
  std::vector<uint8_t> partial;  // a message until its last piece comes
  int64_t credit = 0;            // what the platform may still send
  bool accepted = false;         // the script takes messages
  bool counted = false;          // something may still come: one pending event
  bool held = false;             // gets no credit while too much waits to go out
  bool peerClosed = false;       // the peer's close frame, or its loss, has been delivered

  // ---- out ----
  struct Message {
    wire::SocketMessageKind kind;
    std::vector<uint8_t> bytes;
  };
  int64_t sendCredit = wire::Bounds::kSocketWindowBytes;
  std::deque<Message> waiting;  // in order; of the first, `sentBytes` have gone
  size_t sentBytes = 0;
  size_t waitingBytes = 0;  // of all of them, with the cost of keeping each
  bool closing = false;     // close() was called
  uint16_t closeCode = 0;
  std::string closeReason;
  bool over = false;  // nothing can be sent any more: the close frame has gone, or the peer is lost
};

}  // namespace weir::engine
