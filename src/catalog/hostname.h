// Host names as zones, routes and custom domains hold them: lower case, without a trailing dot, IDNs in their ASCII
// form.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::catalog {

inline constexpr size_t kHostnameBytesMax = 253;

// `text` in that form; nullopt when it is no host name (an IP address is none).
std::optional<std::string> normalizeHostname(std::string_view text);

// Whether `host` is `zone` or below it. Both normalized.
bool isInZone(std::string_view host, std::string_view zone);

// Whether `text` begins with `scheme`, "https://" in lower case, in whatever case `text` has it.
bool beginsWithScheme(std::string_view text, std::string_view scheme);

// A label that can be a subdomain for scripts, and the name of a script: lower-case letters, digits, dashes; starts
// with a letter.
bool isScriptName(std::string_view text);

}  // namespace weir::catalog
