// The character rules of RFC 9110 §5 and RFC 9112, in the strict reading: what may stand in names, values, targets.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/header_list.h"

namespace weir::http {

// A non-empty token: methods, field names.
bool isToken(std::string_view text);

// A field value: visible characters, spaces, tabs and bytes from 0x80; no other control, so no CR, LF or NUL.
bool isFieldValue(std::string_view text);

// A request target: no control, no space, no '#'. Bytes from 0x80 pass, because clients send them unescaped.
bool isTarget(std::string_view text);

// host or host:port, where host is an IPv6 literal in brackets or made of letters, digits and "-._~". Narrower than
// RFC 3986 on purpose: an escape or a comma in a host is an attempt at something.
bool isAuthority(std::string_view text);

// One field line without its line end. Nullopt for a folded line, a space before the colon, bad characters.
// The views borrow from `line`; the value is trimmed.
std::optional<Header> parseFieldLine(std::string_view line);

// Decimal digits only; nullopt for anything else and for values over 2^63 - 1.
std::optional<uint64_t> parseDecimal(std::string_view text);

}  // namespace weir::http
