// CallChain: what a client's request and all the invocations it leads to inside this process share. Service bindings
// pass it on, so that a chain of scripts has one budget and one count of how deep it may still go.
//
// Threads: one loop's, as the invocations that share it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace weir::edge {

// At most so many invocations follow each other (reference/error-codes.md §3.1).
inline constexpr uint8_t kInvocationsMax = 16;

class CallChain {
 public:
  explicit CallChain(uint32_t requestsMax) : requestsMax_(requestsMax) {}

  // One more outbound request, redirects included. False: over the limit of the first script of the chain.
  [[nodiscard]] bool countRequest() { return requests_++ < requestsMax_; }

 private:
  uint64_t requests_ = 0;
  const uint32_t requestsMax_;
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
