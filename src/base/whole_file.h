// Small files that are read and replaced whole.
//
// Threads: any, but one writer per path.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::base {

// Replaces what is at `path`, or makes it, readable by its owner alone. The file is there as it was or as it is to be,
// whenever the process or the machine stops, and durable when this returns. Uses `path`.new meanwhile.
Status writeWholeFile(const std::string& path, std::span<const std::byte> bytes);
Status writeWholeFile(const std::string& path, std::string_view text);

// Nullopt: there is no such file. Error: it cannot be read, or is longer than `bytesMax`.
Result<std::optional<std::string>> readWholeFile(const std::string& path, size_t bytesMax);

}  // namespace weir::base
