// Placement: where one loop sends the invocations of one version.
//
// Every version has an order of engine slots of its own (rendezvous hashing: a slot that comes or goes moves only the
// versions that are on it). The first slot is its home, and gets everything as long as it keeps up. When what was sent
// there has gone unanswered for longer than `queueMax`, further invocations go to the next slot of the order, and so
// on; when all in use are behind, to the one with the fewest unanswered. As soon as home has caught up it gets
// everything again: replicas are a matter of load and need no decision to be taken back.
//
// A slot where the version has not answered yet is cold: it may take `coldMax` before it counts as behind, and slots
// are taken into use one by one, `growEvery` apart, so that a burst does not start the version everywhere at once.
//
// A value without clock or engine. Costs nothing while home keeps up: no allocation, one look at one slot.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace weir::sandbox {

struct PlacementLimits {
  std::chrono::microseconds queueMax{10'000};
  std::chrono::milliseconds coldMax{500};
  std::chrono::milliseconds growEvery{20};
};

inline constexpr uint32_t kSlotsMax = 64;

// The slots 0 … count - 1 in the order of version `number`.
inline std::vector<uint8_t> slotOrder(uint64_t number, uint32_t count) {
  const auto mix = [](uint64_t x) {  // the finaliser of MurmurHash3, public domain
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
  };
  std::vector<uint8_t> order;
  for (uint32_t slot = 0; slot < std::min(count, kSlotsMax); ++slot) order.push_back(static_cast<uint8_t>(slot));
  const auto score = [&](uint8_t slot) { return mix(number * 0x9e3779b97f4a7c15ULL + slot + 1); };
  std::sort(order.begin(), order.end(), [&](uint8_t a, uint8_t b) { return score(a) > score(b); });
  return order;
}

class Placement {
 public:
  struct Choice {
    uint32_t slot;
    uint32_t rank;  // of the slot in the order; for `sent` and `answered`
  };
  static constexpr uint32_t kNone = ~uint32_t{0};  // as a slot

  // `isUsable(slot)`: whether it has an engine that takes invocations. {kNone, …} when no slot of the order is usable.
  template <class IsUsable>
  Choice choose(const std::vector<uint8_t>& order, base::Instant now, const PlacementLimits& limits,
                IsUsable&& isUsable) {
    Choice best{kNone, 0};
    uint32_t fewest = ~uint32_t{0};
    for (uint32_t rank = 0; rank < order.size(); ++rank) {
      if (!isUsable(order[rank])) continue;
      if (rank >= lanes_.size()) {
        if (best.slot != kNone) {
          if (now < growAt_) break;
          growAt_ = now + limits.growEvery;
        }
        lanes_.resize(rank + 1);
        return {order[rank], rank};
      }
      const Lane& lane = lanes_[rank];
      if (lane.keepsUp(now, limits)) return {order[rank], rank};
      if (lane.unanswered < fewest) {
        fewest = lane.unanswered;
        best = {order[rank], rank};
      }
    }
    return best;
  }

  // An invocation went there.
  void sent(uint32_t rank, base::Instant now) {
    Lane& lane = lanes_[rank];
    if (lane.unanswered++ == 0) lane.progressAt = now;
  }
  // The engine has said the first thing about an invocation that was sent at `sentAt`.
  void answered(uint32_t rank, base::Instant sentAt, base::Instant now) {
    Lane& lane = lanes_[rank];
    --lane.unanswered;
    lane.progressAt = now;
    if (!lane.warm) {
      lane.warm = true;
      lane.warmAt = now;
    }
    lane.lastWait = now - std::max(sentAt, lane.warmAt);
  }
  // It ended before the engine had said anything: the engine died, for one.
  void lost(uint32_t rank) {
    Lane& lane = lanes_[rank];
    --lane.unanswered;
    lane.warm = false;
    lane.lastWait = {};
  }

 private:
  struct Lane {
    uint32_t unanswered = 0;
    bool warm = false;  // the version has answered there
    base::Instant warmAt{};
    base::Instant progressAt{};           // of the last answer, or of the first unanswered invocation
    std::chrono::nanoseconds lastWait{};  // of the last answer

    bool keepsUp(base::Instant now, const PlacementLimits& limits) const {
      if (unanswered == 0) return true;
      const std::chrono::nanoseconds bound =
          warm ? std::chrono::nanoseconds(limits.queueMax) : std::chrono::nanoseconds(limits.coldMax);
      return now - progressAt <= bound && lastWait <= bound;
    }
  };

  std::vector<Lane> lanes_;  // by rank, those in use so far
  base::Instant growAt_{};
};

}  // namespace weir::sandbox
