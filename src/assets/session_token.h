// SessionToken: what a client shows to upload the files of a session, and afterwards to use them in a version: a JSON
// Web Token, signed with the session's own key (HMAC-SHA256). Clients read when it expires, and nothing else.
//
// Threads: pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::assets {

struct SessionToken {
  enum class Use : uint8_t {
    kUpload,  // of what the session lacks
    kVersion  // everything is there: a version may name it
  };

  std::string session;  // id
  std::string account;  // id
  Use use = Use::kUpload;
  int64_t expiresSeconds = 0;  // since 1970

  bool operator==(const SessionToken&) const = default;
};

using TokenKey = std::span<const std::byte>;

std::string signToken(const SessionToken& token, TokenKey key);

// What a token says, before anybody knows whether it is true: for finding the key. Nullopt: not a token of ours.
std::optional<SessionToken> readUnverified(std::string_view text);
// Whether it was signed with `key`. Takes as long for a wrong signature as for the right one.
bool isSignedWith(std::string_view text, TokenKey key);

}  // namespace weir::assets
