// Metrics: what the platform did since it started, as counters and histograms, rendered in the Prometheus text format.
//
// A lane per loop, written by that loop alone with plain relaxed stores and read by whoever renders: a rendering may be
// a few requests behind, never wrong by more. What comes from outside the loops (engines) is counted apart.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "observe/sink.h"

namespace weir::logs {

class Metrics final : public observe::Sink {
 public:
  explicit Metrics(uint32_t loops);

  // On the loop's thread; facts from a loop beyond those of the constructor are not counted.
  void invocationFinished(uint32_t loop, const observe::InvocationFinished& fact) override;
  void requestFinished(uint32_t loop, const observe::RequestFinished& fact) override;
  void connectionOpened(uint32_t loop, const observe::ConnectionOpened& fact) override;
  void connectionClosed(uint32_t loop, const observe::ConnectionClosed& fact) override;
  // Any thread.
  void engineStarted(uint32_t loop, const observe::EngineStarted& fact) override;
  void engineDied(uint32_t loop, const observe::EngineDied& fact) override;
  void isolateStarted(uint32_t loop, const observe::IsolateStarted& fact) override;
  void isolateEnded(uint32_t loop, const observe::IsolateEnded& fact) override;
  void versionFailed(uint32_t loop, const observe::VersionFailed& fact) override;
  void catalogPublished(uint32_t loop, const observe::CatalogPublished& fact) override;

  // Appends all metrics, each with HELP and TYPE. Any thread.
  void renderPrometheus(std::string& out) const;

 private:
  using Counter = std::atomic<uint64_t>;

  // Bucket b counts times of at most 2^(b + 4) microseconds: 16 µs to 67 s, and one for what is longer.
  static constexpr size_t kBuckets = 24;
  static constexpr size_t bucketOf(uint64_t us) {
    const auto bits = static_cast<size_t>(us == 0 ? 0 : std::bit_width(us - 1));
    return bits <= 4 ? 0 : (bits - 4 < kBuckets ? bits - 4 : kBuckets - 1);
  }
  struct Histogram {
    std::array<Counter, kBuckets> counts{};
    Counter sumUs{0};
  };

  static constexpr size_t kClasses = 6;          // none, 1xx … 5xx
  static constexpr size_t kCodesPlatform = 300;  // 1000 …
  static constexpr size_t kCodesStatus = 200;    // 400 …

  struct alignas(64) Lane {
    std::array<Counter, wire::kOutcomeCount> invocations{};
    std::array<Counter, kClasses> requests{};
    std::array<Counter, kCodesPlatform + kCodesStatus> errorPages{};
    Histogram cpu;
    Histogram wall;
    Histogram requestWall;
    Counter requestBytes{0};
    Counter responseBytes{0};
    Counter failedOpen{0};
    Counter logLines{0};
    Counter exceptions{0};
    Counter connectionsOpened{0};
    Counter connectionsClosed{0};
  };
  struct Shared {
    Counter enginesStarted{0};
    std::array<Counter, observe::kEngineDeathCount> enginesDied{};
    Counter invocationsLost{0};
    std::array<Counter, 3> isolatesStarted{};
    std::array<Counter, 5> isolatesEnded{};
    Counter versionsFailed{0};
    Counter catalogGeneration{0};
    Counter catalogScripts{0};
  };

  // The only writer of a lane is its loop, so no read-modify-write is needed.
  static void bump(Counter& counter, uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  static void record(Histogram& histogram, uint64_t us) {
    bump(histogram.counts[bucketOf(us)]);
    bump(histogram.sumUs, us);
  }
  template <class Get>
  uint64_t sum(Get get) const {
    uint64_t total = 0;
    for (uint32_t i = 0; i < loops_; ++i) total += get(lanes_[i]).load(std::memory_order_relaxed);
    return total;
  }
  template <class Get>
  void renderHistogram(std::string& out, std::string_view name, std::string_view help, Get get) const;

  uint32_t loops_;
  std::unique_ptr<Lane[]> lanes_;
  Shared shared_;
};

}  // namespace weir::logs
