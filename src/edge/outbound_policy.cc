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

// Every address that connecting to this one may lead to. The unspecified one leads to this machine; an IPv6 address
// that carries an IPv4 one may be translated on the way.
std::vector<net::Address> leadsTo(const net::Address& address) {
  std::vector<net::Address> all{address};
  if (const auto inner = address.embeddedIpv4()) all.push_back(*inner);
  if (address.scope() == net::AddressScope::kUnspecified) {
    for (const char* loopback : {"127.0.0.1", "::1"}) all.push_back(*net::Address::fromIp(loopback, address.port()));
  }
  return all;
}

}  // namespace

uint16_t OutboundPolicy::refusesToAll(const net::Address& address) const {
  const auto all = leadsTo(address);
  const auto isOwn = [&](const net::Address& own) {
    if (own.port() != address.port()) return false;
    const bool every = own.scope() == net::AddressScope::kUnspecified;
    return std::any_of(all.begin(), all.end(), [&](const auto& each) {
      return own.ip() == each.ip() || (every && each.scope() == net::AddressScope::kLoopback);
    });
  };
  if (std::any_of(rules_.own.begin(), rules_.own.end(), isOwn)) return kPlatformsOwn;
  const auto isDenied = [&](const auto& each) { return holds(rules_.denied, each); };
  return std::any_of(all.begin(), all.end(), isDenied) ? kNotAccessible : 0;
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
