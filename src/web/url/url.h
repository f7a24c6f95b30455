// WHATWG URL parsing, by ada (host.d.ts, pure functions).
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::web::url {

// In a fixed order; static storage.
std::span<const js::Native> natives();

}  // namespace weir::web::url
