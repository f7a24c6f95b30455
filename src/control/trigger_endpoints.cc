// What makes a script run: its workers.dev name and its schedules. (Routes and custom domains have files of their own.)
#include <boost/json.hpp>

#include "catalog/cron.h"
#include "control/api_table.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr size_t kSchedulesMax = 1'000;  // in one request

ApiResult accountSubdomain(ApiContext& context, const ApiRequest& request) {
  auto account = context.catalog.findAccount(request.account());
  if (!account.ok()) return apiError(account.error());
  if (!account->subdomain) {
    return ApiError{404, 10007, "There is no workers.dev subdomain on your account. Register one and try again.", {}};
  }
  return answer(json::object{{"subdomain", *account->subdomain}});
}

ApiResult setAccountSubdomain(ApiContext& context, const ApiRequest& request) {
  auto given = jsonObjectBody(request.body);
  if (!given.ok()) return given.error();
  const auto* name = given->if_contains("subdomain");
  if (name == nullptr || !name->is_string()) return badBody("subdomain must be a string");
  catalog::AccountChange change;
  change.subdomain = std::string(name->as_string());
  auto changed = context.catalog.changeAccount(request.account(), change);
  if (!changed.ok()) return apiError(changed.error());
  context.parts.publish();
  return answer(json::object{{"subdomain", *name}});
}

// Whether a subdomain is free: 10032, or 10031 when it is not.
ApiResult subdomainState(ApiContext& context, const ApiRequest& request) {
  auto accounts = context.catalog.accounts();
  if (!accounts.ok()) return apiError(accounts.error());
  const std::string& name = request.parameter("subdomain");
  for (const auto& account : *accounts) {
    if (account.subdomain != name) continue;
    if (account.id == request.account()) return answer(json::object{{"subdomain", name}});
    return ApiError{409, 10031, "This subdomain is not available. Choose another one and try again.", {}};
  }
  return ApiError{404, 10032, "This subdomain does not exist yet: it can be registered.", {}};
}

json::object shown(const catalog::Script& script) {
  return {{"enabled", script.workersDev}, {"previews_enabled", script.previews}};
}

ApiResult scriptSubdomain(ApiContext& context, const ApiRequest& request) {
  auto script = context.catalog.findScript(request.account(), request.script());
  if (!script.ok()) return apiError(script.error());
  return answer(shown(*script));
}

ApiResult setScriptSubdomain(ApiContext& context, const ApiRequest& request) {
  auto given = jsonObjectBody(request.body);
  if (!given.ok()) return given.error();
  catalog::ScriptChange change;
  for (const auto& [name, member] : {std::pair<std::string_view, std::optional<bool> catalog::ScriptChange::*>{
                                         "enabled", &catalog::ScriptChange::workersDev},
                                     {"previews_enabled", &catalog::ScriptChange::previews}}) {
    const auto* value = given->if_contains(name);
    if (value == nullptr || value->is_null()) continue;
    if (!value->is_bool()) return badBody(std::string(name) + " must be true or false");
    change.*member = value->as_bool();
  }
  if (change.workersDev.value_or(false)) {
    auto account = context.catalog.findAccount(request.account());
    if (!account.ok()) return apiError(account.error());
    if (!account->subdomain)
      return apiError({catalog::Situation::kNoSubdomain,
                       "the account has no subdomain that its Workers could answer under: register one first"});
  }
  auto changed = context.catalog.changeScript(request.account(), request.script(), change);
  if (!changed.ok()) return apiError(changed.error());
  context.parts.publish();
  return answer(shown(*changed));
}

ApiAnswer schedulesAnswer(const std::vector<catalog::Schedule>& schedules) {
  json::array all;
  for (const auto& schedule : schedules) {
    all.push_back({{"cron", schedule.cron},
                   {"created_on", isoTime(schedule.createdMs)},
                   {"modified_on", isoTime(schedule.modifiedMs)}});
  }
  return answer(json::object{{"schedules", std::move(all)}});
}

ApiResult schedules(ApiContext& context, const ApiRequest& request) {
  auto all = context.catalog.schedules(request.account(), request.script());
  if (!all.ok()) return apiError(all.error());
  return schedulesAnswer(*all);
}

ApiResult setSchedules(ApiContext& context, const ApiRequest& request) {
  auto given = jsonBody(request.body);
  if (!given.ok()) return given.error();
  if (!given->is_array() || given->as_array().size() > kSchedulesMax) return badBody("the body must be a list");
  std::vector<std::string> crons;
  for (const auto& entry : given->as_array()) {
    const auto* cron = entry.is_object() ? entry.as_object().if_contains("cron") : nullptr;
    if (cron == nullptr || !cron->is_string()) return badBody("each schedule needs a cron expression as cron");
    crons.emplace_back(cron->as_string());
    if (const auto read = catalog::Cron::parse(crons.back()); !read.ok()) {
      return ApiError{
          400, 10100, "invalid cron string: " + catalog::shown(crons.back()) + ": " + read.error().message, {}};
    }
  }
  auto set = context.catalog.setSchedules(request.account(), request.script(), crons);
  if (!set.ok()) return apiError(set.error());
  context.parts.publish();
  return schedulesAnswer(*set);
}

}  // namespace

std::vector<Endpoint> triggerEndpoints() {
  return {
      {"GET", "accounts/:account/workers/subdomain", "Show the account's subdomain", "Subdomain", accountSubdomain},
      {"PUT", "accounts/:account/workers/subdomain", "Set the account's subdomain", "Subdomain", setAccountSubdomain},
      {"GET", "accounts/:account/workers/subdomains/:subdomain", "Say whether a subdomain is taken", "Subdomain",
       subdomainState},
      {"GET", "accounts/:account/workers/scripts/:script/subdomain",
       "Show whether a Worker answers under the workers domain", "ScriptSubdomain", scriptSubdomain},
      {"POST", "accounts/:account/workers/scripts/:script/subdomain",
       "Set whether a Worker answers under the workers domain", "ScriptSubdomain", setScriptSubdomain},
      {"GET", "accounts/:account/workers/scripts/:script/schedules", "List the cron triggers of a Worker", "Schedules",
       schedules},
      {"PUT", "accounts/:account/workers/scripts/:script/schedules", "Set the cron triggers of a Worker", "Schedules",
       setSchedules}};
}

}  // namespace weir::control
