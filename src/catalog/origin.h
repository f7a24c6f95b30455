// Origin: the server behind a zone, "http://10.0.0.5:9000". A value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "catalog/error.h"

namespace weir::catalog {

struct Origin {
  bool https = false;
  std::string host;   // a name or an IP literal, IPv6 without brackets
  uint16_t port = 0;  // never 0 once parsed

  bool operator==(const Origin&) const = default;
};

// kBadZone with what is wrong. An origin has no path, query or user: requests keep their own path.
Result<Origin> parseOrigin(std::string_view text);
// What parseOrigin reads; the port only where it is not the scheme's.
std::string formatOrigin(const Origin& origin);

}  // namespace weir::catalog
