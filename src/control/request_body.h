// The content of a request body whose Content-Encoding is gzip.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/api_error.h"

namespace weir::control {

// What expands to more than `bytesMax`, or is no gzip, is refused; memory use stays within that bound.
base::Result<std::string, ApiError> gunzip(std::string_view body, uint64_t bytesMax);

}  // namespace weir::control
