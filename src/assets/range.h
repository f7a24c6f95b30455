// Range: which part of a file a request asks for (RFC 9110 §14), one range of bytes.
//
// Threads: pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::assets {

struct ByteRange {
  enum class Kind : uint8_t {
    kWhole,  // none asked for, or not one that is served: several, another unit, not understood
    kPart,
    kUnsatisfiable,  // behind the end
  };
  Kind kind = Kind::kWhole;
  uint64_t from = 0;
  uint64_t to = 0;  // behind the last byte
};

// `field` is the value of Range, `size` that of the whole.
ByteRange parseRange(std::string_view field, uint64_t size);

}  // namespace weir::assets
