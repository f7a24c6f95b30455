// What of a request may be written down (reference/observability.md §4.2): which headers are hidden, and which parts of
// a URL look like a secret.
//
// Threads: pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

namespace weir::logs {

inline constexpr std::string_view kRedacted = "REDACTED";

// True for `cookie`, `set-cookie` and every name that contains auth, jwt, key, secret or token. `name` in lower case.
bool isSecretHeader(std::string_view name);

// True if a maximal run of [A-Za-z0-9+_-] must not be written: 32 hex digits or more and no other letter; or 21
// characters or more with two each of upper case, lower case and digits; or 13 to 19 digits, no letter, that pass the
// Luhn check.
bool isSecretRun(std::string_view run);

// Position of the first such run in `url` at or after `from`, and its end; {npos, npos}: none.
struct SecretRun {
  size_t begin;
  size_t end;
};
SecretRun findSecretRun(std::string_view url, size_t from = 0);

// `url` with every such run replaced.
std::string redactUrl(std::string_view url);

}  // namespace weir::logs
