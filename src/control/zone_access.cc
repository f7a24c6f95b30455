#include "control/zone_access.h"

#include <boost/json.hpp>

#include "catalog/hostname.h"

namespace weir::control {

namespace {

ApiError noZone() { return noRoute(); }

}  // namespace

ApiTry<catalog::Zone> zoneOf(ApiContext& context, const ApiRequest& request) {
  auto zone = context.catalog.findZone(request.parameter("zone"));
  if (!zone.ok()) {
    if (zone.error().situation == catalog::Situation::kZoneNotFound) return noZone();
    return apiError(zone.error());
  }
  if (!request.principal.reaches(zone->account)) return noZone();
  return std::move(zone).value();
}

std::optional<ApiError> refuseUnlessOperator(const ApiRequest& request, std::string_view what) {
  if (request.principal.everyAccount) return std::nullopt;
  return notAllowed(std::string(what) +
                    "; that is for whoever operates this platform (its command weir, or a token for every account)");
}

ApiTry<catalog::Zone> zoneFor(ApiContext& context, std::string_view account, std::string_view hostname) {
  auto zone = context.catalog.zoneOf(hostname);
  if (!zone.ok()) return apiError(zone.error());
  if (*zone && (*zone)->account == account) return std::move(**zone);
  return ApiError{400,
                  static_cast<uint32_t>(catalog::Situation::kDomainOutsideZone),
                  "The host name " + catalog::shown(hostname) +
                      " is in no zone of your account. Zones are made by whoever operates this platform.",
                  {}};
}

ApiTry<std::optional<catalog::Zone>> namedZone(ApiContext& context, std::string_view account,
                                               const boost::json::object& body) {
  for (const char* member : {"zone_id", "zone_name"}) {
    auto text = textMember(body, member);
    if (!text.ok()) return text.error();
    if (!*text || (*text)->empty()) continue;
    auto zone = context.catalog.findZone(**text);
    if (!zone.ok() && zone.error().situation != catalog::Situation::kZoneNotFound) return apiError(zone.error());
    if (!zone.ok() || zone->account != account) {
      return ApiError{404, 7003, "There is no zone " + catalog::shown(**text) + " on your account.", {}};
    }
    return std::optional<catalog::Zone>(std::move(zone).value());
  }
  return std::optional<catalog::Zone>();
}

bool scriptExists(ApiContext& context, std::string_view account, std::string_view script) {
  return context.catalog.findScript(account, script).ok() || context.parts.isServed(account, script);
}

ApiTry<std::optional<std::string>> textMember(const boost::json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<std::string>();
  if (!value->is_string()) return badBody(std::string(name) + " must be a string");
  return std::optional<std::string>(std::string(value->get_string()));
}

ApiTry<std::optional<bool>> flagMember(const boost::json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<bool>();
  if (!value->is_bool()) return badBody(std::string(name) + " must be true or false");
  return std::optional<bool>(value->get_bool());
}

}  // namespace weir::control
