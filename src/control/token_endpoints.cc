// Tokens: what a caller may give others of what it has itself. Under user/tokens those that the caller reaches, under
// accounts/ID/tokens those of the account.
#include <boost/json.hpp>

#include <algorithm>

#include "catalog/time_text.h"
#include "control/api_table.h"
#include "control/paging.h"
#include "control/zone_access.h"

namespace weir::control {

namespace json = boost::json;

namespace {

// The names of resources in policies.
constexpr std::string_view kAccountResource = "com.cloudflare.api.account.";
constexpr std::string_view kScriptResource = "com.cloudflare.edge.worker.script.";
constexpr std::string_view kReadGroup = "1a71c399035b4950a1bd1466bbe4f420";
constexpr std::string_view kWriteGroup = "e086da7e2179491d91ee5f35b3ca210a";
constexpr std::string_view kReadName = "Workers Scripts Read";
constexpr std::string_view kWriteName = "Workers Scripts Write";
constexpr size_t kPoliciesMax = 100;

json::object group(bool write) {
  return {{"id", write ? kWriteGroup : kReadGroup}, {"name", write ? kWriteName : kReadName}};
}

json::object policyOf(const catalog::Token& token) {
  json::object resources;
  if (!token.scope.account) resources[std::string(kAccountResource) + "*"] = "*";
  else if (token.scope.scripts.empty()) resources[std::string(kAccountResource) + *token.scope.account] = "*";
  for (const auto& script : token.scope.scripts)
    resources[std::string(kScriptResource) + token.scope.account.value_or("") + "_" + script] = "*";
  json::array groups;
  groups.push_back(group(false));
  if (token.scope.access == catalog::TokenAccess::kWrite) groups.push_back(group(true));
  return {{"id", token.id},
          {"effect", "allow"},
          {"resources", std::move(resources)},
          {"permission_groups", std::move(groups)}};
}

json::object shown(ApiContext& context, const catalog::Token& token) {
  const bool expired = token.expired(static_cast<catalog::UnixMs>(context.parts.clock.wallMs()));
  json::object out{{"id", token.id},
                   {"name", token.name},
                   {"status", expired ? "expired" : "active"},
                   {"issued_on", isoTime(token.createdMs)},
                   {"modified_on", isoTime(token.createdMs)},
                   {"policies", json::array{policyOf(token)}}};
  if (token.expiresMs) out["expires_on"] = isoTime(*token.expiresMs);
  if (token.usedMs) out["last_used_on"] = isoTime(*token.usedMs);
  return out;
}

ApiError noToken() { return {404, 1001, "This API token does not exist, or these credentials do not reach it.", {}}; }

// Whoever holds a token for some scripts has no business with tokens.
std::optional<ApiError> refuseNarrow(const ApiRequest& request) {
  if (request.principal.scripts.empty()) return std::nullopt;
  return notAllowed("looking after tokens");
}

bool reaches(const Principal& principal, const catalog::Token& token) {
  return token.scope.account ? principal.reaches(*token.scope.account) : principal.everyAccount;
}

// The account in the path, where there is one.
std::optional<std::string> pathAccount(const ApiRequest& request) {
  for (const auto& [name, value] : request.parameters) {
    if (name == "account") return value;
  }
  return std::nullopt;
}

ApiTry<catalog::Token> tokenOf(ApiContext& context, const ApiRequest& request) {
  auto token = context.catalog.findToken(request.parameter("token"));
  if (!token.ok()) {
    if (token.error().situation == catalog::Situation::kTokenNotFound) return noToken();
    return apiError(token.error());
  }
  const auto account = pathAccount(request);
  // By its id alone: names are told apart by account.
  if (token->id != request.parameter("token") || !reaches(request.principal, *token) ||
      (account && token->scope.account != account))
    return noToken();
  return std::move(token).value();
}

ApiResult list(ApiContext& context, const ApiRequest& request) {
  if (auto refusal = refuseNarrow(request)) return *refusal;
  auto tokens = context.catalog.tokens(pathAccount(request));
  if (!tokens.ok()) return apiError(tokens.error());
  json::array all;
  for (const auto& token : *tokens) {
    if (reaches(request.principal, token)) all.push_back(shown(context, token));
  }
  return answerPaged(request, std::move(all));
}

ApiResult show(ApiContext& context, const ApiRequest& request) {
  if (auto refusal = refuseNarrow(request)) return *refusal;
  auto token = tokenOf(context, request);
  if (!token.ok()) return token.error();
  return answer(shown(context, *token));
}

ApiResult permissionGroups(ApiContext&, const ApiRequest&) {
  json::array all;
  for (const bool write : {false, true}) {
    json::object one = group(write);
    one["scopes"] = {"com.cloudflare.api.account", "com.cloudflare.edge.worker.script"};
    all.push_back(std::move(one));
  }
  return answer(std::move(all));
}

// Adds what a policy allows to `scope`. `first`: it is the first one.
std::optional<ApiError> readPolicy(const json::value& entry, bool first, catalog::TokenScope& scope) {
  if (!entry.is_object()) return badBody("each of the policies must be an object");
  const auto& policy = entry.get_object();
  if (const auto* effect = policy.if_contains("effect"); effect != nullptr && *effect != json::value("allow"))
    return badBody("a policy's effect can only be allow");
  const auto* resources = policy.if_contains("resources");
  if (resources == nullptr || !resources->is_object() || resources->get_object().empty())
    return badBody("a policy needs resources");
  std::optional<std::string> account;
  std::vector<std::string> scripts;
  bool everything = false;
  for (const auto& [name, value] : resources->get_object()) {
    if (value != json::value("*")) return badBody("the value of each resource must be *");
    std::string_view rest = name;
    std::string owner;
    if (rest.starts_with(kAccountResource)) {
      owner = rest.substr(kAccountResource.size());
      everything = true;
    } else if (rest.starts_with(kScriptResource)) {
      rest.remove_prefix(kScriptResource.size());
      const size_t mark = rest.find('_');
      if (mark == std::string_view::npos) return badBody("a script as a resource is written ACCOUNT_SCRIPT");
      owner = rest.substr(0, mark);
      scripts.emplace_back(rest.substr(mark + 1));
    } else {
      return badBody(
          "resources are accounts (com.cloudflare.api.account.ID) and scripts "
          "(com.cloudflare.edge.worker.script.ID_NAME)");
    }
    if (account && *account != owner) return badBody("a token reaches one account, or every one");
    account = owner;
  }
  if (everything && !scripts.empty()) return badBody("a policy is for an account or for scripts in it, not both");
  std::optional<std::string> reached = account == "*" ? std::nullopt : account;
  bool writes = false;
  const auto* groups = policy.if_contains("permission_groups");
  if (groups == nullptr || !groups->is_array() || groups->get_array().empty())
    return badBody("a policy needs permission_groups; GET user/tokens/permission_groups lists them");
  for (const auto& each : groups->get_array()) {
    if (!each.is_object()) return badBody("each of the permission_groups must be an object with an id");
    auto id = textMember(each.get_object(), "id");
    if (!id.ok()) return id.error();
    if (*id == kWriteGroup) writes = true;
    else if (*id != kReadGroup)
      return badBody("there is no such permission group; GET user/tokens/permission_groups lists them");
  }
  // One token has one scope.
  const auto access = writes ? catalog::TokenAccess::kWrite : catalog::TokenAccess::kRead;
  if (!first && (reached != scope.account || access != scope.access || everything != scope.scripts.empty()))
    return badBody("all policies of a token must be of one account and allow the same; make a token for each");
  scope.account = reached;
  scope.access = access;
  scope.scripts.insert(scope.scripts.end(), scripts.begin(), scripts.end());
  return std::nullopt;
}

ApiTry<catalog::NewToken> tokenIn(ApiContext& context, const ApiRequest& request) {
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  catalog::NewToken token;
  auto name = textMember(*body, "name");
  if (!name.ok()) return name.error();
  if (!*name) return badBody("name is missing");
  token.name = **name;
  const auto* policies = body->if_contains("policies");
  if (policies == nullptr || !policies->is_array() || policies->get_array().empty() ||
      policies->get_array().size() > kPoliciesMax)
    return badBody("policies is missing: a list of what the token allows");
  bool first = true;
  for (const auto& policy : policies->get_array()) {
    if (auto wrong = readPolicy(policy, std::exchange(first, false), token.scope)) return *wrong;
  }
  auto expires = textMember(*body, "expires_on");
  if (!expires.ok()) return expires.error();
  if (*expires) {
    token.expiresMs = catalog::parseTime(**expires);
    if (!token.expiresMs) return badBody("expires_on must be a time such as 2026-01-31T12:00:00Z");
  }
  for (const char* unknown : {"not_before", "condition"}) {
    const auto* value = body->if_contains(unknown);
    if (value != nullptr && !value->is_null() && *value != json::value(json::object()))
      return badBody(std::string(unknown) + " is not supported: the token would allow more than you ask for");
  }
  // Nobody gives more than they have, nor for longer.
  const Principal& giver = request.principal;
  const bool within = token.scope.account ? giver.reaches(*token.scope.account) : giver.everyAccount;
  if (!within) return token.scope.account ? accountNotAllowed() : notAllowed("making a token for every account");
  if (const auto account = pathAccount(request); account && token.scope.account != account) return accountNotAllowed();
  auto own = context.catalog.findToken(giver.id);
  if (own.ok() && own->expiresMs && (!token.expiresMs || *token.expiresMs > *own->expiresMs))
    return notAllowed("making one that lives longer than itself; set expires_on");
  return token;
}

ApiResult create(ApiContext& context, const ApiRequest& request) {
  if (auto refusal = refuseNarrow(request)) return *refusal;
  auto token = tokenIn(context, request);
  if (!token.ok()) return token.error();
  const catalog::SecretText text = catalog::newTokenText(context.parts.random);
  token->hash = catalog::tokenHash(text.view());
  auto made = context.catalog.addToken(*token);
  if (!made.ok()) return apiError(made.error());
  json::object out = shown(context, *made);
  out["value"] = text.view();
  return answer(out);
}

ApiResult roll(ApiContext& context, const ApiRequest& request) {
  if (auto refusal = refuseNarrow(request)) return *refusal;
  auto token = tokenOf(context, request);
  if (!token.ok()) return token.error();
  // It may be one that can do more, or lives longer, than the caller's own.
  if (!request.principal.everyAccount && token->id != request.principal.id) {
    auto own = context.catalog.findToken(request.principal.id);
    if (own.ok() && own->expiresMs && (!token->expiresMs || *token->expiresMs > *own->expiresMs))
      return notAllowed("taking over a token that lives longer than itself");
  }
  const catalog::SecretText text = catalog::newTokenText(context.parts.random);
  auto rolled = context.catalog.rollToken(token->id, catalog::tokenHash(text.view()));
  if (!rolled.ok()) return apiError(rolled.error());
  return answer(json::value(text.view()));
}

ApiResult remove(ApiContext& context, const ApiRequest& request) {
  if (auto refusal = refuseNarrow(request)) return *refusal;
  auto token = tokenOf(context, request);
  if (!token.ok()) return token.error();
  if (auto removed = context.catalog.removeToken(token->id); !removed.ok()) return apiError(removed.error());
  return answer(json::object{{"id", token->id}});
}

}  // namespace

std::vector<Endpoint> tokenEndpoints() {
  return {{"GET", "user/tokens?page&per_page", "List the tokens that the caller reaches", "Token[]", list},
          {"POST", "user/tokens", "Make a token", "Token", create},
          {"GET", "user/tokens/permission_groups", "List what tokens can be allowed", "PermissionGroup[]",
           permissionGroups},
          {"GET", "user/tokens/:token", "Show a token, without its value", "Token", show},
          {"DELETE", "user/tokens/:token", "Revoke a token", "Id", remove},
          {"PUT", "user/tokens/:token/value", "Give a token a new value", "TokenValue", roll},
          {"GET", "accounts/:account/tokens?page&per_page", "List the tokens of an account", "Token[]", list},
          {"POST", "accounts/:account/tokens", "Make a token of an account", "Token", create},
          {"GET", "accounts/:account/tokens/permission_groups", "List what tokens can be allowed", "PermissionGroup[]",
           permissionGroups},
          {"GET", "accounts/:account/tokens/:token", "Show a token, without its value", "Token", show},
          {"DELETE", "accounts/:account/tokens/:token", "Revoke a token", "Id", remove},
          {"PUT", "accounts/:account/tokens/:token/value", "Give a token a new value", "TokenValue", roll}};
}

}  // namespace weir::control
