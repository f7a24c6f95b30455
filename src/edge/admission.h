// Admission: whether a routed request runs its script, goes to the origin, or is answered by a page.
//
// In this order: is there a script at all (1042, 1022) → does it claim to come from somebody else (1000) → is it or its
// account stopped (1103) → is the loop counter used up (1019) → is the day's quota, on a route that fails open (to the
// origin, which then no limit concerns) → the burst limit (1015) → the day's quota (1027).
//
// Threads: any; the meters are shared.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "catalog/routing.h"
#include "http/header_list.h"

namespace weir::edge {

struct Admission {
  enum class Way : uint8_t { kScript, kOrigin, kPage };
  Way way = Way::kPage;
  uint16_t page = 0;                                // kPage: an error code
  uint32_t retryAfterSeconds = 0;                   // of the page; 0: the code's own
  uint8_t invocationsLeft = 0;                      // kScript: before this one
  const catalog::RoutedVersion* version = nullptr;  // kScript; null for a preview
};

// `request` names the request where its version is chosen by chance. Counts the request when the script is to run.
Admission admit(const catalog::Match& match, const http::HeaderList& headers, std::string_view request,
                base::Instant now, const base::Clock& clock);

// The version that `admit` would choose, if its static assets may answer in its Worker's place: nothing is stopped, and
// the version has some. Counts nothing: assets are free of quotas. Null: there is none.
const catalog::RoutedVersion* versionWithAssets(const catalog::Match& match, const http::HeaderList& headers,
                                                std::string_view request);

}  // namespace weir::edge
