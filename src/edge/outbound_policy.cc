#include "edge/outbound_policy.h"

#include <algorithm>

namespace weir::edge {

namespace {

constexpr uint16_t kDirectIp = 1003;
constexpr uint16_t kNotAccessible = 1021;
constexpr uint16_t kPlatformsOwn = 1024;

bool holds(const std::vector<net::AddressRange>& ranges, const net::Address& address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) { return range.contains(address); });
}

}  // namespace

uint16_t OutboundPolicy::refusesToAll(const net::Address& address) const {
  const auto isOwn = [&](const net::Address& own) {
    if (own.port() != address.port()) return false;
    const bool every = own.scope() == net::AddressScope::kUnspecified;
    return own.ip() == address.ip() || (every && address.scope() == net::AddressScope::kLoopback);
  };
  if (std::any_of(rules_.own.begin(), rules_.own.end(), isOwn)) return kPlatformsOwn;
  return holds(rules_.denied, address) ? kNotAccessible : 0;
}

uint16_t OutboundPolicy::refuses(const net::Address& address, std::string_view) const {
  if (const uint16_t code = refusesToAll(address)) return code;
  if (address.scope() == net::AddressScope::kGlobal || holds(rules_.allowed, address)) return 0;
  return kNotAccessible;
}

uint16_t OutboundPolicy::refusesHost(std::string_view host) const {
  const auto literal = net::Address::fromIp(host, 0);
  return literal && !holds(rules_.allowed, *literal) ? kDirectIp : 0;
}

}  // namespace weir::edge
