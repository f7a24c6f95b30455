// What an endpoint of the management API works with.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "catalog/catalog.h"
#include "catalog/keyring.h"
#include "control/upload_checks.h"
#include "sandbox/profile_store.h"

namespace weir::control {

// The parts all calls share. Borrowed but for the functions; any thread may use them.
struct ApiParts {
  const base::Clock& clock;
  base::Random& random;
  UploadChecks& checks;
  const sandbox::ProfileStore& profiles;
  catalog::Keyring& keys;
  // Waits until what the catalog says now is what every loop serves by.
  std::function<void()> publish;
  std::string workersHost;  // under which scripts answer, with the port that clients reach them on
  // Whether requests can be routed to a script of the account, wherever it is configured.
  std::function<bool(std::string_view account, std::string_view script)> isServed;
};

struct ApiContext {
  const ApiParts& parts;
  catalog::Catalog& catalog;  // the calling thread's
};

}  // namespace weir::control
