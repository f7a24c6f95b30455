// The natives of web/host.d.ts that touch a WebSocket.
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::engine {

std::span<const js::Native> socketFunctions();

}  // namespace weir::engine
