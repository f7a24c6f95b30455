// CallChain: what a client's request and all the invocations it leads to inside this process share. Service bindings
// pass it on, so that a chain of scripts has one budget and one count of how deep it may still go.
//
// Threads: one loop's, as the invocations that share it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

namespace weir::edge {

// At most so many invocations follow each other (reference/error-codes.md §3.1).
inline constexpr uint8_t kInvocationsMax = 16;

class CallChain {
 public:
  // Has requests that cannot be sent before another's response head has come.
  class Waiter {
   public:
    // Takes what places it can use.
    virtual void onPlace() = 0;

   protected:
    ~Waiter() = default;
  };

  explicit CallChain(uint32_t requestsMax) : requestsMax_(requestsMax) {}

  // One more outbound request, redirects included. False: over the limit of the first script of the chain.
  [[nodiscard]] bool countRequest() { return requests_++ < requestsMax_; }

  // A place among the few requests that wait for their response heads (limits.md §8). False: `waiter`, which is
  // borrowed, is told when there is one.
  [[nodiscard]] bool takePlace(Waiter& waiter) {
    if (awaitingHead_ < kAwaitingHeadMax) return ++awaitingHead_, true;
    if (std::find(waiters_.begin(), waiters_.end(), &waiter) == waiters_.end()) waiters_.push_back(&waiter);
    return false;
  }
  // Whoever has waited longest is told before it returns.
  void givePlace() {
    --awaitingHead_;
    while (awaitingHead_ < kAwaitingHeadMax && !waiters_.empty()) {
      Waiter& next = *waiters_.front();
      waiters_.pop_front();
      next.onPlace();
    }
  }
  void forget(Waiter& waiter) { std::erase(waiters_, &waiter); }

 private:
  static constexpr uint32_t kAwaitingHeadMax = 6;

  uint64_t requests_ = 0;
  const uint32_t requestsMax_;
  uint32_t awaitingHead_ = 0;
  std::deque<Waiter*> waiters_;
};

// What an invocation that a service binding starts has from its caller.
struct InheritedCall {
  std::string entrypoint;  // of the version; empty: the default export
  std::string props;       // JSON; empty: none
  std::string zone;        // of the first script of the chain
  std::shared_ptr<CallChain> chain;
  uint8_t invocationsLeft = kInvocationsMax;  // with this one
};

}  // namespace weir::edge
