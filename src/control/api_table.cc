#include "control/api_table.h"

namespace weir::control {

std::vector<Endpoint> apiEndpoints() {
  std::vector<Endpoint> all;
  const auto add = [&](const std::vector<Endpoint>& list) { all.insert(all.end(), list.begin(), list.end()); };
  add(userEndpoints());
  add(accountEndpoints());
  add(tokenEndpoints());
  add(auditEndpoints());
  add(zoneEndpoints());
  add(routeEndpoints());
  add(domainEndpoints());
  add(scriptEndpoints());
  add(versionEndpoints());
  add(deploymentEndpoints());
  add(settingsEndpoints());
  add(profileEndpoints());
  add(secretEndpoints());
  add(assetEndpoints());
  add(serviceEndpoints());
  add(workerEndpoints());
  add(namespaceEndpoints());
  add(triggerEndpoints());
  add(documentEndpoints());
  return all;
}

}  // namespace weir::control
