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

constexpr std::string_view kQueues = "queues are not served here";
constexpr std::string_view kNamespaces = "KV namespaces are not served here";
constexpr std::string_view kDatabases = "D1 databases are not served here";
constexpr std::string_view kBuckets = "R2 buckets are not served here";
constexpr std::string_view kWorkflows = "workflows are not served here";
constexpr std::string_view kDispatch = "dispatch namespaces are not served here";
constexpr std::string_view kTail = "live tail is not served here; what a Worker logs is in the traces that weir writes";

template <const std::string_view& kWhat>
ApiResult refuse(ApiContext&, const ApiRequest&) {
  return notEntitled(std::string(kWhat));
}

ApiResult refuseOne(std::string_view kind, std::string_view name, std::string_view what) {
  return notEntitled(std::string(kind) + " " + catalog::shown(name) + ": " + std::string(what));
}

ApiResult noQueue(ApiContext& context, const ApiRequest& request) {
  const auto name = request.find("name");
  return name ? refuseOne("queue", *name, kQueues) : refuse<kQueues>(context, request);
}

ApiResult noBucket(ApiContext&, const ApiRequest& request) {
  return refuseOne("bucket", request.parameter("name"), kBuckets);
}

ApiResult noWorkflow(ApiContext&, const ApiRequest& request) {
  return refuseOne("workflow", request.parameter("name"), kWorkflows);
}

}  // namespace

std::vector<Endpoint> namespaceEndpoints() {
  return {
      {"GET", "accounts/:account/storage/kv/namespaces?page&per_page", "List KV namespaces: there are none",
       "Namespace[]", none},
      {"POST", "accounts/:account/storage/kv/namespaces", "Make a KV namespace: they are not served", nullptr,
       refuse<kNamespaces>},
      {"GET", "accounts/:account/d1/database", "List D1 databases: they are not served", nullptr, refuse<kDatabases>},
      {"POST", "accounts/:account/d1/database", "Make a D1 database: they are not served", nullptr, refuse<kDatabases>},
      {"GET", "accounts/:account/r2/buckets", "List R2 buckets: they are not served", nullptr, refuse<kBuckets>},
      {"POST", "accounts/:account/r2/buckets", "Make an R2 bucket: they are not served", nullptr, refuse<kBuckets>},
      {"GET", "accounts/:account/workflows", "List workflows: they are not served", nullptr, refuse<kWorkflows>},
      {"POST", "accounts/:account/queues", "Make a queue: they are not served", nullptr, refuse<kQueues>},
      Endpoint{"PUT", "accounts/:account/workers/dispatch/namespaces/:namespace/scripts/:script",
               "Upload a Worker to a dispatch namespace: they are not served", nullptr, refuse<kDispatch>,
               kUploadBodyBytesMax}
          .takesForm(),
      {"GET", "accounts/:account/workers/durable_objects/namespaces?page&per_page",
       "List Durable Object namespaces: there are none", "Namespace[]", none},
      {"GET", "accounts/:account/workers/dispatch/namespaces", "List dispatch namespaces: they are not served", nullptr,
       refuse<kDispatch>},
      {"POST", "accounts/:account/workers/scripts/:script/tails", "Begin a live tail: it is not served", nullptr,
       refuse<kTail>},
      {"GET", "accounts/:account/queues?name", "List queues: they are not served", nullptr, noQueue},
      {"GET", "accounts/:account/r2/buckets/:name", "Show an R2 bucket: they are not served", nullptr, noBucket},
      {"GET", "accounts/:account/workflows/:name", "Show a workflow: they are not served", nullptr, noWorkflow}};
}

}  // namespace weir::control
