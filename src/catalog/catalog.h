// Catalog: what the platform knows of its tenants. Commands and the management API change it, the data plane is routed
// by what it says.
//
// Every change is whole or not at all, and durable when the call returns. Several processes may use one catalog at
// once; each hears of the others' changes through `changesSince`. Errors say which situation they are and what to do
// (error.h); after one, nothing has changed. Every change is in the audit log, put down to whoever `actAs` named.
//
// Threads: an object belongs to one thread at a time. Calls wait for the store.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "catalog/account.h"
#include "catalog/asset_store.h"
#include "catalog/audit.h"
#include "catalog/error.h"
#include "catalog/meter.h"
#include "catalog/routing_rows.h"
#include "catalog/script.h"
#include "catalog/token.h"
#include "catalog/zone.h"

namespace weir::catalog {

class Catalog {
 public:
  virtual ~Catalog() = default;

  // --- Who acts
  // What is changed from now on is put down to them; before the first call, to the platform itself. Returns whom it was
  // put down to until now. See Acting.
  virtual Actor actAs(Actor actor) = 0;

  // --- Accounts. `account` is an id everywhere but in findAccount.
  virtual Result<Account> addAccount(const NewAccount& account) = 0;
  virtual Result<std::vector<Account>> accounts() = 0;  // oldest first
  virtual Result<Account> findAccount(std::string_view idOrName) = 0;
  virtual Result<Account> changeAccount(std::string_view account, const AccountChange& change) = 0;
  // kAccountInUse while it has scripts, zones or domains.
  virtual Status removeAccount(std::string_view account) = 0;

  // --- Scripts
  virtual Result<std::vector<Script>> scripts(std::string_view account) = 0;  // by name
  virtual Result<Script> findScript(std::string_view account, std::string_view name) = 0;
  virtual Result<Script> changeScript(std::string_view account, std::string_view name, const ScriptChange& change) = 0;
  // With its versions, schedules, routes and custom domains.
  virtual Status removeScript(std::string_view account, std::string_view name) = 0;

  // Names of the scripts whose newest version has a service binding to that name.
  virtual Result<std::vector<std::string>> scriptsCalling(std::string_view account, std::string_view service) = 0;

  // --- Versions and deployments, newest first.
  // With `deployment` (whose `versions` are left empty) the version is also the only one that serves from then on.
  virtual Result<Version> addVersion(const NewVersion& version, const std::optional<NewDeployment>& deployment) = 0;
  virtual Result<std::vector<Version>> versions(std::string_view account, std::string_view script) = 0;
  virtual Result<Version> findVersion(std::string_view account, std::string_view script, std::string_view id) = 0;
  virtual Result<std::vector<Module>> modules(uint64_t version) = 0;  // the main module first; none: it has only assets
  virtual Result<std::vector<SealedSecret>> secrets(uint64_t version) = 0;
  virtual Result<std::optional<Bytes>> artifact(uint64_t version, Artifact artifact) = 0;
  virtual Result<Deployment> deploy(std::string_view account, std::string_view script,
                                    const NewDeployment& deployment) = 0;
  virtual Result<std::vector<Deployment>> deployments(std::string_view account, std::string_view script) = 0;

  // --- Schedules
  virtual Result<std::vector<Schedule>> schedules(std::string_view account, std::string_view script) = 0;
  // Replaces them; those that stay keep their creation time.
  virtual Result<std::vector<Schedule>> setSchedules(std::string_view account, std::string_view script,
                                                     const std::vector<std::string>& crons) = 0;

  // --- Zones and routes
  virtual Result<Zone> addZone(const NewZone& zone) = 0;
  virtual Result<std::vector<Zone>> zones(std::optional<std::string_view> account) = 0;  // by name
  virtual Result<Zone> findZone(std::string_view idOrName) = 0;
  // The innermost zone that `hostname` lies in, or nullopt.
  virtual Result<std::optional<Zone>> zoneOf(std::string_view hostname) = 0;
  virtual Result<Zone> setOrigin(std::string_view zone, const std::optional<Origin>& origin) = 0;
  // With its routes; custom domains in it stay.
  virtual Status removeZone(std::string_view zone) = 0;

