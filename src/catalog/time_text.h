// Times as clients write them (RFC 3339).
#pragma once

#include <optional>
#include <string_view>

#include "catalog/account.h"

namespace weir::catalog {

// "2026-01-31", at 00:00 UTC, or "2026-01-31T12:00:00.5Z", "…+02:00". Nullopt: it is no time, or one before 1970.
std::optional<UnixMs> parseTime(std::string_view text);

}  // namespace weir::catalog
