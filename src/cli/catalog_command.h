// CatalogCommand: what the verbs share that read and change the catalog in --data (`weir account`, `zone`, `route`,
// `domain`, `token`, …). They open it directly, whether or not a weir serves from it: one that does routes by the
// change within 50 ms.
//
// Each noun has a file of its own. Its verbs put down what is to be done in `run`; nothing happens while parsing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json_object.h"
#include "catalog/catalog.h"

namespace CLI {
class App;
}

namespace weir::cli {

using base::JsonObject;

// The catalog's file in a data directory.
std::string catalogPath(const std::string& data);

// What a verb works with. Each method that reports returns the process's exit code.
class CatalogSession {
 public:
  CatalogSession(catalog::Catalog& catalog, const base::Clock& clock, bool json)
      : catalog(catalog), clock(clock), json(json) {}

  catalog::Catalog& catalog;
  const base::Clock& clock;
  const bool json;

  // The account of this name or id; of an empty name: the only one.
  catalog::Result<catalog::Account> account(const std::string& name);

  // What `--account` of a list asks for: the id of the account of this name or id; of an empty name: nullopt, for all.
  catalog::Result<std::optional<std::string>> accountFilter(const std::string& name);

  // One line on standard error; 1.
  int refuse(const catalog::Error& error);
  int refuse(const base::Error& error);
  // `text` for people, `object` for programs; 0.
  int say(const std::string& text, const std::string& object);
  // A table with a line per row, or a JSON array; 0. `nothing` is said to people when there is no row.
  int list(const std::vector<std::string>& columns, const std::vector<std::vector<std::string>>& rows,
           const std::vector<std::string>& objects, const std::string& nothing);
};

struct CatalogCommand {
  std::string data = "./data";
  bool json = false;
  bool changes = false;  // the catalog is made when it is not there
  std::function<int(CatalogSession&)> run;
  std::function<int(const base::Clock&)> runAlone;  // instead: the verb opens no catalog
};

// Who runs this command, for the audit log.
catalog::Actor operatorHere();

// Opens the catalog and runs the verb; its exit code.
int runCatalogCommand(const CatalogCommand& command, const base::Clock& clock);

// Adds a noun that verbs follow. `example` is shown by its help.
CLI::App* addNoun(CLI::App& app, const std::string& name, const std::string& help, const std::string& example);

// Adds a verb with --data and --json to `noun`, or to the program. `example` is shown by its help.
CLI::App* addVerb(CLI::App& noun, CatalogCommand& command, const std::string& name, const std::string& help,
                  const std::string& example);

// The nouns.
void addAccountCommand(CLI::App& app, CatalogCommand& command);
void addZoneCommand(CLI::App& app, CatalogCommand& command);
void addRouteCommand(CLI::App& app, CatalogCommand& command);
void addDomainCommand(CLI::App& app, CatalogCommand& command);
void addTokenCommand(CLI::App& app, CatalogCommand& command);
void addSecretKeyCommand(CLI::App& app, CatalogCommand& command);
void addAuditCommand(CLI::App& app, CatalogCommand& command);
void addBackupCommands(CLI::App& app, CatalogCommand& command);
void addEnvCommand(CLI::App& app, CatalogCommand& command);

// "2026-01-02T03:04:05Z"
std::string timeText(catalog::UnixMs ms);

}  // namespace weir::cli
