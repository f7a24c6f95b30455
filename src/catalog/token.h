// Token: what a client of the management API proves itself with. Its text is shown once, to whoever made it; the
// catalog keeps the SHA-256 of it, which is no help in finding a text of 256 random bits. Values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "catalog/account.h"
#include "catalog/secret_text.h"

namespace weir::catalog {

using TokenHash = std::array<std::byte, 32>;

enum class TokenAccess : uint8_t { kRead = 0, kWrite = 1 };

// What a token may do.
struct TokenScope {
  std::optional<std::string> account;  // id; none: every account
  TokenAccess access = TokenAccess::kWrite;
  std::vector<std::string> scripts;  // names; empty: the whole account
};

struct Token {
  std::string id;    // 32 hex digits
  std::string name;  // what people call it; unique among those of its account
  TokenScope scope;
  UnixMs createdMs = 0;
  std::optional<UnixMs> expiresMs;
  std::optional<UnixMs> usedMs;  // about: see Catalog::noteTokenUse
  std::string usedFrom;

  bool expired(UnixMs nowMs) const { return expiresMs && *expiresMs <= nowMs; }
};

struct NewToken {
  TokenHash hash{};
  std::string name;
  TokenScope scope;
  std::optional<UnixMs> expiresMs;
};

inline constexpr size_t kTokenNameBytesMax = 120;
inline constexpr size_t kTokenScriptsMax = 1'000;
inline constexpr size_t kTokensPerAccountMax = 1'000;

// "weir_" and 43 characters for 256 random bits.
SecretText newTokenText(base::Random& random);
// Of a text, whatever it is.
TokenHash tokenHash(std::string_view text);
// In a time that tells nothing of where they differ.
bool sameHash(const TokenHash& a, const TokenHash& b);

}  // namespace weir::catalog
