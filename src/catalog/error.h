// What the catalog answers when it cannot do what was asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/text.h"

namespace weir::catalog {

// The numbers are those of the management API (reference/error-codes.md §4), so that it has nothing to translate.
enum class Situation : uint32_t {
  kTokenNotFound = 1001,
  kBadToken = 1002,
  kTokenExists = 1003,
  kTooManyTokens = 1004,
  kZoneExists = 1061,
  kBadZone = 1099,
  kZoneNotFound = 7003,
  kStoreFailed = 10002,  // the message says why; what was asked for did not happen
  kScriptNotFound = 10007,
  kRouteNotFound = 10009,
  kBadScriptName = 10016,
  kRouteWithoutScript = 10019,
  kDuplicateRoute = 10020,
  kBadRoute = 10022,
  kTooLarge = 10027,
  kSubdomainTaken = 10031,
  kBadSubdomain = 10033,
  kConcurrentChange = 10035,  // nothing changed; asking again may work
  kTooManyScripts = 10037,
  kNoSubdomain = 10063,
  kVersionNotFound = 10071,
  kTooManySchedules = 10072,
  kTooManyRoutes = 10073,
  kBadSchedule = 10100,
  kScriptInUse = 10142,
  kBadDeployment = 10210,
  kBadAsset = 10301,
  kAssetSessionNotFound = 10302,
  kDomainOutsideZone = 100112,
  kBadHostname = 100113,
  kDomainNotFound = 100114,
  kDuplicateDomain = 100116,
  kTooManyDomains = 100122,
  // No tenant meets these: accounts are the operator's.
  kAccountNotFound = 900001,
  kAccountExists = 900002,
  kAccountInUse = 900003,
  kBadAccount = 900004,
};

struct Error {
  Situation situation = Situation::kStoreFailed;
  std::string message;  // one line that says what to do
};

// A caller's text as it may stand in a message: at most 256 bytes, control characters as '?'.
inline std::string shown(std::string_view text) { return base::withoutControls(std::string(text.substr(0, 256))); }

template <class T>
using Result = base::Result<T, Error>;
using Status = Result<base::Nothing>;

}  // namespace weir::catalog
