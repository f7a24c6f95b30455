#include "net/address_range.h"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir::net {

namespace {

constexpr int kMappedBits = 96;

std::array<uint8_t, 16> bytesOf(const Address& address) {
  std::array<uint8_t, 16> bytes{};
  if (address.isIpv6()) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_addr, bytes.size());
  } else {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in*>(address.raw())->sin_addr, 4);
  }
  return bytes;
}

}  // namespace

base::Result<AddressRange> AddressRange::parse(std::string_view text) {
  const auto error = [&] {
    return base::Error{"'" + std::string(text) + "' is not an address range: write 10.0.0.0/8, fd00::/8 or 127.0.0.1"};
  };
  const size_t slash = text.find('/');
  const auto address = Address::fromIp(text.substr(0, slash), 0);
  if (!address) return error();
  const int most = address->isIpv6() ? 128 : 32;
  int bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (failure != std::errc() || end != digits.data() + digits.size() || bits < 0 || bits > most) return error();
  }
  AddressRange range;
  range.prefix_ = bytesOf(*address);
  range.bits_ = address->isIpv6() ? bits : kMappedBits + bits;
  return range;
}

bool AddressRange::contains(const Address& address) const {
  const auto bytes = bytesOf(address);
  const size_t whole = static_cast<size_t>(bits_) / 8;
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(whole), prefix_.begin())) return false;
  const int rest = bits_ % 8;
  return rest == 0 || ((bytes[whole] ^ prefix_[whole]) >> (8 - rest)) == 0;
}

}  // namespace weir::net
