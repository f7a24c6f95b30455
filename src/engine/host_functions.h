// The engine's half of web/host.d.ts: the natives that touch an invocation. Arguments come from the bundle and are
// checked like anything else that a script can reach.
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::engine {

std::span<const js::Native> hostFunctions();

}  // namespace weir::engine
