// Routes: of a zone, and all of a script.
#include <boost/json.hpp>

#include <algorithm>

#include "control/api_table.h"
#include "control/zone_access.h"

namespace weir::control {

namespace json = boost::json;

namespace {

constexpr size_t kRoutesMax = 1'000;  // in one request

json::object shown(const catalog::Route& route) {
  json::value script;
  if (route.script) script = *route.script;
  return {{"id", route.id},
          {"pattern", route.pattern},
          {"script", std::move(script)},
          {"request_limit_fail_open", route.failOpen}};
}

ApiTry<catalog::Route> routeOf(ApiContext& context, const ApiRequest& request, const catalog::Zone& zone) {
  auto routes = context.catalog.routes(zone.id);
  if (!routes.ok()) return apiError(routes.error());
  for (auto& route : *routes) {
    if (route.id == request.parameter("route")) return std::move(route);
  }
  return ApiError{404, 10009, "This route does not exist in the zone. Verify its id and try again.", {}};
}

// What a body says of a route; the rest is as in `before`.
ApiTry<catalog::NewRoute> routeIn(ApiContext& context, const ApiRequest& request, const catalog::Zone& zone,
                                  catalog::NewRoute before) {
  auto body = jsonObjectBody(request.body);
  if (!body.ok()) return body.error();
  auto pattern = textMember(*body, "pattern");
  if (!pattern.ok()) return pattern.error();
  auto script = textMember(*body, "script");
  if (!script.ok()) return script.error();
  auto failOpen = flagMember(*body, "request_limit_fail_open");
  if (!failOpen.ok()) return failOpen.error();
  if (*pattern) before.pattern = **pattern;
  if (before.pattern.empty()) return badBody("pattern is missing");
  if (body->contains("script")) {
    before.script = *script;
    if (before.script && before.script->empty()) before.script.reset();
  }
  if (before.script && !request.principal.reachesScript(*before.script)) return notAllowed("this Worker");
  if (before.script && !scriptExists(context, zone.account, *before.script)) return workerNotFound();
  before.failOpen = failOpen->value_or(before.failOpen);
  return before;
}

// All of them at once: a zone has at most a thousand.
ApiResult list(ApiContext& context, const ApiRequest& request) {
  auto zone = zoneOf(context, request);
  if (!zone.ok()) return zone.error();
  auto routes = context.catalog.routes(zone->id);
  if (!routes.ok()) return apiError(routes.error());
  json::array all;
  for (const auto& route : *routes) all.push_back(shown(route));
  return answer(std::move(all));
}

ApiResult create(ApiContext& context, const ApiRequest& request) {
  auto zone = zoneOf(context, request);
  if (!zone.ok()) return zone.error();
  auto wanted = routeIn(context, request, *zone, {});
  if (!wanted.ok()) return wanted.error();
  auto route = context.catalog.addRoute(zone->id, *wanted);
  if (!route.ok()) return apiError(route.error());
  context.parts.publish();
  return answer(shown(*route));
}

ApiResult show(ApiContext& context, const ApiRequest& request) {
  auto zone = zoneOf(context, request);
  if (!zone.ok()) return zone.error();
  auto route = routeOf(context, request, *zone);
  if (!route.ok()) return route.error();
  return answer(shown(*route));
}

ApiResult change(ApiContext& context, const ApiRequest& request) {
  auto zone = zoneOf(context, request);
  if (!zone.ok()) return zone.error();
  auto route = routeOf(context, request, *zone);
  if (!route.ok()) return route.error();
  auto wanted = routeIn(context, request, *zone, {route->pattern, route->script, route->failOpen});
  if (!wanted.ok()) return wanted.error();
  auto changed = context.catalog.changeRoute(zone->id, route->id, *wanted);
  if (!changed.ok()) return apiError(changed.error());
  context.parts.publish();
  return answer(shown(*changed));
}

ApiResult remove(ApiContext& context, const ApiRequest& request) {
  auto zone = zoneOf(context, request);
  if (!zone.ok()) return zone.error();
  auto route = routeOf(context, request, *zone);
  if (!route.ok()) return route.error();
  if (auto removed = context.catalog.removeRoute(zone->id, route->id); !removed.ok()) return apiError(removed.error());
  context.parts.publish();
  return answer(json::object{{"id", route->id}});
}

// "https://*.example.com/x" is of the host "example.com"; empty: every host.
std::string_view hostOf(std::string_view pattern) {
  for (const std::string_view scheme : {"http://", "https://", "*://"}) {
    if (pattern.starts_with(scheme)) {
      pattern.remove_prefix(scheme.size());
      break;
    }
  }
  std::string_view host = pattern.substr(0, pattern.find('/'));
  host = host.substr(0, host.find(':'));
  if (host.starts_with('*')) host.remove_prefix(1);
  if (host.starts_with('.')) host.remove_prefix(1);
  return host;
}

// The zones that a pattern of the account is a route of. One without a host is one of every zone.
ApiTry<std::vector<catalog::Zone>> zonesOf(ApiContext& context, const std::string& account, const json::object& route,
                                           std::string_view pattern) {
  auto named = namedZone(context, account, route);
  if (!named.ok()) return named.error();
  if (*named) return std::vector<catalog::Zone>{**named};
  const std::string_view host = hostOf(pattern);
  if (!host.empty()) {
    auto zone = zoneFor(context, account, host);
    if (!zone.ok()) return zone.error();
    return std::vector<catalog::Zone>{*zone};
  }
  auto all = context.catalog.zones(account);
  if (!all.ok()) return apiError(all.error());
  if (all->empty()) {
    return ApiError{
        404,
        7003,
        "Your account has no zone, so no route can be made. Zones are made by whoever operates this platform.",
        {}};
  }
  return std::move(all).value();
}

ApiResult showOfScript(ApiContext& context, const ApiRequest& request) {
  if (!scriptExists(context, request.account(), request.script())) return workerNotFound();
  auto routes = context.catalog.routesOf(request.account(), request.script());
  if (!routes.ok()) return apiError(routes.error());
  json::array all;
  for (const auto& route : *routes) {
    json::object one = shown(route);
    auto zone = context.catalog.findZone(route.zone);
    one["zone_id"] = route.zone;
    one["zone_name"] = zone.ok() ? zone->name : "";
    all.push_back(std::move(one));
  }
  return answer(std::move(all));
}

ApiResult setOfScript(ApiContext& context, const ApiRequest& request) {
  auto body = jsonBody(request.body);
  if (!body.ok()) return body.error();
  if (!body->is_array() || body->get_array().size() > kRoutesMax)
    return badBody("the body must be a list of at most 1000 routes");
  if (!scriptExists(context, request.account(), request.script())) return workerNotFound();
  std::vector<catalog::ScriptRoute> routes;
  for (const auto& entry : body->get_array()) {
    const json::object route = entry.is_string()   ? json::object{{"pattern", entry}}
                               : entry.is_object() ? entry.get_object()
                                                   : json::object();
    auto pattern = textMember(route, "pattern");
    if (!pattern.ok()) return pattern.error();
    if (!*pattern) return badBody("each route needs a pattern");
    auto zones = zonesOf(context, request.account(), route, **pattern);
    if (!zones.ok()) return zones.error();
    for (const auto& zone : *zones) routes.push_back({zone.id, **pattern});
    if (routes.size() > kRoutesMax) return badBody("the routes are more than 1000 together");
  }
  auto set = context.catalog.setRoutes(request.account(), request.script(), routes);
  if (!set.ok()) return apiError(set.error());
  context.parts.publish();
  return showOfScript(context, request);
}

}  // namespace

std::vector<Endpoint> routeEndpoints() {
  return {
      {"GET", "zones/:zone/workers/routes", "List the routes of a zone", "Route[]", list},
      {"POST", "zones/:zone/workers/routes", "Make a route", "Route", create},
      {"GET", "zones/:zone/workers/routes/:route", "Show a route", "Route", show},
      {"PUT", "zones/:zone/workers/routes/:route", "Change a route", "Route", change},
      {"DELETE", "zones/:zone/workers/routes/:route", "Remove a route", "Id", remove},
      {"GET", "accounts/:account/workers/scripts/:script/routes", "List the routes of a Worker", "Route[]",
       showOfScript},
      {"PUT", "accounts/:account/workers/scripts/:script/routes", "Set the routes of a Worker", "Route[]", setOfScript},
      {"GET", "accounts/:account/workers/services/:script/environments/:environment/routes",
       "List the routes of a Worker", "Route[]", showOfScript}};
}

}  // namespace weir::control
