// Zones.
#include <boost/json.hpp>

#include "catalog/hostname.h"
#include "control/api_table.h"
#include "control/paging.h"
#include "control/zone_access.h"

namespace weir::control {

namespace json = boost::json;

namespace {

json::object shown(ApiContext& context, const catalog::Zone& zone) {
  auto account = context.catalog.findAccount(zone.account);
  json::value origin;
  if (zone.origin) origin = catalog::formatOrigin(*zone.origin);
  return {{"id", zone.id},
          {"name", zone.name},
          {"status", "active"},
          {"paused", false},
          {"type", "full"},
          {"development_mode", 0},
          {"name_servers", json::array()},
          {"original_name_servers", json::array()},
          {"created_on", isoTime(zone.createdMs)},
          {"modified_on", isoTime(zone.modifiedMs)},
          {"activated_on", isoTime(zone.createdMs)},
          {"account", {{"id", zone.account}, {"name", account.ok() ? account->name : ""}}},
          {"owner", {{"id", zone.account}, {"type", "user"}, {"email", nullptr}}},
          {"permissions", json::array()},
          {"origin", std::move(origin)}};
}

// Absent: no change. Null or empty: none.
ApiTry<std::optional<std::optional<catalog::Origin>>> originIn(const json::object& body) {
  using Wanted = std::optional<std::optional<catalog::Origin>>;
  if (!body.contains("origin")) return Wanted();
  auto text = textMember(body, "origin");
  if (!text.ok()) return text.error();
  if (!*text || (*text)->empty()) return Wanted(std::optional<catalog::Origin>());
  auto origin = catalog::parseOrigin(**text);
  if (!origin.ok()) return apiError(origin.error());
  return Wanted(std::optional<catalog::Origin>(*origin));
}

ApiResult list(ApiContext& context, const ApiRequest& request) {
  const auto account = request.find("account.id");
  if (account && !request.principal.reaches(*account)) return accountNotAllowed();
  std::optional<std::string> name;
  if (const auto wanted = request.find("name")) name = catalog::normalizeHostname(*wanted).value_or("");
  auto zones = context.catalog.zones(account);
  if (!zones.ok()) return apiError(zones.error());
  json::array all;
  for (const auto& zone : *zones) {
    if (!request.principal.reaches(zone.account) || (name && *name != zone.name)) continue;
    all.push_back(shown(context, zone));
  }
  return answerPaged(request, std::move(all), Paging::kPagesAndCursor);
}

ApiResult show(ApiContext& context, const ApiRequest& request) {
  auto zone = zoneOf(context, request);
  if (!zone.ok()) return zone.error();
  return answer(shown(context, *zone));
}

// Whether the caller may make zones of this account, and remove them: docs/decisions/0034.
std::optional<ApiError> refuseZoneChange(ApiContext& context, const ApiRequest& request, const std::string& account,
                                         std::string_view what) {
  if (request.principal.everyAccount) return std::nullopt;
  if (!request.principal.reaches(account)) return accountNotAllowed();
  auto found = context.catalog.findAccount(account);
  if (!found.ok()) return apiError(found.error());
  return found->limits().zones > 0 ? std::nullopt : refuseUnlessOperator(request, what);
}

ApiResult create(ApiContext& context, const ApiRequest& request) {
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  auto name = textMember(*body, "name");
  if (!name.ok()) return name.error();
  if (!*name) return badBody("name is missing: the zone's host name");
  const auto* owner = body->if_contains("account");
  if (owner == nullptr || !owner->is_object()) return badBody("account is missing: an object with the account's id");
  auto account = textMember(owner->get_object(), "id");
  if (!account.ok()) return account.error();
  if (!*account) return badBody("account has no id");
  if (auto refusal = refuseZoneChange(context, request, **account, "making zones")) return *refusal;
  auto origin = originIn(*body);
  if (!origin.ok()) return origin.error();
  if (origin->value_or(std::nullopt)) {
    if (auto refusal = refuseUnlessOperator(request, "giving a zone an origin")) return *refusal;
  }
  auto zone =
      context.catalog.addZone({**account, **name, origin->value_or(std::nullopt), !request.principal.everyAccount});
  if (!zone.ok()) return apiError(zone.error());
  context.parts.publish();
  return answer(shown(context, *zone));
}

ApiResult change(ApiContext& context, const ApiRequest& request) {
  auto zone = zoneOf(context, request);
  if (!zone.ok()) return zone.error();
  if (auto refusal = refuseUnlessOperator(request, "changing zones")) return *refusal;
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  auto origin = originIn(*body);
  if (!origin.ok()) return origin.error();
  if (!*origin) return badBody("origin is what can be changed of a zone");
  auto changed = context.catalog.setOrigin(zone->id, **origin);
  if (!changed.ok()) return apiError(changed.error());
  context.parts.publish();
  return answer(shown(context, *changed));
}

ApiResult remove(ApiContext& context, const ApiRequest& request) {
  auto zone = zoneOf(context, request);
  if (!zone.ok()) return zone.error();
  if (auto refusal = refuseZoneChange(context, request, zone->account, "removing zones")) return *refusal;
  if (auto removed = context.catalog.removeZone(zone->id); !removed.ok()) return apiError(removed.error());
  context.parts.publish();
  return answer(json::object{{"id", zone->id}});
}

}  // namespace

std::vector<Endpoint> zoneEndpoints() {
  return {{"GET", "zones?name&account.id&page&per_page&cursor", "List zones", "Zone[]", list},
          {"POST", "zones", "Make a zone", "Zone", create},
          {"GET", "zones/:zone", "Show a zone, by its id or name", "Zone", show},
          {"PATCH", "zones/:zone", "Change a zone", "Zone", change},
          {"DELETE", "zones/:zone", "Remove a zone", "Id", remove}};
}

}  // namespace weir::control
