// Random bytes and digests, by OpenSSL (host.d.ts, pure functions).
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::web::crypto {

// In a fixed order; static storage.
std::span<const js::Native> natives();

}  // namespace weir::web::crypto
