// Sink: whoever wants to know. One method per fact, each empty by default.
//
// Threads: a fact arrives on the thread of the loop that reports it, named by `loop`, so that a sink can keep a lane
// per loop and share nothing; what does not come from a loop says kNoLoop and may come on any thread. Sinks must not
// wait: they are called in the request path. Views in a fact die when the call returns.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "observe/facts.h"

namespace weir::observe {

inline constexpr uint32_t kNoLoop = ~uint32_t{0};

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void invocationFinished(uint32_t loop, const InvocationFinished& fact) {}
  virtual void requestFinished(uint32_t loop, const RequestFinished& fact) {}
  virtual void connectionOpened(uint32_t loop, const ConnectionOpened& fact) {}
  virtual void connectionClosed(uint32_t loop, const ConnectionClosed& fact) {}
  virtual void engineStarted(uint32_t loop, const EngineStarted& fact) {}
  virtual void engineConfined(uint32_t loop, const EngineConfined& fact) {}
  virtual void engineSaid(uint32_t loop, const EngineSaid& fact) {}
  virtual void engineDied(uint32_t loop, const EngineDied& fact) {}
  virtual void scriptConfined(uint32_t loop, const ScriptConfined& fact) {}
  virtual void isolateStarted(uint32_t loop, const IsolateStarted& fact) {}
  virtual void isolateEnded(uint32_t loop, const IsolateEnded& fact) {}
  virtual void versionFailed(uint32_t loop, const VersionFailed& fact) {}
  virtual void versionChecked(uint32_t loop, const VersionChecked& fact) {}
  virtual void catalogPublished(uint32_t loop, const CatalogPublished& fact) {}
};

// Passes every fact on to several sinks, in order. The sinks are borrowed and outlive this.
class FanOut final : public Sink {
 public:
  explicit FanOut(std::vector<Sink*> sinks) : sinks_(std::move(sinks)) {}

  void invocationFinished(uint32_t loop, const InvocationFinished& fact) override {
    for (Sink* sink : sinks_) sink->invocationFinished(loop, fact);
  }
  void requestFinished(uint32_t loop, const RequestFinished& fact) override {
    for (Sink* sink : sinks_) sink->requestFinished(loop, fact);
  }
  void connectionOpened(uint32_t loop, const ConnectionOpened& fact) override {
    for (Sink* sink : sinks_) sink->connectionOpened(loop, fact);
  }
  void connectionClosed(uint32_t loop, const ConnectionClosed& fact) override {
    for (Sink* sink : sinks_) sink->connectionClosed(loop, fact);
  }
  void engineStarted(uint32_t loop, const EngineStarted& fact) override {
    for (Sink* sink : sinks_) sink->engineStarted(loop, fact);
  }
  void engineConfined(uint32_t loop, const EngineConfined& fact) override {
    for (Sink* sink : sinks_) sink->engineConfined(loop, fact);
  }
  void engineSaid(uint32_t loop, const EngineSaid& fact) override {
    for (Sink* sink : sinks_) sink->engineSaid(loop, fact);
  }
  void engineDied(uint32_t loop, const EngineDied& fact) override {
    for (Sink* sink : sinks_) sink->engineDied(loop, fact);
  }
  void scriptConfined(uint32_t loop, const ScriptConfined& fact) override {
    for (Sink* sink : sinks_) sink->scriptConfined(loop, fact);
  }
  void isolateStarted(uint32_t loop, const IsolateStarted& fact) override {
    for (Sink* sink : sinks_) sink->isolateStarted(loop, fact);
  }
  void isolateEnded(uint32_t loop, const IsolateEnded& fact) override {
    for (Sink* sink : sinks_) sink->isolateEnded(loop, fact);
  }
  void versionFailed(uint32_t loop, const VersionFailed& fact) override {
    for (Sink* sink : sinks_) sink->versionFailed(loop, fact);
  }
  void versionChecked(uint32_t loop, const VersionChecked& fact) override {
    for (Sink* sink : sinks_) sink->versionChecked(loop, fact);
  }
  void catalogPublished(uint32_t loop, const CatalogPublished& fact) override {
    for (Sink* sink : sinks_) sink->catalogPublished(loop, fact);
  }

 private:
  std::vector<Sink*> sinks_;
};

}  // namespace weir::observe
