// weir audit: who has changed what.
#include <CLI/CLI.hpp>
#include <memory>

#include "catalog/time_text.h"
#include "cli/catalog_command.h"

namespace weir::cli {

namespace {

using catalog::AuditEntry;

const char* kindOf(catalog::ActorKind kind) {
  switch (kind) {
    case catalog::ActorKind::kOperator: return "operator";
    case catalog::ActorKind::kToken: return "token";
    case catalog::ActorKind::kPlatform: break;
  }
  return "platform";
}

std::string objectOf(const AuditEntry& entry) {
  return JsonObject()
      .text("id", entry.id)
      .text("when", timeText(entry.atMs))
      .textOrNull("account_id", entry.account)
      .text("actor_type", kindOf(entry.actor.kind))
      .text("actor_id", entry.actor.id)
      .text("actor", entry.actor.name)
      .text("via", entry.actor.via)
      .text("from", entry.actor.address)
      .text("action", entry.action)
      .text("resource", entry.resource)
      .text("name", entry.name)
      .raw("detail", base::isJson(entry.detail) ? entry.detail : "null")
      .done();
}

}  // namespace

void addAuditCommand(CLI::App& app, CatalogCommand& command) {
  auto* verb = app.add_subcommand("audit", "Who has changed what, when, and from where; the newest first");
  verb->add_option("--data", command.data, "The data directory")->capture_default_str();
  verb->add_flag("--json", command.json, "As JSON, with all details");
  struct Given {
    catalog::AuditQuery query;
    std::string account, since, before;
  };
  const auto given = std::make_shared<Given>();
  given->query.limit = 50;
  verb->add_option("--account", given->account, "Of this account, by its name or id; one that is gone by its id");
  verb->add_option("--actor", given->query.actor, "By this token or user, by name or id");
  verb->add_option("--action", given->query.action, "create, update, delete, upload, deploy, …");
  verb->add_option("--resource", given->query.resource, "script, zone, route, domain, token, account, …");
  verb->add_option("--name", given->query.name, "Of the one of this name");
  verb->add_option("--since", given->since, "Not earlier than, as 2026-01-31 or 2026-01-31T12:00:00Z");
  verb->add_option("--before", given->before, "Earlier than");
  verb->add_option("--limit", given->query.limit, "At most so many")
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{1}, catalog::kAuditPageMax));
  verb->footer("Example:\n  weir audit --resource script --name shop --since 2026-01-31");
  verb->callback([&command, given] {
    command.run = [given](CatalogSession& session) {
      catalog::AuditQuery query = given->query;
      for (const auto& [text, flag, into] :
           {std::tuple{&given->since, "--since", &query.sinceMs}, {&given->before, "--before", &query.beforeMs}}) {
        if (text->empty()) continue;
        *into = catalog::parseTime(*text);
        if (!*into)
          return session.refuse(
              base::Error{std::string(flag) + " " + *text + ": write it as 2026-01-31 or 2026-01-31T12:00:00Z"});
      }
      if (!given->account.empty()) {
        auto account = session.catalog.findAccount(given->account);
        if (account.ok()) query.account = account->id;
        else query.account = given->account;
      }
      auto page = session.catalog.audit(query);
      if (!page.ok()) return session.refuse(page.error());
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> objects;
      for (const auto& entry : page->entries) {
        rows.push_back({timeText(entry.atMs), entry.actor.name + " (" + kindOf(entry.actor.kind) + ")",
                        entry.actor.address.empty() ? "-" : entry.actor.address, entry.action, entry.resource,
                        entry.name});
        objects.push_back(objectOf(entry));
      }
      return session.list({"WHEN", "WHO", "FROM", "DID", "WHAT", "NAME"}, rows, objects, "no change is known");
    };
  });
}

}  // namespace weir::cli
