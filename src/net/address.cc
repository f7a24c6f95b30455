#include "net/address.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace weir::net {
namespace {

std::optional<uint16_t> parsePort(std::string_view text) {
  uint16_t port = 0;
  if (text.empty() || text.size() > 5) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

AddressScope scopeOfIpv4(uint32_t ip) {
  const auto in = [ip](uint32_t network, int bits) { return (ip >> (32 - bits)) == (network >> (32 - bits)); };
  if (in(0x00000000, 8)) return AddressScope::kUnspecified;
  if (in(0x7f000000, 8)) return AddressScope::kLoopback;
  if (in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16) || in(0x64400000, 10))
    return AddressScope::kPrivate;
  if (in(0xa9fe0000, 16)) return AddressScope::kLinkLocal;
  if (in(0xe0000000, 4)) return AddressScope::kMulticast;
  if (in(0xf0000000, 4) ||   // reserved, broadcast
      in(0xc0000000, 24) ||  // 192.0.0.0/24 protocol assignments
      in(0xc0000200, 24) ||  // 192.0.2.0/24 documentation
      in(0xc6336400, 24) ||  // 198.51.100.0/24 documentation
      in(0xcb007100, 24) ||  // 203.0.113.0/24 documentation
      in(0xc0586300, 24) ||  // 192.88.99.0/24 former 6to4 relays
      in(0xc6120000, 15)) {  // 198.18.0.0/15 benchmarking
    return AddressScope::kReserved;
  }
  return AddressScope::kGlobal;
}

uint32_t readBe32(const uint8_t* at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | uint32_t{at[3]};
}

// IPv4-mapped, IPv4-compatible, NAT64 and 6to4. :: and ::1 are addresses of their own.
std::optional<uint32_t> ipv4Within(const uint8_t (&ip)[16]) {
  static constexpr uint8_t kZero[15] = {};
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr uint8_t kNat64[12] = {0, 0x64, 0xff, 0x9b};
  if (std::memcmp(ip, kZero, 15) == 0 && ip[15] <= 1) return std::nullopt;
  if (std::memcmp(ip, kMapped, 12) == 0 || std::memcmp(ip, kZero, 12) == 0 || std::memcmp(ip, kNat64, 12) == 0)
    return readBe32(ip + 12);
  if (ip[0] == 0x20 && ip[1] == 0x02) return readBe32(ip + 2);
  return std::nullopt;
}

AddressScope scopeOfIpv6(const uint8_t (&ip)[16]) {
  static constexpr uint8_t kZero[15] = {};
  if (const auto inner = ipv4Within(ip)) return scopeOfIpv4(*inner);
  if (std::memcmp(ip, kZero, 15) == 0) return ip[15] == 0 ? AddressScope::kUnspecified : AddressScope::kLoopback;
  if (ip[0] == 0xff) return AddressScope::kMulticast;
  if ((ip[0] & 0xfe) == 0xfc) return AddressScope::kPrivate;
  if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) return AddressScope::kLinkLocal;
  if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0) return AddressScope::kPrivate;  // site-local, deprecated
  if ((ip[0] & 0xe0) != 0x20) return AddressScope::kReserved;                  // only 2000::/3 is handed out
  // 2001::/23 protocol assignments (Teredo and ORCHID among them), 2001:db8::/32 and 3fff::/20 documentation.
  if (ip[0] == 0x20 && ip[1] == 0x01 && (ip[2] & 0xfe) == 0) return AddressScope::kReserved;
  if (ip[0] == 0x20 && ip[1] == 0x01 && ip[2] == 0x0d && ip[3] == 0xb8) return AddressScope::kReserved;
  if (ip[0] == 0x3f && ip[1] == 0xff && (ip[2] & 0xf0) == 0) return AddressScope::kReserved;
  return AddressScope::kGlobal;
}

}  // namespace

std::optional<Address> Address::fromIp(std::string_view text, uint16_t port) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  }
  char terminated[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() > INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = 0;
  Address address;
  if (inet_pton(AF_INET, terminated, &address.raw_.v4.sin_addr) == 1) {
    address.raw_.v4.sin_family = AF_INET;
  } else {
    address.raw_ = Raw();
    if (inet_pton(AF_INET6, terminated, &address.raw_.v6.sin6_addr) != 1) return std::nullopt;
    address.raw_.v6.sin6_family = AF_INET6;
  }
  address.setPort(port);
  return address;
}

base::Result<Address> Address::parse(std::string_view text) {
  const auto error = [&](const char* what) {
    return base::Error{"'" + std::string(text) + "' " + what +
                       ": write ADDRESS:PORT, as in 127.0.0.1:8787 or [::1]:8787"};
  };
  const auto parts = parseHostPort(text);
  if (!parts) return error("is not an address");
  if (!parts->port) return error("has no port");
  const auto address = fromIp(parts->host, *parts->port);
  if (!address) return error("does not start with an IP address");
  return *address;
}

std::optional<Address> Address::fromSockaddr(const sockaddr* raw, socklen_t size) {
  Address address;
  if (raw->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    std::memcpy(&address.raw_.v4, raw, sizeof(sockaddr_in));
    return address;
  }
  if (raw->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    std::memcpy(&address.raw_.v6, raw, sizeof(sockaddr_in6));
    return address;
  }
  return std::nullopt;
}

uint16_t Address::port() const { return ntohs(isIpv6() ? raw_.v6.sin6_port : raw_.v4.sin_port); }

void Address::setPort(uint16_t port) { (isIpv6() ? raw_.v6.sin6_port : raw_.v4.sin_port) = htons(port); }

AddressScope Address::scope() const {
  if (isIpv6()) return scopeOfIpv6(raw_.v6.sin6_addr.s6_addr);
  return scopeOfIpv4(ntohl(raw_.v4.sin_addr.s_addr));
}

std::optional<Address> Address::embeddedIpv4() const {
  if (!isIpv6()) return std::nullopt;
  const auto inner = ipv4Within(raw_.v6.sin6_addr.s6_addr);
  if (!inner) return std::nullopt;
  Address address;
  address.raw_.v4.sin_addr.s_addr = htonl(*inner);
  address.setPort(port());
  return address;
}

std::string Address::ip() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (isIpv4()) {
    inet_ntop(AF_INET, &raw_.v4.sin_addr, text, sizeof text);
  } else if (IN6_IS_ADDR_V4MAPPED(&raw_.v6.sin6_addr)) {
    inet_ntop(AF_INET, raw_.v6.sin6_addr.s6_addr + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &raw_.v6.sin6_addr, text, sizeof text);
  }
  return text;
}

std::string Address::format() const {
  const std::string host = ip();
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port());
}

bool Address::operator==(const Address& other) const {
  if (raw_.any.sa_family != other.raw_.any.sa_family || port() != other.port()) return false;
  if (isIpv4()) return raw_.v4.sin_addr.s_addr == other.raw_.v4.sin_addr.s_addr;
  return std::memcmp(&raw_.v6.sin6_addr, &other.raw_.v6.sin6_addr, 16) == 0;
}

std::optional<HostPort> parseHostPort(std::string_view text) {
  HostPort parts;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    parts.host = text.substr(1, close - 1);
    if (parts.host.find(':') == std::string::npos) return std::nullopt;
    rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
  } else {
    const size_t colon = text.find(':');
    parts.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (parts.host.empty()) return std::nullopt;
  if (!rest.empty()) {
    parts.port = parsePort(rest.substr(1));
    if (!parts.port) return std::nullopt;
  }
  return parts;
}

}  // namespace weir::net
