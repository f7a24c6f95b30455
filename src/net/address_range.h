// AddressRange: addresses that share a prefix, in CIDR notation. A value.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace weir::net {

class AddressRange {
 public:
  // "10.0.0.0/8", "fd00::/8", or one address: "127.0.0.1". Bits behind the prefix are ignored. The error says what to
  // write.
  static base::Result<AddressRange> parse(std::string_view text);

  // Whatever the port. An IPv4-mapped IPv6 address counts as the IPv4 address it carries.
  bool contains(const Address& address) const;

 private:
  std::array<uint8_t, 16> prefix_{};  // IPv4 as mapped IPv6
  int bits_ = 0;                      // of the 128
};

}  // namespace weir::net
