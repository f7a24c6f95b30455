#include "cli/catalog_command.h"

#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "base/random.h"
#include "catalog/first_account.h"
#include "catalog/sqlite_catalog.h"
#include "cli/commands.h"

namespace weir::cli {

std::string catalogPath(const std::string& data) { return data + "/catalog.db"; }

catalog::Result<std::optional<std::string>> CatalogSession::accountFilter(const std::string& name) {
  if (name.empty()) return std::optional<std::string>();
  auto account = catalog.findAccount(name);
  if (!account.ok()) return account.error();
  return std::optional<std::string>(account->id);
}

catalog::Result<catalog::Account> CatalogSession::account(const std::string& name) {
  if (!name.empty()) return catalog.findAccount(name);
  auto accounts = catalog.accounts();
  if (!accounts.ok()) return accounts.error();
  if (accounts->size() == 1) return accounts->front();
  return catalog::Error{
      catalog::Situation::kAccountNotFound,
      "there are " + std::to_string(accounts->size()) + " accounts: name one with --account; see weir account list"};
}

int CatalogSession::refuse(const catalog::Error& error) {
  (void)fail(error.message);
  return 1;
}

int CatalogSession::refuse(const base::Error& error) {
  (void)fail(error.message);
  return 1;
}

int CatalogSession::say(const std::string& text, const std::string& object) {
  std::printf("%s\n", json ? object.c_str() : text.c_str());
  return 0;
}

int CatalogSession::list(const std::vector<std::string>& columns, const std::vector<std::vector<std::string>>& rows,
                         const std::vector<std::string>& objects, const std::string& nothing) {
  if (json) {
    std::string all = "[";
    for (const auto& object : objects) all += (all.size() > 1 ? "," : "") + object;
    std::printf("%s]\n", all.c_str());
    return 0;
  }
  if (rows.empty()) {
    std::printf("%s\n", nothing.c_str());
    return 0;
  }
  std::vector<size_t> widths;
  for (size_t column = 0; column < columns.size(); ++column) {
    size_t width = columns[column].size();
    for (const auto& row : rows) width = std::max(width, row[column].size());
    widths.push_back(width);
  }
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t column = 0; column < row.size(); ++column) {
      line += row[column];
      if (column + 1 < row.size()) line.append(widths[column] - row[column].size() + 2, ' ');
    }
    std::printf("%s\n", line.c_str());
  };
  print(columns);
  for (const auto& row : rows) print(row);
  return 0;
}

catalog::Actor operatorHere() {
  const uid_t user = ::getuid();
  catalog::Actor actor{catalog::ActorKind::kOperator, std::to_string(user), std::to_string(user), "cli", {}};
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> room(16 * 1024);
  if (::getpwuid_r(user, &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
    actor.name = found->pw_name;
  return actor;
}

int runCatalogCommand(const CatalogCommand& command, const base::Clock& clock) {
  if (command.runAlone) return command.runAlone(clock);
  std::error_code error;
  if (command.changes) {
    std::filesystem::create_directories(command.data, error);
    if (error)
      return fail("--data " + command.data + ": " + error.message() + "; name a directory that can be written");
  } else if (!std::filesystem::exists(catalogPath(command.data), error)) {
    return fail("--data " + command.data + ": there is no catalog; run weir serve once, or name another directory");
  }
  base::SystemRandom random;
  auto catalog = catalog::SqliteCatalog::open(catalogPath(command.data), {clock, random, {}});
  if (!catalog.ok()) return fail(catalog.error().message);
  (*catalog)->actAs(operatorHere());
  if (command.changes) {
    if (auto first = catalog::firstAccount(**catalog); !first.ok()) return fail(first.error().message);
  }
  CatalogSession session(**catalog, clock, command.json);
  return command.run(session);
}

CLI::App* addNoun(CLI::App& app, const std::string& name, const std::string& help, const std::string& example) {
  auto* noun = app.add_subcommand(name, help);
  noun->require_subcommand(1);
  noun->footer("Example:\n  " + example);
  return noun;
}

CLI::App* addVerb(CLI::App& noun, CatalogCommand& command, const std::string& name, const std::string& help,
                  const std::string& example) {
  auto* verb = noun.add_subcommand(name, help);
  verb->add_option("--data", command.data, "The data directory")->capture_default_str();
  verb->add_flag("--json", command.json, "As JSON");
  verb->footer("Example:\n  " + example);
  return verb;
}

std::string timeText(catalog::UnixMs ms) {
  const std::time_t seconds = ms / 1000;
  std::tm utc{};
  char text[32] = "";
  if (gmtime_r(&seconds, &utc) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace weir::cli
