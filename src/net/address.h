// An IPv4 or IPv6 address with a port: a value.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::net {

// Where an address can be reached from, by the IANA special-purpose registries. Addresses that carry an IPv4 address
// inside (IPv4-mapped, IPv4-compatible, 6to4, NAT64) have the scope of that one.
enum class AddressScope {
  kGlobal,
  kUnspecified,  // 0.0.0.0/8, ::
  kLoopback,
  kPrivate,    // RFC 1918, fc00::/7, 100.64.0.0/10
  kLinkLocal,  // 169.254.0.0/16 (cloud metadata lives there), fe80::/10
  kMulticast,
  kReserved,  // documentation, benchmarking, 240.0.0.0/4, broadcast, everything else that is not the internet
};

class Address {
 public:
  Address() = default;  // 0.0.0.0:0

  // `text` is an IP literal; IPv6 with or without brackets, no zone.
  static std::optional<Address> fromIp(std::string_view text, uint16_t port);
  // "127.0.0.1:8787" or "[::1]:80". The error says what is wrong with it.
  static base::Result<Address> parse(std::string_view text);
  // Any AF_INET or AF_INET6 address of the kernel's.
  static std::optional<Address> fromSockaddr(const sockaddr* raw, socklen_t size);

  bool isIpv6() const { return raw_.any.sa_family == AF_INET6; }
  bool isIpv4() const { return raw_.any.sa_family == AF_INET; }
  uint16_t port() const;
  void setPort(uint16_t port);
  AddressScope scope() const;
  // The IPv4 address that an IPv6 one carries inside: packets to it may end there. Nullopt: it carries none.
  std::optional<Address> embeddedIpv4() const;

  // "127.0.0.1" or "::1"; an IPv4-mapped address prints as IPv4.
  std::string ip() const;
  // "127.0.0.1:80" or "[::1]:80".
  std::string format() const;

  const sockaddr* raw() const { return &raw_.any; }
  socklen_t rawSize() const { return isIpv6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }

  bool operator==(const Address& other) const;

 private:
  union Raw {
    Raw() : v6{} { v4.sin_family = AF_INET; }
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } raw_;
};

// A name or IP literal with a port, as in an authority: `host` has no brackets.
struct HostPort {
  std::string host;
  std::optional<uint16_t> port;
};

// "example.com", "example.com:80", "[::1]:80", "[::1]". Nullopt for anything else; the host is not checked further.
std::optional<HostPort> parseHostPort(std::string_view text);

}  // namespace weir::net
