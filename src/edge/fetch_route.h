// FetchRoute: where a script's fetch() goes that names a host of this platform (reference/error-codes.md §3.3).
//
// A script stands before its zone: what it fetches of that zone goes on to what stands behind, the zone's origin or the
// script of a custom domain, and not to another script's route. Everything else of the platform is reached through the
// front door, as by any client; `global_fetch_strictly_public` makes that so for the own zone too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "catalog/routing.h"
#include "http/url.h"

namespace weir::edge {

// Who fetches.
struct FetchFrom {
  std::string_view zone;     // by name: the zone its request came by, or its account's part of the workers domain
  std::string_view account;  // id
  std::string_view script;
  bool strictlyPublic = false;
};

struct FetchRoute {
  enum class Way : uint8_t {
    kNetwork,    // no host of this platform
    kOrigin,     // of `zone`, which has one
    kFrontDoor,  // as from a client
    kBehind,     // the same, but past the zone's routes
    kError,      // `errorCode` answers
  };
  Way way = Way::kNetwork;
  uint16_t errorCode = 0;
  bool sameZone = false;
  const catalog::RoutedZone* zone = nullptr;  // lives as long as the routing
};

// Pure.
FetchRoute routeFetch(const catalog::Routing& routing, const FetchFrom& from, const http::Url& url);

}  // namespace weir::edge
