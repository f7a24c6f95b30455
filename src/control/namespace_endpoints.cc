// What bindings would be to and weir does not serve. Such bindings are refused, so no account has any of it. Clients
// ask all the same: for the lists of namespaces when they delete a Worker, and for queues, buckets and others before
// they upload a Worker that needs one. Whoever would make one hears what is not served, not that a path is wrong.
#include <boost/json.hpp>

#include "catalog/error.h"
#include "control/api_table.h"
#include "control/paging.h"

namespace weir::control {

namespace {

ApiResult none(ApiContext&, const ApiRequest& request) { return answerPaged(request, {}); }

ApiResult noQueue(ApiContext&, const ApiRequest& request) {
  const auto name = request.find("name");
  return notEntitled((name ? "queue " + catalog::shown(*name) + ": " : std::string()) + "queues are not served here");
}

ApiResult noQueues(ApiContext&, const ApiRequest&) { return notEntitled("queues are not served here"); }

ApiResult noNamespaces(ApiContext&, const ApiRequest&) { return notEntitled("KV namespaces are not served here"); }

ApiResult noDatabases(ApiContext&, const ApiRequest&) { return notEntitled("D1 databases are not served here"); }

ApiResult noBuckets(ApiContext&, const ApiRequest&) { return notEntitled("R2 buckets are not served here"); }

ApiResult noBucket(ApiContext&, const ApiRequest& request) {
  return notEntitled("bucket " + catalog::shown(request.parameter("name")) + ": R2 buckets are not served here");
}

ApiResult noWorkflows(ApiContext&, const ApiRequest&) { return notEntitled("workflows are not served here"); }

ApiResult noWorkflow(ApiContext&, const ApiRequest& request) {
  return notEntitled("workflow " + catalog::shown(request.parameter("name")) + ": workflows are not served here");
}

ApiResult noTail(ApiContext&, const ApiRequest&) {
  return notEntitled("live tail is not served here; what a Worker logs is in the traces that weir writes");
}

ApiResult noDispatch(ApiContext&, const ApiRequest&) { return notEntitled("dispatch namespaces are not served here"); }

}  // namespace

std::vector<Endpoint> namespaceEndpoints() {
  return {
      {"GET", "accounts/:account/storage/kv/namespaces?page&per_page", "List KV namespaces: there are none",
       "Namespace[]", none},
      {"POST", "accounts/:account/storage/kv/namespaces", "Make a KV namespace: they are not served", nullptr,
       noNamespaces},
      {"GET", "accounts/:account/d1/database", "List D1 databases: they are not served", nullptr, noDatabases},
      {"POST", "accounts/:account/d1/database", "Make a D1 database: they are not served", nullptr, noDatabases},
      {"GET", "accounts/:account/r2/buckets", "List R2 buckets: they are not served", nullptr, noBuckets},
      {"POST", "accounts/:account/r2/buckets", "Make an R2 bucket: they are not served", nullptr, noBuckets},
      {"GET", "accounts/:account/workflows", "List workflows: they are not served", nullptr, noWorkflows},
      {"POST", "accounts/:account/queues", "Make a queue: they are not served", nullptr, noQueues},
      Endpoint{"PUT", "accounts/:account/workers/dispatch/namespaces/:namespace/scripts/:script",
               "Upload a Worker to a dispatch namespace: they are not served", nullptr, noDispatch, kUploadBodyBytesMax}
          .takesForm(),
      {"GET", "accounts/:account/workers/durable_objects/namespaces?page&per_page",
       "List Durable Object namespaces: there are none", "Namespace[]", none},
      {"GET", "accounts/:account/workers/dispatch/namespaces", "List dispatch namespaces: they are not served", nullptr,
       noDispatch},
      {"POST", "accounts/:account/workers/scripts/:script/tails", "Begin a live tail: it is not served", nullptr,
       noTail},
      {"GET", "accounts/:account/queues?name", "List queues: they are not served", nullptr, noQueue},
      {"GET", "accounts/:account/r2/buckets/:name", "Show an R2 bucket: they are not served", nullptr, noBucket},
      {"GET", "accounts/:account/workflows/:name", "Show a workflow: they are not served", nullptr, noWorkflow}};
}

}  // namespace weir::control
