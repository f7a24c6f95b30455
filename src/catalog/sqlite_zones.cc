// Zones, routes and custom domains of SqliteCatalog.
#include "catalog/hostname.h"
#include "catalog/route_pattern.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/sqlite_support.h"

namespace weir::catalog {

namespace {

Zone zoneRowOf(const store::Statement& row) {
  Zone zone = zoneFrom(row);
  zone.createdMs = row.integer(4);
  zone.modifiedMs = row.integer(5);
  return zone;
}

CustomDomain domainOf(const store::Statement& row) {
  CustomDomain domain;
  domain.id = row.text(0);
  domain.account = row.text(1);
  domain.hostname = row.text(2);
  domain.script = row.text(3);
  domain.enabled = row.integer(4) != 0;
  domain.previews = row.integer(5) != 0;
  domain.createdMs = row.integer(6);
  return domain;
}

std::optional<std::string> textOf(const std::optional<Origin>& origin) {
  if (!origin) return std::nullopt;
  return formatOrigin(*origin);
}

std::string detailOf(const Route& route) {
  return Detail()
      .text("id", route.id)
      .text("zone", route.zone)
      .textOrNull("script", route.script)
      .boolean("fail_open", route.failOpen)
      .done();
}

Error noRoute(const Zone& zone, std::string_view route) {
  return {Situation::kRouteNotFound,
          "route " + std::string(route) + ": the zone " + zone.name + " has none of this pattern or id"};
}

Error duplicateRoute(std::string_view pattern) {
  return {Situation::kDuplicateRoute,
          "route " + std::string(pattern) + ": the zone has it already; remove it first, or change it"};
}

}  // namespace

Status SqliteCatalog::mayMakeZone(const Account& account, std::string_view name) {
  auto count = db_->query("SELECT count(*) FROM zones WHERE account = ?", account.id);
  if (!count.next()) return *failure(count);
  if (static_cast<uint64_t>(count.integer(0)) >= account.limits().zones) {
    return Error{Situation::kBadZone, "zone " + std::string(name) + ": the account may make " +
                                          std::to_string(account.limits().zones) +
                                          " zones itself; whoever operates this platform makes more"};
  }
  auto near = db_->query(
      "SELECT 1 FROM zones WHERE account <> ?1 AND (substr(?2, -length(name) - 1) = '.' || name "
      "OR substr(name, -length(?2) - 1) = '.' || ?2)",
      account.id, name);
  if (near.next()) {
    return Error{Situation::kZoneExists, "zone " + std::string(name) +
                                             ": another account has a zone around it or inside; whoever operates this "
                                             "platform can make it"};
  }
  if (auto error = failure(near)) return *error;
  return base::Nothing{};
}

// Empty: none.
std::string_view SqliteCatalog::platformDomainOf(std::string_view host) const {
  for (const std::string_view domain : {std::string_view("workers.dev"), std::string_view(workersDomain_)}) {
    if (isInZone(host, domain)) return domain;
  }
  return {};
}

Result<Zone> SqliteCatalog::addZone(const NewZone& zone) {
  return change([&]() -> Result<Zone> {
    const auto name = normalizeHostname(zone.name);
    if (!name)
      return Error{Situation::kBadZone,
                   "zone " + zone.name + ": it is no host name; write international names in their xn-- form"};
    if (const auto domain = platformDomainOf(*name); !domain.empty()) {
      return Error{Situation::kBadZone, "zone " + *name + ": " + std::string(domain) +
                                            " belongs to the platform; scripts answer there by name"};
    }
    auto account = findAccount(zone.account);
    if (!account.ok()) return account.error();
    auto taken = db_->query("SELECT account FROM zones WHERE name = ?", *name);
    if (taken.next()) {
      return Error{Situation::kZoneExists, "zone " + *name + ": there is one of this name" +
                                               (taken.text(0) == account->id ? "" : ", and another account has it")};
    }
    if (auto error = failure(taken)) return *error;
    auto foreign = db_->query(
        "SELECT hostname FROM domains WHERE account <> ?1 AND (hostname = ?2 OR substr(hostname, -length(?2) - 1) = '.' || ?2)",
        account->id, *name);
    if (foreign.next()) {
      return Error{Situation::kZoneExists, "zone " + *name + ": another account has the custom domain " +
                                               std::string(foreign.text(0)) + " in it"};
    }
    if (auto error = failure(foreign)) return *error;
    if (zone.byAccount) {
      if (auto error = failure(mayMakeZone(*account, *name))) return *error;
    }
    const std::string id = newId(random_);
    if (auto error = failure(db_->execute("INSERT INTO zones VALUES (?, ?, ?, ?, ?, ?)", id, account->id, *name,
                                          textOf(zone.origin), nowMs(), nowMs()))) {
      return *error;
    }
    if (auto error = failure(note(ChangeKind::kZone, id))) return *error;
    if (auto error = failure(record(
            {"create", "zone", *name, account->id, Detail().textOrNull("origin", textOf(zone.origin)).done()}))) {
      return *error;
    }
    return findZone(id);
  });
}

Result<std::vector<Zone>> SqliteCatalog::zones(std::optional<std::string_view> account) {
  std::vector<Zone> out;
  auto row = db_->query(
      "SELECT id, account, name, origin, created, modified FROM zones WHERE ?1 IS NULL OR account = ?1 ORDER BY name",
      account);
  while (row.next()) out.push_back(zoneRowOf(row));
  if (auto error = failure(row)) return *error;
  return out;
}

Result<Zone> SqliteCatalog::findZone(std::string_view idOrName) {
  const auto name = normalizeHostname(idOrName);
  auto row = db_->query("SELECT id, account, name, origin, created, modified FROM zones WHERE id = ? OR name = ?",
                        idOrName, name);
  if (row.next()) return zoneRowOf(row);
  if (auto error = failure(row)) return *error;
  return Error{Situation::kZoneNotFound,
               "zone " + std::string(idOrName) + ": there is none of this name or id; see weir zone list"};
}

Result<std::optional<Zone>> SqliteCatalog::zoneOf(std::string_view hostname) {
  const auto host = normalizeHostname(hostname);
  if (!host) return Error{Situation::kBadHostname, "host name " + std::string(hostname) + ": it is none"};
  std::string_view rest = *host;
  for (;;) {
    auto row = db_->query("SELECT id, account, name, origin, created, modified FROM zones WHERE name = ?", rest);
    if (row.next()) return std::optional<Zone>(zoneRowOf(row));
    if (auto error = failure(row)) return *error;
    const size_t dot = rest.find('.');
    if (dot == std::string_view::npos) return std::optional<Zone>();
    rest.remove_prefix(dot + 1);
  }
}

Result<Zone> SqliteCatalog::setOrigin(std::string_view zone, const std::optional<Origin>& origin) {
  return change([&]() -> Result<Zone> {
    auto found = findZone(zone);
    if (!found.ok()) return found;
    if (auto error = failure(
            db_->execute("UPDATE zones SET origin = ?, modified = ? WHERE id = ?", textOf(origin), nowMs(), found->id)))
      return *error;
    if (auto error = failure(note(ChangeKind::kZone, found->id))) return *error;
    if (auto error = failure(record(
            {"update", "zone", found->name, found->account, Detail().textOrNull("origin", textOf(origin)).done()}))) {
      return *error;
    }
    return findZone(found->id);
  });
}

Status SqliteCatalog::removeZone(std::string_view zone) {
  return change([&]() -> Status {
    auto found = findZone(zone);
    if (!found.ok()) return found.error();
    if (auto error = failure(db_->execute("DELETE FROM zones WHERE id = ?", found->id))) return *error;
    if (auto error = failure(record({"delete", "zone", found->name, found->account}))) return *error;
    return note(ChangeKind::kZone, found->id);
  });
}

Result<RoutePattern> SqliteCatalog::checkRoute(const Zone& zone, const NewRoute& route) {
  if (route.script && !isScriptName(*route.script)) {
    return Error{Situation::kBadScriptName, "script " + *route.script + ": no script can have this name"};
  }
  return parseRoutePattern(route.pattern, zone.name);
}

Result<Route> SqliteCatalog::addRoute(std::string_view zone, const NewRoute& route) {
  return change([&]() -> Result<Route> {
    auto owner = findZone(zone);
    if (!owner.ok()) return owner.error();
    return insertRoute(*owner, route);
  });
}

Result<Route> SqliteCatalog::insertRoute(const Zone& zone, const NewRoute& route) {
  auto pattern = checkRoute(zone, route);
  if (!pattern.ok()) return pattern.error();
  auto account = findAccount(zone.account);
  if (!account.ok()) return account.error();
  auto count = db_->query("SELECT count(*) FROM routes WHERE zone = ?", zone.id);
  if (!count.next()) return *failure(count);
  const uint64_t most = account->limits().routesPerZone;
  if (static_cast<uint64_t>(count.integer(0)) >= most) {
    return Error{Situation::kTooManyRoutes, "zone " + zone.name + " has " + std::to_string(most) +
                                                " routes, which is all it may have: remove one that is not needed"};
  }
  Route added{newId(random_), zone.id, formatRoutePattern(*pattern), route.script, route.failOpen};
  auto stored = db_->execute("INSERT INTO routes VALUES (?, ?, ?, ?, ?)", added.id, added.zone, added.pattern,
                             added.script, added.failOpen);
  if (!stored.ok() && stored.error().problem == store::Problem::kExists) return duplicateRoute(added.pattern);
  if (auto error = failure(stored)) return *error;
  if (auto error = failure(note(ChangeKind::kZone, zone.id))) return *error;
  if (auto error = failure(record({"create", "route", added.pattern, zone.account, detailOf(added)}))) return *error;
  return added;
}

Result<std::vector<Route>> SqliteCatalog::routes(std::string_view zone) {
  auto owner = findZone(zone);
  if (!owner.ok()) return owner.error();
  std::vector<Route> out;
  auto row =
      db_->query("SELECT id, zone, pattern, script, fail_open FROM routes WHERE zone = ? ORDER BY pattern", owner->id);
  while (row.next()) out.push_back(routeOf(row));
  if (auto error = failure(row)) return *error;
  return out;
}

Result<std::vector<Route>> SqliteCatalog::routesOf(std::string_view account, std::string_view script) {
  std::vector<Route> out;
  auto row = db_->query(
      "SELECT r.id, r.zone, r.pattern, r.script, r.fail_open FROM routes r JOIN zones z ON z.id = r.zone "
      "WHERE r.script = ? AND z.account = ? ORDER BY r.pattern",
      script, account);
  while (row.next()) out.push_back(routeOf(row));
  if (auto error = failure(row)) return *error;
  return out;
}

Result<Route> SqliteCatalog::changeRoute(std::string_view zone, std::string_view route, const NewRoute& to) {
  return change([&]() -> Result<Route> {
    auto owner = findZone(zone);
    if (!owner.ok()) return owner.error();
    auto pattern = checkRoute(*owner, to);
    if (!pattern.ok()) return pattern.error();
    std::string id;
    {
      auto row = db_->query("SELECT id FROM routes WHERE zone = ?1 AND (id = ?2 OR pattern = ?2)", owner->id, route);
      if (row.next()) id = row.text(0);
      if (auto error = failure(row)) return *error;
    }
    if (id.empty()) return noRoute(*owner, route);
    Route changed{id, owner->id, formatRoutePattern(*pattern), to.script, to.failOpen};
    auto stored = db_->execute("UPDATE routes SET pattern = ?, script = ?, fail_open = ? WHERE id = ?", changed.pattern,
                               changed.script, changed.failOpen, id);
    if (!stored.ok() && stored.error().problem == store::Problem::kExists) return duplicateRoute(changed.pattern);
    if (auto error = failure(stored)) return *error;
    if (auto error = failure(note(ChangeKind::kZone, owner->id))) return *error;
    if (auto error = failure(record({"update", "route", changed.pattern, owner->account, detailOf(changed)})))
      return *error;
    return changed;
  });
}

Status SqliteCatalog::removeRoute(std::string_view zone, std::string_view route) {
  return change([&]() -> Status {
    auto owner = findZone(zone);
    if (!owner.ok()) return owner.error();
    // In whatever spelling it is named.
    const auto pattern = parseRoutePattern(route, owner->name);
    const std::string canonical = pattern.ok() ? formatRoutePattern(*pattern) : std::string(route);
    std::string removed;
    {
      auto row = db_->query("DELETE FROM routes WHERE zone = ? AND (id = ? OR pattern = ?) RETURNING pattern",
                            owner->id, route, canonical);
      while (row.next()) removed = row.text(0);
      if (auto error = failure(row)) return *error;
    }
    if (removed.empty()) return noRoute(*owner, route);
    if (auto error =
            failure(record({"delete", "route", removed, owner->account, Detail().text("zone", owner->id).done()}))) {
      return *error;
    }
    return note(ChangeKind::kZone, owner->id);
  });
}

Result<CustomDomain> SqliteCatalog::addDomain(const NewCustomDomain& domain) {
  return change([&] { return insertDomain(domain); });
}

Result<CustomDomain> SqliteCatalog::insertDomain(const NewCustomDomain& domain) {
  const auto hostname = normalizeHostname(domain.hostname);
  if (!hostname) return Error{Situation::kBadHostname, "custom domain " + domain.hostname + ": it is no host name"};
  if (const auto platform = platformDomainOf(*hostname); !platform.empty()) {
    return Error{Situation::kDomainOutsideZone,
                 "custom domain " + *hostname + ": " + std::string(platform) + " belongs to the platform"};
  }
  if (!isScriptName(domain.script))
    return Error{Situation::kBadScriptName, "script " + domain.script + ": no script can have this name"};
  auto account = findAccount(domain.account);
  if (!account.ok()) return account.error();
  auto zone = zoneOf(*hostname);
  if (!zone.ok()) return zone.error();
  if (*zone && (*zone)->account != account->id) {
    return Error{Situation::kDomainOutsideZone,
                 "custom domain " + *hostname + ": the zone " + (*zone)->name + " belongs to another account"};
  }
  if (*zone) {
    auto count =
        db_->query("SELECT count(*) FROM domains WHERE hostname = ?1 OR substr(hostname, -length(?1) - 1) = '.' || ?1",
                   (*zone)->name);
    if (!count.next()) return *failure(count);
    const uint64_t most = account->limits().domainsPerZone;
    if (static_cast<uint64_t>(count.integer(0)) >= most) {
      return Error{Situation::kTooManyDomains,
                   "zone " + (*zone)->name + " has " + std::to_string(most) +
                       " custom domains, which is all it may have: remove one that is not needed"};
    }
  }
  CustomDomain added;
  added.id = newId(random_);
  added.account = account->id;
  added.hostname = *hostname;
  if (*zone) added.zone = (*zone)->id;
  added.script = domain.script;
  added.enabled = domain.enabled;
  added.previews = domain.previews;
  added.createdMs = nowMs();
  auto stored = db_->execute("INSERT INTO domains VALUES (?, ?, ?, ?, ?, ?, ?)", added.id, added.account,
                             added.hostname, added.script, added.enabled, added.previews, added.createdMs);
  if (!stored.ok() && stored.error().problem == store::Problem::kExists) {
    return Error{Situation::kDuplicateDomain,
                 "custom domain " + *hostname + ": a script has it already; remove it there first"};
  }
  if (auto error = failure(stored)) return *error;
  if (auto error = failure(note(ChangeKind::kDomain, *hostname))) return *error;
  if (auto error = failure(record({"create", "domain", *hostname, account->id,
                                   Detail()
                                       .text("script", added.script)
                                       .boolean("enabled", added.enabled)
                                       .boolean("previews", added.previews)
                                       .done()}))) {
    return *error;
  }
  return added;
}

Result<std::vector<CustomDomain>> SqliteCatalog::domains(std::string_view account) {
  std::vector<CustomDomain> out;
  auto row = db_->query(
      "SELECT id, account, hostname, script, enabled, previews, created FROM domains WHERE account = ? ORDER BY hostname",
      account);
  while (row.next()) out.push_back(domainOf(row));
  if (auto error = failure(row)) return *error;
  for (auto& domain : out) {
    auto zone = zoneOf(domain.hostname);
    if (!zone.ok()) return zone.error();
    if (*zone) domain.zone = (*zone)->id;
  }
  return out;
}

Status SqliteCatalog::removeDomain(std::string_view account, std::string_view idOrHostname) {
  return change([&]() -> Status {
    const auto hostname = normalizeHostname(idOrHostname);
    std::string found;
    {
      auto row = db_->query("SELECT hostname FROM domains WHERE account = ? AND (id = ? OR hostname = ?)", account,
                            idOrHostname, hostname);
      if (row.next()) found = row.text(0);
      if (auto error = failure(row)) return *error;
    }
    if (found.empty()) {
      return Error{Situation::kDomainNotFound,
                   "custom domain " + std::string(idOrHostname) + ": the account has none of this name or id"};
    }
    return dropDomain(account, found);
  });
}

Status SqliteCatalog::dropDomain(std::string_view account, std::string_view hostname) {
  if (auto error = failure(db_->execute("DELETE FROM domains WHERE hostname = ?", hostname))) return *error;
  if (auto error = failure(record({"delete", "domain", hostname, account}))) return *error;
  return note(ChangeKind::kDomain, hostname);
}

}  // namespace weir::catalog