  virtual Result<Route> addRoute(std::string_view zone, const NewRoute& route) = 0;
  virtual Result<std::vector<Route>> routes(std::string_view zone) = 0;  // by pattern
  virtual Result<std::vector<Route>> routesOf(std::string_view account, std::string_view script) = 0;
  virtual Result<Route> changeRoute(std::string_view zone, std::string_view route, const NewRoute& to) = 0;
  virtual Status removeRoute(std::string_view zone, std::string_view route) = 0;
  // Makes these the routes of the script in its account's zones, in one change: those that are there already stay as
  // they are, others go. kDuplicateRoute where another script has one.
  virtual Result<std::vector<Route>> setRoutes(std::string_view account, std::string_view script,
                                               const std::vector<ScriptRoute>& routes) = 0;

  // --- Custom domains
  virtual Result<CustomDomain> addDomain(const NewCustomDomain& domain) = 0;
  // The same for several of one script, in one change. Of the account's other scripts they are taken with `fromOthers`;
  // without it such a one is kDuplicateDomain. With `alone`, the script has no others afterwards.
  virtual Result<std::vector<CustomDomain>> setDomains(std::string_view account, std::string_view script,
                                                       const std::vector<NewCustomDomain>& domains,
                                                       const DomainChange& change) = 0;
  virtual Result<std::vector<CustomDomain>> domains(std::string_view account) = 0;  // by hostname
  virtual Status removeDomain(std::string_view account, std::string_view idOrHostname) = 0;

  // --- Tokens
  // kTokenExists: the account has one of this name, or the text is another's.
  virtual Result<Token> addToken(const NewToken& token) = 0;
  // Of an account, without those for every account; of none: all there are. Oldest first.
  virtual Result<std::vector<Token>> tokens(std::optional<std::string_view> account) = 0;
  // Expired ones too.
  virtual Result<std::optional<Token>> findToken(const TokenHash& hash) = 0;
  virtual Result<Token> findToken(std::string_view idOrName) = 0;
  // Another text from now on: the one before is worth nothing any more.
  virtual Result<Token> rollToken(std::string_view id, const TokenHash& hash) = 0;
  virtual Status removeToken(std::string_view id) = 0;
  // That it was used; no change that an audit tells of. Callers say so once a minute.
  virtual Status noteTokenUse(std::string_view id, std::string_view from) = 0;

  // --- Secrets
  // The id of the key that secrets are sealed with; nullopt: nobody has chosen one yet.
  virtual Result<std::optional<std::string>> secretKey() = 0;
  // Chooses the first; yields the one that is chosen now, which another process may have been quicker with.
  virtual Result<std::string> chooseSecretKey(std::string_view id) = 0;
  // Seals every secret anew, each by `reseal`, and makes `key` the one in use: all in one change. Yields how many.
  using Reseal =
      std::function<base::Result<SealedSecret>(std::string_view account, std::string_view script, const SealedSecret&)>;
  virtual Result<uint64_t> resealSecrets(std::string_view key, const Reseal& reseal) = 0;

  // --- The audit log
  virtual Result<AuditPage> audit(const AuditQuery& query) = 0;
  // Forgets what is older.
  virtual Status trimAudit(UnixMs before) = 0;

  // --- Static assets of versions
  virtual AssetStore& assets() = 0;

  // --- Backup
  // Everything as of now, in a new file that restoreCatalog takes (restore.h); others may go on meanwhile.
  virtual Status backup(const std::string& path) = 0;

  // --- For routing
  virtual Result<RoutingRows> routingRows() = 0;
  // What changed since change number `upTo`; whole when the catalog no longer knows.
  virtual Result<RoutingRows> changesSince(uint64_t upTo) = 0;
  // Whether asking for changes may yield any: cheap enough for fifty times a second.
  virtual Result<bool> mayHaveChanged() = 0;

  // --- For meters: what accounts have used, as of the last time it was saved.
  struct Usage {
    std::string account;
    DailyCount::Usage daily;
    std::vector<BurstWindow::Slot> burst;
    UnixMs savedMs = 0;  // what the ages of `burst` are counted from
  };
  virtual Result<std::vector<Usage>> usage() = 0;
  virtual Status saveUsage(const std::vector<Usage>& usage) = 0;
};

// For as long as it lives, what is changed is put down to `actor`.
class Acting {
 public:
  Acting(Catalog& catalog, Actor actor) : catalog_(catalog), before_(catalog.actAs(std::move(actor))) {}
  Acting(const Acting&) = delete;
  Acting& operator=(const Acting&) = delete;
  ~Acting() { catalog_.actAs(std::move(before_)); }

 private:
  Catalog& catalog_;
  Actor before_;
};

}  // namespace weir::catalog
