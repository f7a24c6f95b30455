// ZoneRoutes: the routes of one zone, compiled for lookups. Immutable.
//
// Hosts that patterns name exactly, and suffixes that wildcard patterns end with, each with the paths they hold. For a
// host of the zone Routing asks the exact host first, then the suffixes from the longest on, and takes the first path
// that matches: hosts outrank paths, longer paths outrank shorter ones, a whole path outranks its prefix, one scheme
// outranks both.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/prefix_index.h"
#include "catalog/route_pattern.h"

namespace weir::catalog {

// What a route does with a request.
struct RouteAction {
  static constexpr uint32_t kOrigin = ~uint32_t{0};
  uint32_t script = kOrigin;  // an index of the routing; kOrigin: no script, the zone's origin
  bool failOpen = false;
};

struct CompiledRoute {
  RoutePattern pattern;
  RouteAction action;
};

class ZoneRoutes {
 public:
  // The paths of one host or wildcard: a range of the zone's.
  struct Paths {
    uint32_t begin = 0;
    uint32_t end = 0;
  };
  struct NamedPaths {
    uint32_t nameAt;
    uint32_t nameSize;
    uint64_t hash = 0;  // of the name; kept for whoever builds a table of names
    Paths paths;
  };
  // Wildcards below one name: "*.example.com" has an empty tail at example.com, "*cdn.example.com" the tail "cdn".
  struct NamedTails {
    uint32_t nameAt;
    uint32_t nameSize;
    uint64_t hash = 0;
    uint32_t begin;
    uint32_t end;
  };

  // Patterns differ and belong to `zone`.
  ZoneRoutes(std::string_view zone, const std::vector<CompiledRoute>& routes,
             const std::function<uint64_t(std::string_view)>& hashOf);

  std::span<const NamedPaths> hosts() const { return hosts_; }
  std::span<const NamedTails> suffixes() const { return suffixes_; }
  std::string_view text(uint32_t at, uint32_t size) const { return std::string_view(text_).substr(at, size); }

  // The action for a normalized target, or null. `label` is the host's label before the suffix.
  const RouteAction* findInHost(uint32_t host, Scheme scheme, std::string_view target) const {
    return findPath(hosts_[host].paths, scheme, target);
  }
  const RouteAction* findBelow(uint32_t suffix, std::string_view label, Scheme scheme, std::string_view target) const;
  // "*example.com" where example.com is the zone, and "*".
  const RouteAction* findAnywhere(Scheme scheme, std::string_view target) const;

  bool empty() const { return paths_.empty(); }

 private:
  struct Path {
    uint32_t at;
    uint32_t size;
    int32_t parent = kNoPrefix;
    uint32_t whole[3] = {kNone, kNone, kNone};  // actions by RoutePattern::Schemes
    uint32_t prefix[3] = {kNone, kNone, kNone};
  };
  struct Tail {
    uint32_t at;  // reversed
    uint32_t size;
    int32_t parent = kNoPrefix;
    Paths paths;
  };
  static constexpr uint32_t kNone = ~uint32_t{0};

  uint32_t keep(std::string_view text);
  Paths addPaths(std::span<const CompiledRoute* const> routes);
  const RouteAction* findPath(Paths range, Scheme scheme, std::string_view target) const;

  std::string text_;
  std::vector<NamedPaths> hosts_;
  std::vector<NamedTails> suffixes_;
  std::vector<Tail> tails_;
  std::vector<Path> paths_;
  std::vector<RouteAction> actions_;
  Paths ending_;  // "*zone"
  Paths all_;     // "*"
};

}  // namespace weir::catalog
