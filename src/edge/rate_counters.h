// RateCounters: what the rate limit bindings of all scripts have counted, on every loop and for every engine.
//
// A count is of one key in one space (`namespace_id`) of one account over one period. It slides: the part of the period
// before the current one that still lies within the last period counts as if it had been even, rounded up. So no more
// than the limit passes in any one period of even load, and a client that stops is let in again gradually. What is
// refused is not counted.
//
// Memory is bounded. Keys are kept as their hashes. Counts that no longer matter go first; when the table is full the
// account that asks for one more loses its least recently used count if it holds its share of the table, else the
// account that holds the most does: nobody can make another forget by counting many keys.
//
// Threads: any. One lock for the accounts of a shard, held for a look-up.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace weir::edge {

struct RateQuery {
  std::string_view account;  // id
  std::string_view space;
  std::string_view key;
  uint32_t limit = 0;
  uint32_t periodSeconds = 0;  // not 0
  uint32_t delta = 1;
};

class RateCounters {
 public:
  struct Limits {
    size_t shards = 16;
    size_t keysMax = 32'768;  // of a shard; about 150 bytes each
  };
  RateCounters() : RateCounters(Limits{}) {}
  explicit RateCounters(const Limits& limits);

  // True: fewer than `limit` were counted in the last period, and `delta` more are now.
  [[nodiscard]] bool take(const RateQuery& query, base::Instant now);

  // How many counts are kept.
  size_t size() const;

 private:
  using Digest = std::array<uint8_t, 16>;
  struct DigestHash {
    size_t operator()(const Digest& digest) const;
  };
  struct Count {
    Digest id{};
    int64_t periodMs = 0;
    int64_t window = 0;  // since when, in periods
    uint64_t current = 0;
    uint64_t previous = 0;

    void moveTo(int64_t nowMs);
    // In the last period, as seen from `nowMs`.
    uint64_t recent(int64_t nowMs) const;
    bool isOver(int64_t nowMs) const { return nowMs / periodMs > window + 1; }
  };
  struct Account {
    std::list<Count> counts;  // the most recently used first
    std::unordered_map<Digest, std::list<Count>::iterator, DigestHash> byId;

    Count& touch(std::list<Count>::iterator at);
    void dropLast();
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Account> accounts;
    size_t size = 0;
  };

  static Digest digestOf(const RateQuery& query);
  Count& find(Shard& shard, const RateQuery& query, const Digest& id, int64_t nowMs);
  void makeRoom(Shard& shard, const std::string& account, int64_t nowMs);
  void dropLast(Shard& shard, const std::string& account);

  const Limits limits_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace weir::edge
