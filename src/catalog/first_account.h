// The first account: every catalog has one, so that there is something to own what is made before anybody thinks of
// accounts.
#pragma once

#include "catalog/catalog.h"

namespace weir::catalog {

inline constexpr const char* kFirstAccountName = "local";  // and its subdomain

// The oldest account; made when there is none. Several processes may ask at once.
Result<Account> firstAccount(Catalog& catalog);

}  // namespace weir::catalog
