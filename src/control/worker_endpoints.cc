// Workers: a script by the resource that newer clients read.
#include <boost/json.hpp>

#include "control/api_table.h"
#include "control/paging.h"
#include "control/script_json.h"

namespace weir::control {

namespace json = boost::json;

namespace {

json::object workerJson(ApiContext& context, const catalog::Account& account, const catalog::Script& script) {
  const json::object shown = scriptJson(script, nullptr);
  json::object subdomain{{"enabled", script.workersDev}, {"previews_enabled", script.previews}};
  if (account.subdomain) {
    const std::string host = script.name + "." + *account.subdomain + "." + context.parts.workersHost;
    subdomain["url"] = "http://" + host;
    subdomain["preview_url_suffix"] = "-" + host;
  }
  json::object out{{"id", shown.at("tag")},
                   {"name", script.name},
                   {"created_on", shown.at("created_on")},
                   {"updated_on", shown.at("modified_on")},
                   {"logpush", shown.at("logpush")},
                   {"tags", shown.at("tags")},
                   {"tail_consumers", shown.at("tail_consumers")},
                   {"subdomain", std::move(subdomain)}};
  if (const auto* observability = shown.if_contains("observability")) out["observability"] = *observability;
  return out;
}

ApiResult show(ApiContext& context, const ApiRequest& request) {
  auto account = context.catalog.findAccount(request.account());
  if (!account.ok()) return apiError(account.error());
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  return answer(workerJson(context, *account, *script));
}

ApiResult list(ApiContext& context, const ApiRequest& request) {
  auto account = context.catalog.findAccount(request.account());
  if (!account.ok()) return apiError(account.error());
  auto scripts = context.catalog.scripts(request.account());
  if (!scripts.ok()) return apiError(scripts.error());
  json::array all;
  for (const auto& script : *scripts) {
    if (request.principal.reachesScript(script.name)) all.push_back(workerJson(context, *account, script));
  }
  return answerPaged(request, std::move(all));
}

}  // namespace

std::vector<Endpoint> workerEndpoints() {
  return {{"GET", "accounts/:account/workers/workers?page&per_page", "List Workers", "Worker[]", list},
          {"GET", "accounts/:account/workers/workers/:script", "Show a Worker", "Worker", show}};
}

}  // namespace weir::control
