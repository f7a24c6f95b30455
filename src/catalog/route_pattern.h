// RoutePattern: "https://*.example.com/images/*" taken apart. A value.
//
// The scheme is optional. The host may start with `*` (the zone's host and everything below it) or `*.` (only what is
// below), and `*` alone is every host of the zone. The path may end with `*`; without one it is matched whole, query
// string included. No other wildcard exists.
#pragma once

#include <string>
#include <string_view>

#include "catalog/error.h"

namespace weir::catalog {

enum class Scheme : uint8_t { kHttp = 0, kHttps = 1 };

struct RoutePattern {
  enum class Schemes : uint8_t { kHttp = 0, kHttps = 1, kBoth = 2 };
  enum class Hosts : uint8_t {
    kOne,     // `host`
    kBelow,   // "*.host"
    kEnding,  // "*host": every host that ends with this text
    kAll,     // "*"; `host` is empty
  };

  Schemes schemes = Schemes::kBoth;
  Hosts hosts = Hosts::kOne;
  std::string host;         // normalized
  std::string path;         // normalized (route_target.h), without the wildcard; starts with "/"
  bool pathPrefix = false;  // a wildcard follows

  bool operator==(const RoutePattern&) const = default;
};

inline constexpr size_t kRoutePathBytesMax = 1024;

// kBadRoute with what is wrong, also when the pattern reaches beyond `zone`.
Result<RoutePattern> parseRoutePattern(std::string_view text, std::string_view zone);

// The one spelling of a pattern: two patterns that match the same have the same.
std::string formatRoutePattern(const RoutePattern& pattern);

}  // namespace weir::catalog
