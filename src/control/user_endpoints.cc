// Who asks, and which accounts they reach.
#include <boost/json.hpp>

#include "control/api_table.h"
#include "control/paging.h"

namespace weir::control {

namespace json = boost::json;

namespace {

json::object describe(const catalog::Account& account) {
  return {{"id", account.id},
          {"name", account.name},
          {"type", "standard"},
          {"settings", {{"enforce_twofactor", false}}},
          {"created_on", isoTime(account.createdMs)}};
}

ApiTry<std::vector<catalog::Account>> reached(ApiContext& context, const ApiRequest& request) {
  auto all = context.catalog.accounts();
  if (!all.ok()) return apiError(all.error());
  std::erase_if(*all, [&](const auto& account) { return !request.principal.reaches(account.id); });
  return std::move(all).value();
}

ApiResult verifyToken(ApiContext&, const ApiRequest& request) {
  return answer(json::object{{"id", request.principal.id}, {"status", "active"}});
}

ApiResult showUser(ApiContext&, const ApiRequest& request) {
  return answer(json::object{{"id", request.principal.id},
                             {"email", request.principal.email},
                             {"username", request.principal.name},
                             {"suspended", false}});
}

ApiResult listAccounts(ApiContext& context, const ApiRequest& request) {
  auto accounts = reached(context, request);
  if (!accounts.ok()) return accounts.error();
  json::array all;
  for (const auto& account : *accounts) all.push_back(describe(account));
  return answerPaged(request, std::move(all));
}

ApiResult showAccount(ApiContext& context, const ApiRequest& request) {
  auto account = context.catalog.findAccount(request.account());
  if (!account.ok()) return apiError(account.error());
  return answer(describe(*account));
}

ApiResult listMemberships(ApiContext& context, const ApiRequest& request) {
  auto accounts = reached(context, request);
  if (!accounts.ok()) return accounts.error();
  json::array all;
  for (const auto& account : *accounts) {
    all.push_back({{"id", account.id},
                   {"status", "accepted"},
                   {"account", describe(account)},
                   {"roles", {request.principal.mayWrite ? "Administrator" : "Administrator Read Only"}}});
  }
  return answerPaged(request, std::move(all));
}

}  // namespace

std::vector<Endpoint> userEndpoints() {
  return {{"GET", "user", "Show who the caller is", "User", showUser},
          {"GET", "user/tokens/verify", "Say whether the caller's token is valid", "TokenState", verifyToken},
          {"GET", "accounts?page&per_page", "List the accounts that the caller reaches", "Account[]", listAccounts},
          {"GET", "accounts/:account", "Show an account", "Account", showAccount},
          {"GET", "memberships?page&per_page", "List the accounts that the caller reaches, as memberships",
           "Membership[]", listMemberships}};
}

}  // namespace weir::control
