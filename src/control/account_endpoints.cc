// Accounts as whoever operates the platform makes, changes and removes them. (What anybody sees of theirs is in
// user_endpoints.cc.)
#include <boost/json.hpp>

#include "control/api_table.h"
#include "control/zone_access.h"

namespace weir::control {

namespace json = boost::json;

namespace {

json::object shown(const catalog::Account& account) {
  json::value subdomain;
  if (account.subdomain) subdomain = *account.subdomain;
  return {{"id", account.id},
          {"name", account.name},
          {"type", "standard"},
          {"settings", {{"enforce_twofactor", false}}},
          {"created_on", isoTime(account.createdMs)},
          {"plan", catalog::nameOf(account.plan)},
          {"suspended", account.suspended},
          {"subdomain", std::move(subdomain)}};
}

ApiTry<catalog::AccountChange> changeIn(const json::object& body) {
  catalog::AccountChange change;
  auto name = textMember(body, "name");
  if (!name.ok()) return name.error();
  change.name = *name;
  auto subdomain = textMember(body, "subdomain");
  if (!subdomain.ok()) return subdomain.error();
  change.subdomain = *subdomain;
  auto suspended = flagMember(body, "suspended");
  if (!suspended.ok()) return suspended.error();
  change.suspended = *suspended;
  auto plan = textMember(body, "plan");
  if (!plan.ok()) return plan.error();
  if (*plan) {
    change.plan = catalog::findPlan(**plan);
    if (!change.plan) return badBody("plan must be free or paid");
  }
  return change;
}

ApiResult create(ApiContext& context, const ApiRequest& request) {
  if (auto refusal = refuseUnlessOperator(request, "making accounts")) return *refusal;
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  auto wanted = changeIn(*body);
  if (!wanted.ok()) return wanted.error();
  if (!wanted->name) return badBody("name is missing");
  auto account =
      context.catalog.addAccount({*wanted->name, wanted->plan.value_or(catalog::Plan::kFree), {}, wanted->subdomain});
  if (!account.ok()) return apiError(account.error());
  context.parts.publish();
  return answer(shown(*account));
}

ApiResult change(ApiContext& context, const ApiRequest& request) {
  if (auto refusal = refuseUnlessOperator(request, "changing accounts")) return *refusal;
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  auto wanted = changeIn(*body);
  if (!wanted.ok()) return wanted.error();
  auto account = context.catalog.changeAccount(request.account(), *wanted);
  if (!account.ok()) return apiError(account.error());
  context.parts.publish();
  return answer(shown(*account));
}

ApiResult remove(ApiContext& context, const ApiRequest& request) {
  if (auto refusal = refuseUnlessOperator(request, "removing accounts")) return *refusal;
  auto account = context.catalog.findAccount(request.account());
  if (!account.ok()) return apiError(account.error());
  if (auto removed = context.catalog.removeAccount(account->id); !removed.ok()) return apiError(removed.error());
  context.parts.publish();
  return answer(json::object{{"id", account->id}});
}

}  // namespace

std::vector<Endpoint> accountEndpoints() {
  return {{"POST", "accounts", "Make an account", "Account", create},
          {"PUT", "accounts/:account", "Change an account", "Account", change},
          {"DELETE", "accounts/:account", "Remove an account that has nothing left", "Id", remove}};
}

}  // namespace weir::control
