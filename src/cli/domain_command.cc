// weir domain: whole hosts whose origin is a script.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/catalog_command.h"

namespace weir::cli {

namespace {

using catalog::CustomDomain;

std::string objectOf(const CustomDomain& domain) {
  return JsonObject()
      .text("id", domain.id)
      .text("hostname", domain.hostname)
      .text("service", domain.script)
      .text("account_id", domain.account)
      .textOrNull("zone_id", domain.zone)
      .boolean("enabled", domain.enabled)
      .text("created_on", timeText(domain.createdMs))
      .done();
}

}  // namespace

void addDomainCommand(CLI::App& app, CatalogCommand& command) {
  auto* noun =
      addNoun(app, "domain", "Custom domains: hosts that a script answers whole, behind the routes of their zone",
              "weir domain add shop.example.com --script shop");
  struct Given {
    std::string hostname, script, account;
  };
  const auto given = std::make_shared<Given>();

  auto* list = addVerb(*noun, command, "list", "Every custom domain", "weir domain list");
  list->add_option("--account", given->account, "Only those of this account");
  list->callback([&command, given] {
    command.run = [given](CatalogSession& session) {
      std::vector<catalog::Account> owners;
      if (given->account.empty()) {
        auto accounts = session.catalog.accounts();
        if (!accounts.ok()) return session.refuse(accounts.error());
        owners = std::move(accounts).value();
      } else {
        auto account = session.catalog.findAccount(given->account);
        if (!account.ok()) return session.refuse(account.error());
        owners.push_back(std::move(account).value());
      }
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> objects;
      for (const auto& owner : owners) {
        auto domains = session.catalog.domains(owner.id);
        if (!domains.ok()) return session.refuse(domains.error());
        for (const auto& domain : *domains) {
          rows.push_back({domain.hostname, domain.script, owner.name, domain.id});
          objects.push_back(objectOf(domain));
        }
      }
      return session.list({"HOST", "SCRIPT", "ACCOUNT", "ID"}, rows, objects,
                          "no custom domains; add one with weir domain add HOST --script NAME");
    };
  });

  auto* add = addVerb(*noun, command, "add", "Let a script answer a whole host",
                      "weir domain add shop.example.com --script shop");
  add->add_option("HOST", given->hostname, "The host name")->required();
  add->add_option("--script", given->script, "The script that answers")->required();
  add->add_option("--account", given->account, "Whose script it is; not needed where there is one account");
  add->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto account = session.account(given->account);
      if (!account.ok()) return session.refuse(account.error());
      auto domain = session.catalog.addDomain({account->id, given->hostname, given->script});
      if (!domain.ok()) return session.refuse(domain.error());
      std::string text = "custom domain " + domain->hostname + " → script " + domain->script;
      if (!session.catalog.findScript(account->id, domain->script).ok()) {
        text += "\n  the catalog has no script " + domain->script +
                ": unless weir.toml does, requests get page 1022 until it is deployed";
      }
      return session.say(text, objectOf(*domain));
    };
  });

  auto* remove = addVerb(*noun, command, "remove", "Remove a custom domain", "weir domain remove shop.example.com");
  remove->add_option("HOST", given->hostname, "The host name or its id")->required();
  remove->add_option("--account", given->account, "Whose it is; not needed where there is one account");
  remove->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto account = session.account(given->account);
      if (!account.ok()) return session.refuse(account.error());
      if (auto removed = session.catalog.removeDomain(account->id, given->hostname); !removed.ok())
        return session.refuse(removed.error());
      return session.say("removed custom domain " + given->hostname,
                         JsonObject().text("hostname", given->hostname).done());
    };
  });
}

}  // namespace weir::cli
