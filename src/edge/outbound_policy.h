// OutboundPolicy: which addresses scripts may reach. Asked with the address that is about to be connected to, so
// neither a name that resolves anew nor a redirect gets around it (reference/error-codes.md §3.4).
//
// What the internet cannot reach, scripts cannot reach either, unless the operator allows it; what the operator denies
// is refused in any case.
//
// Threads: any, once it is complete.
#pragma once

#include <vector>

#include "http/client.h"
#include "net/address_range.h"

namespace weir::edge {

class OutboundPolicy final : public http::AddressPolicy {
 public:
  struct Rules {
    std::vector<net::AddressRange> allowed;  // beside the internet
    std::vector<net::AddressRange> denied;   // in any case
    std::vector<net::Address> own;           // the platform's: requests to its hosts do not go over the network
  };
  explicit OutboundPolicy(Rules rules) : rules_(std::move(rules)) {}
  OutboundPolicy(const OutboundPolicy&) = delete;
  OutboundPolicy& operator=(const OutboundPolicy&) = delete;

  // 0, or the numbered error that answers in the place of the host: 1021 for one that scripts may not reach, 1024 for
  // the platform itself.
  uint16_t refuses(const net::Address& address, std::string_view host) const override;

  // For the origins of zones. The operator names them, so they may be inside the operator's network; the platform
  // itself and what is denied are refused to them too: where a name leads is not the operator's to say.
  const http::AddressPolicy& ofOrigins() const { return origins_; }

  // Before anybody asks.
  void addOwn(const net::Address& address) { rules_.own.push_back(address); }

  // The same for a URL's host, before it is resolved: 1003 for an IP literal, unless the operator allows it.
  uint16_t refusesHost(std::string_view host) const;

 private:
  struct Origins final : http::AddressPolicy {
    explicit Origins(const OutboundPolicy& policy) : policy(policy) {}
    uint16_t refuses(const net::Address& address, std::string_view) const override {
      return policy.refusesToAll(address);
    }
    const OutboundPolicy& policy;
  };
  uint16_t refusesToAll(const net::Address& address) const;

  Rules rules_;
  const Origins origins_{*this};
};

}  // namespace weir::edge
