#include "net/interfaces.h"

#include <ifaddrs.h>

#include <memory>

namespace weir::net {

std::vector<Address> reachableAddresses(const Address& listening) {
  if (listening.scope() != AddressScope::kUnspecified) return {listening};
  std::vector<Address> all{listening};
  for (const char* loopback : {"127.0.0.1", "::1"}) all.push_back(*Address::fromIp(loopback, listening.port()));
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return all;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, ::freeifaddrs);
  for (const ifaddrs* each = list.get(); each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const int family = each->ifa_addr->sa_family;
    if (family != AF_INET && (family != AF_INET6 || !listening.isIpv6())) continue;
    auto address =
        Address::fromSockaddr(each->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (!address) continue;
    address->setPort(listening.port());
    all.push_back(*address);
  }
  return all;
}

}  // namespace weir::net
