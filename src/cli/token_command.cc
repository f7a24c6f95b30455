// weir token: what clients of the management API prove themselves with.
#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "base/random.h"
#include "cli/catalog_command.h"

namespace weir::cli {

namespace {

using catalog::Token;

JsonObject objectOf(const Token& token) {
  std::string scripts = "[";
  for (const auto& script : token.scope.scripts) {
    if (scripts.size() > 1) scripts += ',';
    base::appendJsonString(scripts, script);
  }
  const auto time = [](const std::optional<catalog::UnixMs>& ms) {
    return ms ? std::optional<std::string>(timeText(*ms)) : std::nullopt;
  };
  return JsonObject()
      .text("id", token.id)
      .text("name", token.name)
      .textOrNull("account_id", token.scope.account)
      .text("access", token.scope.access == catalog::TokenAccess::kWrite ? "write" : "read")
      .raw("scripts", scripts + "]")
      .text("issued_on", timeText(token.createdMs))
      .textOrNull("expires_on", time(token.expiresMs))
      .textOrNull("last_used_on", time(token.usedMs))
      .text("last_used_from", token.usedFrom);
}

// "90d", "12h", "30m".
catalog::Result<catalog::UnixMs> lifeOf(const std::string& text) {
  catalog::UnixMs number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  const catalog::UnixMs unitMs = unit == "m" ? 60'000 : unit == "h" ? 3'600'000 : unit == "d" ? 86'400'000 : 0;
  if (error != std::errc() || unitMs == 0 || number < 1 || number > 36'500) {
    return catalog::Error{catalog::Situation::kBadToken,
                          "--expires-in " + text + ": write it as 30m, 12h or 90d, at most 36500 of them"};
  }
  return number * unitMs;
}

}  // namespace

void addTokenCommand(CLI::App& app, CatalogCommand& command) {
  auto* noun =
      addNoun(app, "token", "Tokens: what wrangler and other clients of the management API need", "weir token list");
  struct Given {
    std::string name, account, expires;
    std::vector<std::string> scripts;
    bool everywhere = false;
    bool readOnly = false;
  };
  const auto given = std::make_shared<Given>();

  auto* list = addVerb(*noun, command, "list", "Every token, without its text", "weir token list");
  list->add_option("--account", given->account, "Only those of this account");
  list->callback([&command, given] {
    command.run = [given](CatalogSession& session) {
      auto owner = session.accountFilter(given->account);
      if (!owner.ok()) return session.refuse(owner.error());
      auto tokens = session.catalog.tokens(*owner);
      if (!tokens.ok()) return session.refuse(tokens.error());
      const auto nowMs = static_cast<catalog::UnixMs>(session.clock.wallMs());
      std::vector<std::vector<std::string>> rows;
      std::vector<std::string> objects;
      for (const auto& token : *tokens) {
        std::string account = "every";
        if (token.scope.account) {
          auto found = session.catalog.findAccount(*token.scope.account);
          account = found.ok() ? found->name : *token.scope.account;
        }
        const std::string scripts =
            token.scope.scripts.empty() ? "all"
            : token.scope.scripts.size() == 1
                ? token.scope.scripts.front()
                : token.scope.scripts.front() + " and " + std::to_string(token.scope.scripts.size() - 1) + " more";
        rows.push_back({token.name, token.id, account,
                        token.scope.access == catalog::TokenAccess::kWrite ? "write" : "read", scripts,
                        !token.expiresMs       ? "never"
                        : token.expired(nowMs) ? "expired"
                                               : timeText(*token.expiresMs),
                        token.usedMs ? timeText(*token.usedMs) : "never"});
        objects.push_back(objectOf(token).done());
      }
      return session.list({"NAME", "ID", "ACCOUNT", "ACCESS", "SCRIPTS", "EXPIRES", "LAST USED"}, rows, objects,
                          "no tokens; make one with weir token create NAME");
    };
  });

  auto* create = addVerb(*noun, command, "create", "Make a token; its text is shown this once",
                         "weir token create ci --account acme --script shop --expires-in 90d");
  create->add_option("NAME", given->name, "What to call it")->required();
  auto* account =
      create->add_option("--account", given->account, "Whose things it reaches; not needed where there is one account");
  create->add_flag("--every-account", given->everywhere, "It reaches all accounts")->excludes(account);
  create->add_flag("--read-only", given->readOnly, "It may read and change nothing");
  create->add_option("--script", given->scripts, "Only this script; may be repeated");
  create->add_option("--expires-in", given->expires, "How long it is good, as 30m, 12h or 90d; for ever if not given");
  create->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      catalog::NewToken wanted;
      wanted.name = given->name;
      if (!given->everywhere) {
        auto account = session.account(given->account);
        if (!account.ok()) return session.refuse(account.error());
        wanted.scope.account = account->id;
      }
      if (given->readOnly) wanted.scope.access = catalog::TokenAccess::kRead;
      wanted.scope.scripts = given->scripts;
      if (!given->expires.empty()) {
        auto life = lifeOf(given->expires);
        if (!life.ok()) return session.refuse(life.error());
        wanted.expiresMs = static_cast<catalog::UnixMs>(session.clock.wallMs()) + *life;
      }
      base::SystemRandom random;
      const catalog::SecretText text = catalog::newTokenText(random);
      wanted.hash = catalog::tokenHash(text.view());
      auto token = session.catalog.addToken(wanted);
      if (!token.ok()) return session.refuse(token.error());
      return session.say(std::string(text.view()), objectOf(*token).text("value", text.view()).done());
    };
  });

  auto* revoke = addVerb(*noun, command, "revoke", "Make a token worth nothing, at once", "weir token revoke ci");
  revoke->add_option("NAME", given->name, "Its name or id")->required();
  revoke->callback([&command, given] {
    command.changes = true;
    command.run = [given](CatalogSession& session) {
      auto token = session.catalog.findToken(given->name);
      if (!token.ok()) return session.refuse(token.error());
      if (auto removed = session.catalog.removeToken(token->id); !removed.ok()) return session.refuse(removed.error());
      return session.say("revoked token " + token->name, objectOf(*token).done());
    };
  });
}

}  // namespace weir::cli
