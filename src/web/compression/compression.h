// Compression and decompression of streams: gzip, deflate, deflate-raw by zlib, br by brotli (host.d.ts).
#pragma once

#include <span>

#include "js/natives.h"

namespace weir::web::compression {

// In a fixed order; static storage.
std::span<const js::Native> natives();

}  // namespace weir::web::compression
