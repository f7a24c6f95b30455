// EngineSeat: one loop's end of one engine: it hears when the engine has spoken, and counts what the loop runs there.
//
// Threads: its loop's. Made when the loop is told to use the engine; dropped when the engine has ended, after every
// invocation on it was lost.
#pragma once

#include <unistd.h>

#include <functional>
#include <memory>
#include <utility>

#include "edge/engine_feed.h"
#include "net/loop.h"
#include "sandbox/engine_link.h"

namespace weir::edge {

class EngineSeat final : private net::FdHandler {
 public:
  // `onSpoken`: there may be effects to read.
  EngineSeat(net::Loop& loop, uint32_t loopIndex, std::shared_ptr<sandbox::EngineLink> engine,
             std::function<void(EngineSeat&)> onSpoken)
      : link(std::move(engine)),
        feed(loop, *link),
        reader(link->reader(loopIndex)),
        loop_(loop),
        use_(link->use(loopIndex)),
        descriptor_(link->wakeDescriptor(loopIndex)),
        onSpoken_(std::move(onSpoken)) {
    loop_.watch(descriptor_, EPOLLIN, *this);
  }
  ~EngineSeat() { loop_.unwatch(descriptor_, *this); }

  EngineSeat(const EngineSeat&) = delete;
  EngineSeat& operator=(const EngineSeat&) = delete;

  void invocationStarted() { use_.inFlight.store(++inFlight_, std::memory_order_relaxed); }
  void invocationEnded() { use_.inFlight.store(--inFlight_, std::memory_order_release); }

  // The loop starts nothing here any more.
  void leave() { use_.left.store(true, std::memory_order_release); }
  // The engine has ended, and so have these invocations.
  void lose(uint32_t invocations) {
    use_.lost.store(invocations, std::memory_order_relaxed);
    leave();
    use_.gone.store(true, std::memory_order_release);
  }

  const std::shared_ptr<sandbox::EngineLink> link;
  EngineFeed feed;
  wire::RingReader& reader;

 private:
  void onReady(uint32_t) override {
    uint64_t count = 0;
    if (::read(descriptor_, &count, sizeof count) < 0) {
    }  // it is non-blocking; another wake-up may have emptied it
    onSpoken_(*this);
  }

  net::Loop& loop_;
  sandbox::EngineLink::LoopUse& use_;
  const int descriptor_;
  const std::function<void(EngineSeat&)> onSpoken_;
  uint32_t inFlight_ = 0;
};

}  // namespace weir::edge
