// Request targets as routes match them: what a script sees as the path of its URL, in one spelling.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace weir::catalog {

// True: normalizeTarget would not change `target`. False: it has to be asked. Quick.
bool isNormalTarget(std::string_view target);

// Writes the normal form of `target` (a path with or without a query) and returns it; it is never longer, but for a
// slash at its beginning where there was none. Dot segments, written out or percent-encoded, are resolved and "\" is
// "/", as URL parsers do; percent-encoded letters, digits, "-._~", bytes above ASCII and characters that a URL cannot
// hold raw are decoded, other codes are in upper case. A query is kept as it is. `out` has room for `target.size()` + 1
// bytes.
std::string_view normalizeTarget(std::string_view target, std::span<char> out);

}  // namespace weir::catalog
