// weir route: which script answers what part of a zone.
#include <CLI/CLI.hpp>
#include <memory>

#include "catalog/route_pattern.h"
#include "cli/catalog_command.h"

namespace weir::cli {

namespace {

using catalog::Route;
using catalog::Zone;

std::string objectOf(const Route& route, const Zone& zone) {
  return JsonObject()
      .text("id", route.id)
      .text("pattern", route.pattern)
      .textOrNull("script", route.script)
      .boolean("request_limit_fail_open", route.failOpen)
      .text("zone_id", zone.id)
      .text("zone_name", zone.name)
      .done();
}

std::string lineOf(const Route& route) {
  return "route " + route.pattern + " → " + (route.script ? "script " + *route.script : "the origin") +
         (route.failOpen ? ", fails open" : "");
}

// The zone of a pattern: the one named, else the innermost its host lies in.
catalog::Result<Zone> zoneOf(CatalogSession& session, const std::string& named, const std::string& pattern) {
  if (!named.empty()) return session.catalog.findZone(named);
  std::string_view host = pattern;
  if (const size_t scheme = host.find("://"); scheme != std::string_view::npos) host.remove_prefix(scheme + 3);
  host = host.substr(0, host.find('/'));
  if (host.starts_with("*.")) host.remove_prefix(2);
  else if (host.starts_with("*")) host.remove_prefix(1);
  if (host.empty()) {
    return catalog::Error{catalog::Situation::kBadRoute,
                          "route pattern " + pattern + ": it names no host, so name its zone with --zone"};
  }
  auto zone = session.catalog.zoneOf(host);
  if (!zone.ok()) {
    // What is wrong with it does not depend on the zone.
    auto parsed = catalog::parseRoutePattern(pattern, "");
    return parsed.ok() ? zone.error() : parsed.error();
  }
  if (*zone) return **zone;
  return catalog::Error{catalog::Situation::kZoneNotFound, "route pattern " + pattern + ": " + std::string(host) +
                                                               " lies in no zone; add one with weir zone add"};
}

}  // namespace

void addRouteCommand(CLI::App& app, CatalogCommand& command) {
  auto* noun = addNoun(app, "route", "Routes: which script answers what part of a zone; the most specific pattern wins",
                       "weir route add 'example.com/api/*' --script api");
  struct Given {
    std::string pattern, script, zone;
    bool none = false, failOpen = false;
  };
  const auto given = std::make_shared<Given>();

  auto* list = addVerb(*noun, command, "list", "Every route", "weir route list --zone example.com");
  list->add_option("--zone", given->zone, "Only those of this zone");
  list->callback([&command, given] {
    command.run = [given](CatalogSession& session) {
      std::vector<Zone> zones;
      if (given->zone.empty()) {
        auto all = session.catalog.zones({});
        if (!all.ok()) return session.refuse(all.error());
        zones = std::move(all).value();
      } else {
        auto zone = session.catalog.findZone(given->zone);
        if (!zone.ok()) return session.refuse(zone.error());
        zones.push_back(std::move(zone).value());
      }
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> objects;
      for (const auto& zone : zones) {
        auto routes = session.catalog.routes(zone.id);
        if (!routes.ok()) return session.refuse(routes.error());
        for (const auto& route : *routes) {
          rows.push_back({route.pattern, route.script.value_or("(origin)"), route.failOpen ? "open" : "closed",
                          zone.name, route.id});
          objects.push_back(objectOf(route, zone));
        }
      }
      return session.list({"PATTERN", "SCRIPT", "FAILS", "ZONE", "ID"}, rows, objects,
                          "no routes; add one with weir route add PATTERN --script NAME");
    };
  });

  auto* add =
      addVerb(*noun, command, "add", "Send what matches a pattern to a script, or past all scripts",
              "weir route add 'example.com/api/*' --script api\n  weir route add 'example.com/api/health' --none");
  add->add_option(
         "PATTERN", given->pattern,
         "[http://|https://][*[.]]HOST[/PATH][*]; without a * at its end the path is matched whole, query included")
      ->required();
  auto* script = add->add_option("--script", given->script, "The script that answers");
  auto* none = add->add_flag("--none", given->none, "No script: to the zone's origin");
  script->excludes(none);
  add->add_flag("--fail-open", given->failOpen,
                "When the account's daily quota is used up: to the origin instead of page 1027");
  add->add_option("--zone", given->zone, "Its zone; else the innermost one of its host");
  add->callback([&command, given] {
    if (given->script.empty() && !given->none) throw CLI::RequiredError("--script or --none");
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto zone = zoneOf(session, given->zone, given->pattern);
      if (!zone.ok()) return session.refuse(zone.error());
      catalog::NewRoute wanted{given->pattern, std::nullopt, given->failOpen};
      if (!given->none) wanted.script = given->script;
      auto route = session.catalog.addRoute(zone->id, wanted);
      if (!route.ok()) return session.refuse(route.error());
      std::string text = lineOf(*route);
      if (route->script && !session.catalog.findScript(zone->account, *route->script).ok()) {
        text += "\n  the catalog has no script " + *route->script +
                ": unless weir.toml does, requests get page 1022 until it is deployed";
      }
      return session.say(text, objectOf(*route, *zone));
    };
  });

  auto* remove = addVerb(*noun, command, "remove", "Remove a route", "weir route remove 'example.com/api/*'");
  remove->add_option("PATTERN", given->pattern, "Its pattern, or with --zone its id")->required();
  remove->add_option("--zone", given->zone, "Its zone; else the innermost one of its host");
  remove->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto zone = zoneOf(session, given->zone, given->pattern);
      if (!zone.ok()) return session.refuse(zone.error());
      if (auto removed = session.catalog.removeRoute(zone->id, given->pattern); !removed.ok())
        return session.refuse(removed.error());
      return session.say("removed route " + given->pattern,
                         JsonObject().text("pattern", given->pattern).text("zone_id", zone->id).done());
    };
  });
}

}  // namespace weir::cli
