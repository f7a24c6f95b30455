// Every pure native of the web API, in one order that never depends on the process: the snapshot's external
// references.
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::web {

// Static storage.
std::span<const js::Native> natives();

}  // namespace weir::web
