// Namespaces of KV and of Durable Objects. Bindings to either are refused, so no account has any; clients ask for the
// lists all the same, when they delete a Worker.
#include <boost/json.hpp>

#include "control/api_table.h"
#include "control/paging.h"

namespace weir::control {

namespace {

ApiResult none(ApiContext&, const ApiRequest& request) { return answerPaged(request, {}); }

}  // namespace

std::vector<Endpoint> namespaceEndpoints() {
  return {{"GET", "accounts/:account/storage/kv/namespaces", none},
          {"GET", "accounts/:account/workers/durable_objects/namespaces", none}};
}

}  // namespace weir::control
