// The table of the management API's endpoints: one file per resource, each with a function that lists its own.
#pragma once

#include <vector>

#include "control/api_context.h"
#include "control/api_router.h"

namespace weir::control {

// All of them.
std::vector<Endpoint> apiEndpoints();

std::vector<Endpoint> accountEndpoints();     // account_endpoints.cc: for operators
std::vector<Endpoint> auditEndpoints();       // audit_endpoints.cc
std::vector<Endpoint> documentEndpoints();    // openapi.cc
std::vector<Endpoint> domainEndpoints();      // domain_endpoints.cc: custom domains
std::vector<Endpoint> routeEndpoints();       // route_endpoints.cc
std::vector<Endpoint> tokenEndpoints();       // token_endpoints.cc
std::vector<Endpoint> zoneEndpoints();        // zone_endpoints.cc
std::vector<Endpoint> userEndpoints();        // user_endpoints.cc: who asks, and which accounts there are
std::vector<Endpoint> scriptEndpoints();      // script_endpoints.cc: upload, list, content, removal
std::vector<Endpoint> versionEndpoints();     // version_endpoints.cc
std::vector<Endpoint> deploymentEndpoints();  // deployment_endpoints.cc
std::vector<Endpoint> settingsEndpoints();    // settings_endpoints.cc
std::vector<Endpoint> profileEndpoints();     // profile_endpoints.cc
std::vector<Endpoint> secretEndpoints();      // secret_endpoints.cc
std::vector<Endpoint> assetEndpoints();       // asset_endpoints.cc: uploads of static assets
std::vector<Endpoint> serviceEndpoints();     // service_endpoints.cc
std::vector<Endpoint> namespaceEndpoints();   // namespace_endpoints.cc
std::vector<Endpoint> workerEndpoints();      // worker_endpoints.cc
std::vector<Endpoint> triggerEndpoints();     // trigger_endpoints.cc: workers.dev, schedules

}  // namespace weir::control
