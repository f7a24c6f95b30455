// FailedAttempts: slows down whoever tries tokens. A peer that has failed too often has to wait, and is then given one
// attempt at a time: guessing goes at the pace of `forgiveEvery`, however many connections it is done over.
//
// A peer is an IPv4 address, or the /64 of an IPv6 address, which is what one host is given. As many peers are
// remembered as `peersMax`; the one that has been quiet longest is forgotten first.
//
// Threads: one at a time. Time: never reads a clock; callers pass `now`, which does not go back.
#pragma once

#include <chrono>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace weir::control {

class FailedAttempts {
 public:
  struct Limits {
    uint32_t free = 20;                             // failures in a row that cost nothing
    std::chrono::milliseconds forgiveEvery{3'000};  // one failure is forgotten
    size_t peersMax = 10'000;
  };
  explicit FailedAttempts(const Limits& limits) : limits_(limits) {}

  // How long the peer has to wait before it may try again; 0: it may now.
  std::chrono::milliseconds waitOf(std::string_view ip, base::Instant now) const;
  // An attempt of the peer has failed.
  void add(std::string_view ip, base::Instant now);

  size_t peers() const { return peers_.size(); }

 private:
  // `until`: when all of its failures will be forgotten.
  struct Peer {
    std::string key;
    base::Instant until;
  };
  static std::string keyOf(std::string_view ip);

  const Limits limits_;
  std::list<Peer> byAge_;  // the one that failed last in front
  std::unordered_map<std::string, std::list<Peer>::iterator> peers_;
};

}  // namespace weir::control
