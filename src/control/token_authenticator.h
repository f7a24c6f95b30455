// TokenAuthenticator: the tokens of the catalog, as `Authorization: Bearer TEXT`, or as `X-Auth-Key: TEXT` with any
// `X-Auth-Email` beside it, which wins where both are there. Whoever fails too often is made to wait (FailedAttempts);
// a token that was good within the last hour is looked at all the same, so that one client's mistakes do not lock out
// another behind the same address.
//
// Threads: any, several at once.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "control/authenticator.h"
#include "control/failed_attempts.h"

namespace weir::control {

class TokenAuthenticator final : public Authenticator {
 public:
  // `clock` is borrowed.
  explicit TokenAuthenticator(const base::Clock& clock, const FailedAttempts::Limits& attempts = {})
      : clock_(clock), failed_(attempts) {}

  base::Result<Principal, ApiError> authenticate(catalog::Catalog& catalog, const http::RequestHead& head,
                                                 std::string_view remoteIp) override;

 private:
  // Whether the hash is of a token that was good not long ago.
  bool isKnown(const std::string& hash, base::Instant now);
  void learn(const std::string& hash, base::Instant now);

  const base::Clock& clock_;
  std::mutex mutex_;  // guards the rest
  FailedAttempts failed_;
  // When each was last seen, by the hash of its text, as bytes. Few: only good ones come in.
  std::unordered_map<std::string, base::Instant> known_;
};

}  // namespace weir::control
