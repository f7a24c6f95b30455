// weir account: who pays and owns.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>

#include "cli/catalog_command.h"

namespace weir::cli {

namespace {

using catalog::Account;

std::string objectOf(const Account& account, std::optional<uint64_t> requestsToday = {}) {
  JsonObject limits;
  const auto resolved = account.limits();
  for (const auto& field : catalog::limitFields()) limits.number(field.name, resolved.*field.member);
  std::string own = "[";
  for (const auto& entry : account.overrides) own += (own.size() > 1 ? ",\"" : "\"") + entry.name + "\"";
  JsonObject object;
  object.text("id", account.id)
      .text("name", account.name)
      .text("plan", catalog::nameOf(account.plan))
      .boolean("suspended", account.suspended)
      .textOrNull("subdomain", account.subdomain)
      .text("created_on", timeText(account.createdMs))
      .raw("limits", limits.done())
      .raw("limits_set", own + "]");
  if (requestsToday) object.number("requests_today", *requestsToday);
  return object.done();
}

std::string lineOf(const Account& account) {
  return "account " + account.name + " (" + account.id + "), plan " + std::string(catalog::nameOf(account.plan)) +
         (account.subdomain ? ", subdomain " + *account.subdomain : "") + (account.suspended ? ", suspended" : "");
}

std::string textOf(const catalog::LimitField& field, uint64_t value) {
  return value == 0 && !field.zero.empty() ? std::string(field.zero) : std::to_string(value);
}

// "cpu_ms=50"; the catalog knows which names there are.
catalog::Result<std::vector<catalog::LimitOverride>> limitsOf(const std::vector<std::string>& given) {
  std::vector<catalog::LimitOverride> out;
  for (const auto& text : given) {
    const size_t equals = text.find('=');
    uint64_t value = 0;
    const char* end = text.data() + text.size();
    if (equals == std::string::npos || equals + 1 == text.size()) {
      return catalog::Error{catalog::Situation::kBadAccount, "--limit " + text + ": write it as NAME=NUMBER"};
    }
    const auto [at, error] = std::from_chars(text.data() + equals + 1, end, value);
    if (error != std::errc() || at != end) {
      return catalog::Error{catalog::Situation::kBadAccount,
                            "--limit " + text + ": " + text.substr(equals + 1) + " is no whole number"};
    }
    out.push_back({text.substr(0, equals), value});
  }
  return out;
}

catalog::Result<catalog::Plan> planOf(const std::string& name) {
  if (const auto plan = catalog::findPlan(name)) return *plan;
  return catalog::Error{catalog::Situation::kBadAccount, "--plan " + name + ": known are free and paid"};
}

int change(CatalogSession& session, const std::string& name, const catalog::AccountChange& wanted) {
  auto account = session.catalog.findAccount(name);
  if (!account.ok()) return session.refuse(account.error());
  auto changed = session.catalog.changeAccount(account->id, wanted);
  if (!changed.ok()) return session.refuse(changed.error());
  return session.say(lineOf(*changed), objectOf(*changed));
}

}  // namespace

void addAccountCommand(CLI::App& app, CatalogCommand& command) {
  auto* noun = addNoun(app, "account", "Accounts: who owns scripts and zones, with which plan",
                       "weir account add acme --plan free --subdomain acme");

  addVerb(*noun, command, "list", "Every account", "weir account list")->callback([&command] {
    command.run = [](CatalogSession& session) {
      auto accounts = session.catalog.accounts();
      if (!accounts.ok()) return session.refuse(accounts.error());
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> objects;
      for (const auto& account : *accounts) {
        rows.push_back({account.name, account.id, std::string(catalog::nameOf(account.plan)),
                        account.subdomain.value_or("-"), account.suspended ? "suspended" : "active"});
        objects.push_back(objectOf(account));
      }
      return session.list({"NAME", "ID", "PLAN", "SUBDOMAIN", "STATE"}, rows, objects, "no accounts");
    };
  });

  struct Given {
    std::string name, plan = "free", subdomain, newName;
    std::vector<std::string> limits, dropped;
  };
  const auto given = std::make_shared<Given>();
  const std::string limitHelp = "A limit other than the plan's, NAME=NUMBER; weir account show lists the names";

  auto* add = addVerb(*noun, command, "add", "Make an account",
                      "weir account add acme --plan free --subdomain acme --limit cpu_ms=50");
  add->add_option("NAME", given->name, "What to call it")->required();
  add->add_option("--plan", given->plan, "free or paid")->capture_default_str();
  add->add_option("--subdomain", given->subdomain,
                  "Its scripts answer at SCRIPT.SUBDOMAIN.workers.dev and under --workers-domain");
  add->add_option("--limit", given->limits, limitHelp);
  add->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto limits = limitsOf(given->limits);
      if (!limits.ok()) return session.refuse(limits.error());
      auto plan = planOf(given->plan);
      if (!plan.ok()) return session.refuse(plan.error());
      catalog::NewAccount account{given->name, *plan, *limits, {}};
      if (!given->subdomain.empty()) account.subdomain = given->subdomain;
      auto made = session.catalog.addAccount(account);
      if (!made.ok()) return session.refuse(made.error());
      return session.say(lineOf(*made), objectOf(*made));
    };
  });

  auto* show = addVerb(*noun, command, "show", "One account with its limits", "weir account show acme");
  show->add_option("NAME", given->name, "Its name or id")->required();
  show->callback([&command, given] {
    command.run = [given](CatalogSession& session) {
      auto account = session.catalog.findAccount(given->name);
      if (!account.ok()) return session.refuse(account.error());
      std::string text = lineOf(*account);
      const auto limits = account->limits();
      for (const auto& field : catalog::limitFields()) {
        const uint64_t value = limits.*field.member;
        const bool own = std::any_of(account->overrides.begin(), account->overrides.end(),
                                     [&](const auto& entry) { return entry.name == field.name; });
        text += "\n  " + std::string(field.name) + std::string(20 - std::min<size_t>(field.name.size(), 19), ' ');
        text += textOf(field, value);
        if (own) text += "  (set)";
      }
      auto usage = session.catalog.usage();
      if (!usage.ok()) return session.refuse(usage.error());
      // Counted only while there is a daily limit; saved once a second by the weir that serves.
      uint64_t today = 0;
      for (const auto& each : *usage) {
        if (each.account == account->id && each.daily.day == catalog::DailyCount::dayOf(session.clock.wallMs()))
          today = each.daily.requests;
      }
      text += "\n  requests today      " + std::to_string(today) +
              (limits.requestsPerDay == 0 ? "  (not counted: there is no limit)" : "");
      return session.say(text, objectOf(*account, today));
    };
  });

  auto* set = addVerb(*noun, command, "set", "Change plan, limits, subdomain or name",
                      "weir account set acme --plan paid --limit requests_per_day=500000");
  set->add_option("NAME", given->name, "Its name or id")->required();
  auto* plan = set->add_option("--plan", given->plan, "free or paid");
  set->add_option("--subdomain", given->subdomain, "Where its scripts answer");
  set->add_option("--limit", given->limits, limitHelp);
  set->add_option("--drop-limit", given->dropped, "Back to the plan's limit of this name");
  set->add_option("--name", given->newName, "Another name");
  set->callback([&command, given, plan] {
    const bool planGiven = plan->count() > 0;
    if (!planGiven && given->subdomain.empty() && given->limits.empty() && given->dropped.empty() &&
        given->newName.empty())
      throw CLI::RequiredError("--plan, --subdomain, --limit, --drop-limit or --name");
    command.changes = true;
    command.run = [given, planGiven](CatalogSession& session) {
      catalog::AccountChange wanted;
      auto limits = limitsOf(given->limits);
      if (!limits.ok()) return session.refuse(limits.error());
      wanted.setOverrides = *limits;
      wanted.dropOverrides = given->dropped;
      if (planGiven) {
        auto plan = planOf(given->plan);
        if (!plan.ok()) return session.refuse(plan.error());
        wanted.plan = *plan;
      }
      if (!given->subdomain.empty()) wanted.subdomain = given->subdomain;
      if (!given->newName.empty()) wanted.name = given->newName;
      return change(session, given->name, wanted);
    };
  });

  for (const bool suspended : {true, false}) {
    auto* verb = addVerb(*noun, command, suspended ? "suspend" : "resume",
                         suspended ? "Stop everything it owns: page 1103" : "Let it go on",
                         suspended ? "weir account suspend acme" : "weir account resume acme");
    verb->add_option("NAME", given->name, "Its name or id")->required();
    verb->callback([&command, given, suspended] {
      command.changes = true;
      command.run = [given, suspended](CatalogSession& session) {
        catalog::AccountChange wanted;
        wanted.suspended = suspended;
        return change(session, given->name, wanted);
      };
    });
  }

  auto* remove =
      addVerb(*noun, command, "remove", "Remove an account that owns nothing any more", "weir account remove acme");
  remove->add_option("NAME", given->name, "Its name or id")->required();
  remove->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto account = session.catalog.findAccount(given->name);
      if (!account.ok()) return session.refuse(account.error());
      if (auto removed = session.catalog.removeAccount(account->id); !removed.ok())
        return session.refuse(removed.error());
      return session.say("removed account " + account->name, objectOf(*account));
    };
  });
}

}  // namespace weir::cli
