// UTF-8, Latin-1 and base64 for the encoding API and bodies (host.d.ts, pure functions).
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::web::encoding {

// In a fixed order; static storage.
std::span<const js::Native> natives();

}  // namespace weir::web::encoding
