#include "target.h"

// For targets whose corpus is files alone.
std::vector<std::vector<uint8_t>> weir::fuzz::seeds() { return {}; }
