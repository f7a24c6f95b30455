// One event that a version handles, as the engine sees it: what is outstanding, what it used, how it will end.
//
// Threads: belongs to its isolate; touched only by the thread that runs the isolate's turn.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/socket.h"
#include "wire/message.h"

namespace weir::engine {

// Bytes that flow to JavaScript. No byte is asked of the platform before the script reads, so an untouched body never
// enters the engine.
struct InboundStream {
  std::deque<std::vector<uint8_t>> queue;
  size_t queuedBytes = 0;
  uint32_t uncreditedBytes = 0;  // consumed, not yet given back to the sender as credit
  bool opened = false;           // the first credit was sent
  bool wanted = false;           // the script waits: one pending event
  bool ended = false;
  bool cancelled = false;
  std::optional<std::string> error;
};

// Bytes that JavaScript produces.
struct OutboundStream {
  int64_t credit = wire::Bounds::kStreamWindowBytes;
  std::vector<uint8_t> waiting;  // the part of the last write that found no credit
  size_t waitingAt = 0;
  bool scriptWaits = false;  // one pending event
  bool replayable = false;   // `waiting` keeps what was sent: the body may be wanted once more
  bool endQueued = false;
  bool ended = false;
  bool cancelled = false;
};

struct Timer {
  uint32_t seq = 0;
  uint64_t deadlineNs = 0;  // on the monotonic clock
  double delayMs = 0;
  bool repeat = false;
};

struct Invocation {
  wire::InvocationId id;
  uint32_t seq = 0;
  uint32_t pending = 0;  // events that can still call back into the script
  uint64_t cpuNs = 0;    // summed over turns
  uint32_t subrequests = 0;
  bool responded = false;
  bool watched = false;  // the lane routes events to it and wants to know when it ends
  bool failOpen = false;
  bool touched = false;        // since the last hang check
  bool doneRequested = false;  // the script is done; the engine still sends what it holds of the body
  wire::Outcome outcome = wire::Outcome::kOk;
  std::map<wire::StreamId, InboundStream> inbound;
  std::map<wire::StreamId, OutboundStream> outbound;
  std::map<wire::StreamId, Socket> sockets;
  size_t socketBacklog = 0;         // bytes of them that wait for credit
  std::set<uint32_t> awaitedHeads;  // subrequests that have neither response nor failure
  uint32_t rateCalls = 0;           // begun
  std::set<uint32_t> awaitedRates;  // of them, those without an answer
  std::set<uint32_t> timers;
};

}  // namespace weir::engine
