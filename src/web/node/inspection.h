// What only the engine knows of a value: its kind behind every prototype, what a Proxy, a Promise or a weak collection
// holds. For Node's library (binding.js), which formats and compares values with it.
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::web::node {

// In a fixed order; static storage.
std::span<const js::Native> natives();

}  // namespace weir::web::node
