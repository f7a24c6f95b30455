// weir env: what a shell needs so that clients of the management API find this weir.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "catalog/first_account.h"
#include "cli/catalog_command.h"
#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/first_token.h"

namespace weir::cli {

namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += "'\\''";
    else out += c;
  }
  return out + "'";
}

}  // namespace

void addEnvCommand(CLI::App& app, CatalogCommand& command) {
  auto* env = addVerb(app, command, "env", "Print shell exports that point wrangler at this weir",
                      "eval \"$(weir env)\" && npx wrangler deploy");
  struct Given {
    std::string control;
    std::string account;
  };
  const auto given = std::make_shared<Given>();
  env->add_option("--control", given->control,
                  "Address of the management API; default: of the weir that serves --data");
  env->add_option("--account", given->account,
                  "The account to deploy to, by name or id; default: the first. Another one's token is its own matter "
                  "(weir token create)");
  env->callback([&command, given] {
    command.run = [&command, given](CatalogSession& session) {
      std::string control = given->control;
      if (control.empty()) {
        const auto address = firstLineOf(controlAddressPath(command.data));
        if (!address) {
          return fail(
              "--data " + command.data +
              ": no weir with a management API serves it; start weir serve, or name its address with --control");
        }
        control = *address;
      }
      const auto first = catalog::firstAccount(session.catalog);
      const auto account = given->account.empty() ? first : session.catalog.findAccount(given->account);
      if (!account.ok()) return session.refuse(account.error());
      const bool ofFirst = first.ok() && first->id == account->id;
      const auto token = firstLineOf(tokenPath(command.data));
      if (ofFirst && !token) return fail("--data " + command.data + ": it has no token yet; start weir serve once");
      if (!ofFirst) {
        const std::string name = base::withoutControls(account->name);
        std::fprintf(stderr,
                     "weir: only the first account's token is kept. For %s make one with weir token create NAME "
                     "--account %s, and set CLOUDFLARE_API_TOKEN to it.\n",
                     name.c_str(), name.c_str());
      }
      const std::string ownToken = ofFirst ? *token : "";
      const std::string base = "http://" + control + "/client/v4";
      std::string text;
      JsonObject object;
      for (const auto& [name, value] : {std::pair<const char*, const std::string&>{"CLOUDFLARE_API_BASE_URL", base},
                                        {"CLOUDFLARE_ACCOUNT_ID", account->id},
                                        {"CLOUDFLARE_API_TOKEN", ownToken}}) {
        if (value.empty()) continue;
        text += std::string(text.empty() ? "" : "\n") + "export " + name + "=" + quoted(value);
        object.text(name, value);
      }
      return session.say(text, object.done());
    };
  });
}

}  // namespace weir::cli
