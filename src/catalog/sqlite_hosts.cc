// All routes and all custom domains of one script, of SqliteCatalog.
#include <algorithm>

#include "catalog/hostname.h"
#include "catalog/route_pattern.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

Result<std::vector<Route>> SqliteCatalog::setRoutes(std::string_view account, std::string_view script,
                                                    const std::vector<ScriptRoute>& routes) {
  return change([&]() -> Result<std::vector<Route>> {
    struct Wanted {
      Zone zone;
      std::string pattern;  // in its one spelling
      bool there = false;
    };
    std::vector<Wanted> wanted;
    for (const auto& route : routes) {
      auto zone = findZone(route.zone);
      if (!zone.ok()) return zone.error();
      if (zone->account != account) {
        return Error{Situation::kZoneNotFound, "zone " + zone->name + ": it belongs to another account"};
      }
      auto pattern = checkRoute(*zone, {route.pattern, std::string(script), false});
      if (!pattern.ok()) return pattern.error();
      const std::string text = formatRoutePattern(*pattern);
      const bool twice = std::any_of(wanted.begin(), wanted.end(), [&](const Wanted& other) {
        return other.zone.id == zone->id && other.pattern == text;
      });
      if (!twice) wanted.push_back({*zone, text});
    }
    auto before = routesOf(account, script);
    if (!before.ok()) return before;
    std::vector<std::string> patterns;
    for (const auto& route : *before) {
      const auto kept = std::find_if(wanted.begin(), wanted.end(), [&](const Wanted& one) {
        return one.zone.id == route.zone && one.pattern == route.pattern;
      });
      if (kept != wanted.end()) {
        kept->there = true;
        continue;
      }
      if (auto error = failure(db_->execute("DELETE FROM routes WHERE id = ?", route.id))) return *error;
      if (auto error =
              failure(record({"delete", "route", route.pattern, account, Detail().text("zone", route.zone).done()}))) {
        return *error;
      }
      if (auto error = failure(note(ChangeKind::kZone, route.zone))) return *error;
    }
    for (const auto& one : wanted) {
      patterns.push_back(one.pattern);
      if (one.there) continue;
      auto added = insertRoute(one.zone, {one.pattern, std::string(script), false});
      if (!added.ok()) return added.error();
    }
    if (auto error = failure(
            record({"update", "routes", script, account, Detail().raw("patterns", jsonList(patterns)).done()}))) {
      return *error;
    }
    return routesOf(account, script);
  });
}

Result<std::vector<CustomDomain>> SqliteCatalog::setDomains(std::string_view account, std::string_view script,
                                                            const std::vector<NewCustomDomain>& domains,
                                                            const DomainChange& how) {
  return change([&]() -> Result<std::vector<CustomDomain>> {
    auto before = this->domains(account);
    if (!before.ok()) return before;
    std::vector<CustomDomain> after;
    std::vector<std::string> hostnames;
    for (const auto& domain : domains) {
      const auto hostname = normalizeHostname(domain.hostname);
      if (hostname && std::find(hostnames.begin(), hostnames.end(), *hostname) != hostnames.end()) continue;
      hostnames.push_back(hostname.value_or(domain.hostname));
      const auto known = std::find_if(before->begin(), before->end(),
                                      [&](const CustomDomain& each) { return each.hostname == hostnames.back(); });
      if (known == before->end()) {
        auto added = insertDomain(domain);
        if (!added.ok()) return added.error();
        after.push_back(std::move(added).value());
        continue;
      }
      if (known->script != script && !how.fromOthers) {
        return Error{Situation::kDuplicateDomain, "custom domain " + known->hostname + ": the script " + known->script +
                                                      " has it already; remove it there first"};
      }
      after.push_back(*known);
      if (known->script == script && known->enabled == domain.enabled && known->previews == domain.previews) continue;
      after.back().script = script;
      after.back().enabled = domain.enabled;
      after.back().previews = domain.previews;
      if (auto error = failure(db_->execute("UPDATE domains SET script = ?, enabled = ?, previews = ? WHERE id = ?",
                                            script, domain.enabled, domain.previews, known->id))) {
        return *error;
      }
      if (auto error = failure(record({"update", "domain", known->hostname, account,
                                       Detail()
                                           .text("script", script)
                                           .text("script_before", known->script)
                                           .boolean("enabled", domain.enabled)
                                           .boolean("previews", domain.previews)
                                           .done()}))) {
        return *error;
      }
      if (auto error = failure(note(ChangeKind::kDomain, known->hostname))) return *error;
    }
    if (how.alone) {
      for (const auto& domain : *before) {
        if (domain.script != script) continue;
        if (std::find(hostnames.begin(), hostnames.end(), domain.hostname) != hostnames.end()) continue;
        if (auto error = failure(dropDomain(account, domain.hostname))) return *error;
      }
    }
    if (auto error = failure(
            record({"update", "domains", script, account, Detail().raw("hostnames", jsonList(hostnames)).done()}))) {
      return *error;
    }
    return after;
  });
}

}  // namespace weir::catalog
