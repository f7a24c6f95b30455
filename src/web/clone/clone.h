// The structured clone algorithm and ArrayBuffer detaching (host.d.ts, pure functions).
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::web::clone {

// In a fixed order; static storage.
std::span<const js::Native> natives();

}  // namespace weir::web::clone
