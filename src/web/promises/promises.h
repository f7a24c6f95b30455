// What JavaScript cannot see of its own values: a promise's state, a native error (host.d.ts, pure
// functions).
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::web::promises {

// In a fixed order; static storage.
std::span<const js::Native> natives();

}  // namespace weir::web::promises
