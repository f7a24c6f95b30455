// weir zone: host name suffixes with their origins.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/catalog_command.h"

namespace weir::cli {

namespace {

using catalog::Zone;

std::optional<std::string> originOf(const Zone& zone) {
  if (!zone.origin) return std::nullopt;
  return catalog::formatOrigin(*zone.origin);
}

std::string objectOf(const Zone& zone) {
  return JsonObject()
      .text("id", zone.id)
      .text("name", zone.name)
      .text("account_id", zone.account)
      .textOrNull("origin", originOf(zone))
      .text("created_on", timeText(zone.createdMs))
      .text("modified_on", timeText(zone.modifiedMs))
      .done();
}

std::string lineOf(const Zone& zone) { return "zone " + zone.name + ", origin " + originOf(zone).value_or("none"); }

// Empty: none.
catalog::Result<std::optional<catalog::Origin>> parse(const std::string& text) {
  if (text.empty()) return std::optional<catalog::Origin>();
  auto origin = catalog::parseOrigin(text);
  if (!origin.ok()) return origin.error();
  return std::optional<catalog::Origin>(*origin);
}

}  // namespace

void addZoneCommand(CLI::App& app, CatalogCommand& command) {
  auto* noun = addNoun(app, "zone", "Zones: host names, with the origin behind them",
                       "weir zone add example.com --origin http://127.0.0.1:9000");
  struct Given {
    std::string name, origin, account;
    bool none = false;
  };
  const auto given = std::make_shared<Given>();

  auto* list = addVerb(*noun, command, "list", "Every zone", "weir zone list");
  list->add_option("--account", given->account, "Only those of this account");
  list->callback([&command, given] {
    command.run = [given](CatalogSession& session) {
      auto owner = session.accountFilter(given->account);
      if (!owner.ok()) return session.refuse(owner.error());
      auto zones = session.catalog.zones(*owner);
      if (!zones.ok()) return session.refuse(zones.error());
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> objects;
      for (const auto& zone : *zones) {
        auto account = session.catalog.findAccount(zone.account);
        rows.push_back({zone.name, originOf(zone).value_or("-"), account.ok() ? account->name : zone.account, zone.id});
        objects.push_back(objectOf(zone));
      }
      return session.list({"NAME", "ORIGIN", "ACCOUNT", "ID"}, rows, objects,
                          "no zones; add one with weir zone add NAME --origin URL");
    };
  });

  auto* add = addVerb(*noun, command, "add", "Add a zone: this host name and all below it",
                      "weir zone add example.com --origin http://127.0.0.1:9000");
  add->add_option("NAME", given->name, "The host name")->required();
  add->add_option("--origin", given->origin, "Where requests go that no script answers, http://HOST:PORT");
  add->add_option("--account", given->account, "Whose it is; not needed where there is one account");
  add->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto account = session.account(given->account);
      if (!account.ok()) return session.refuse(account.error());
      auto origin = parse(given->origin);
      if (!origin.ok()) return session.refuse(origin.error());
      auto zone = session.catalog.addZone({account->id, given->name, *origin});
      if (!zone.ok()) return session.refuse(zone.error());
      return session.say(lineOf(*zone), objectOf(*zone));
    };
  });

  auto* set = addVerb(*noun, command, "set", "Give a zone another origin",
                      "weir zone set example.com --origin https://10.0.0.5");
  set->add_option("NAME", given->name, "The zone's name or id")->required();
  auto* origin = set->add_option("--origin", given->origin, "http://HOST:PORT or https://HOST:PORT");
  auto* none = set->add_flag("--no-origin", given->none, "None: what no script answers is page 523");
  origin->excludes(none);
  set->callback([&command, given] {
    if (given->origin.empty() && !given->none) throw CLI::RequiredError("--origin or --no-origin");
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto origin = parse(given->origin);
      if (!origin.ok()) return session.refuse(origin.error());
      auto zone = session.catalog.setOrigin(given->name, *origin);
      if (!zone.ok()) return session.refuse(zone.error());
      return session.say(lineOf(*zone), objectOf(*zone));
    };
  });

  auto* remove = addVerb(*noun, command, "remove", "Remove a zone and its routes", "weir zone remove example.com");
  remove->add_option("NAME", given->name, "The zone's name or id")->required();
  remove->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto zone = session.catalog.findZone(given->name);
      if (!zone.ok()) return session.refuse(zone.error());
      if (auto removed = session.catalog.removeZone(zone->id); !removed.ok()) return session.refuse(removed.error());
      return session.say("removed zone " + zone->name, objectOf(*zone));
    };
  });
}

}  // namespace weir::cli
