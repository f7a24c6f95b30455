// TokenAuthenticator: clients prove themselves by a token of the catalog, as `Authorization: Bearer` or `X-Auth-Key`.
#pragma once

#include "base/clock.h"
#include "control/authenticator.h"

namespace weir::control {

class TokenAuthenticator final : public Authenticator {
 public:
  explicit TokenAuthenticator(const base::Clock& clock) : clock_(clock) {}

  base::Result<Principal, ApiError> authenticate(catalog::Catalog& catalog, const http::RequestHead& head,
                                                 std::string_view remoteIp) override;

 private:
  const base::Clock& clock_;
};

}  // namespace weir::control
