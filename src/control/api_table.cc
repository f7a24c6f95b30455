#include "control/api_table.h"

namespace weir::control {

std::vector<Endpoint> apiEndpoints() {
  std::vector<Endpoint> all;
  for (const auto& list : {userEndpoints(), scriptEndpoints(), versionEndpoints(), deploymentEndpoints(),
                           settingsEndpoints(), profileEndpoints(), secretEndpoints(), assetEndpoints(),
                           serviceEndpoints(), workerEndpoints(), triggerEndpoints()}) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

}  // namespace weir::control
