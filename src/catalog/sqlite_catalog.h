// SqliteCatalog: the catalog in one SQLite file.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "catalog/audit_trail.h"
#include "catalog/catalog.h"
#include "catalog/route_pattern.h"
#include "catalog/sqlite_assets.h"
#include "store/connection.h"

namespace weir::catalog {

class SqliteCatalog final : public Catalog {
 public:
  struct Options {
    const base::Clock& clock;  // both borrowed; they outlive the catalog
    base::Random& random;
    store::Connection::Options store{};
    uint64_t auditEntriesMax = 1'000'000;  // the oldest go
    // Where scripts answer by name beside workers.dev: no zone or custom domain lies there.
    std::string workersDomain = "workers.localhost";
  };
  // Opens the file, makes it when it is not there, and brings its schema up to date.
  static Result<std::unique_ptr<SqliteCatalog>> open(const std::string& path, const Options& options);

  Actor actAs(Actor actor) override { return trail_->actAs(std::move(actor)); }

  Result<Account> addAccount(const NewAccount& account) override;
  Result<std::vector<Account>> accounts() override;
  Result<Account> findAccount(std::string_view idOrName) override;
  Result<Account> changeAccount(std::string_view account, const AccountChange& change) override;
  Status removeAccount(std::string_view account) override;

  Result<std::vector<Script>> scripts(std::string_view account) override;
  Result<Script> findScript(std::string_view account, std::string_view name) override;
  Result<Script> changeScript(std::string_view account, std::string_view name, const ScriptChange& change) override;
  Status removeScript(std::string_view account, std::string_view name) override;

  Result<std::vector<std::string>> scriptsCalling(std::string_view account, std::string_view service) override;

  Result<Version> addVersion(const NewVersion& version, const std::optional<NewDeployment>& deployment) override;
  Result<std::vector<Version>> versions(std::string_view account, std::string_view script) override;
  Result<Version> findVersion(std::string_view account, std::string_view script, std::string_view id) override;
  Result<std::vector<Module>> modules(uint64_t version) override;
  Result<std::vector<SealedSecret>> secrets(uint64_t version) override;
  Result<std::optional<Bytes>> artifact(uint64_t version, Artifact artifact) override;
  Result<Deployment> deploy(std::string_view account, std::string_view script,
                            const NewDeployment& deployment) override;
  Result<std::vector<Deployment>> deployments(std::string_view account, std::string_view script) override;

  Result<std::vector<Schedule>> schedules(std::string_view account, std::string_view script) override;
  Result<std::vector<Schedule>> setSchedules(std::string_view account, std::string_view script,
                                             const std::vector<std::string>& crons) override;

  Result<Zone> addZone(const NewZone& zone) override;
  Result<std::vector<Zone>> zones(std::optional<std::string_view> account) override;
  Result<Zone> findZone(std::string_view idOrName) override;
  Result<std::optional<Zone>> zoneOf(std::string_view hostname) override;
  Result<Zone> setOrigin(std::string_view zone, const std::optional<Origin>& origin) override;
  Status removeZone(std::string_view zone) override;

  Result<Route> addRoute(std::string_view zone, const NewRoute& route) override;
  Result<std::vector<Route>> routes(std::string_view zone) override;
  Result<std::vector<Route>> routesOf(std::string_view account, std::string_view script) override;
  Result<Route> changeRoute(std::string_view zone, std::string_view route, const NewRoute& to) override;
  Status removeRoute(std::string_view zone, std::string_view route) override;
  Result<std::vector<Route>> setRoutes(std::string_view account, std::string_view script,
                                       const std::vector<ScriptRoute>& routes) override;

  Result<CustomDomain> addDomain(const NewCustomDomain& domain) override;
  Result<std::vector<CustomDomain>> setDomains(std::string_view account, std::string_view script,
                                               const std::vector<NewCustomDomain>& domains,
                                               const DomainChange& change) override;
  Result<std::vector<CustomDomain>> domains(std::string_view account) override;
  Status removeDomain(std::string_view account, std::string_view idOrHostname) override;

  Result<Token> addToken(const NewToken& token) override;
  Result<std::vector<Token>> tokens(std::optional<std::string_view> account) override;
  Result<std::optional<Token>> findToken(const TokenHash& hash) override;
  Result<Token> findToken(std::string_view idOrName) override;
  Result<Token> rollToken(std::string_view id, const TokenHash& hash) override;
  Status removeToken(std::string_view id) override;
  Status noteTokenUse(std::string_view id, std::string_view from) override;

  Result<std::optional<std::string>> secretKey() override;
  Result<std::string> chooseSecretKey(std::string_view id) override;
  Result<uint64_t> resealSecrets(std::string_view key, const Reseal& reseal) override;

  Result<AuditPage> audit(const AuditQuery& query) override;
  Status trimAudit(UnixMs before) override;

  AssetStore& assets() override { return *assets_; }
  Status backup(const std::string& path) override;

  Result<RoutingRows> routingRows() override;
  Result<RoutingRows> changesSince(uint64_t upTo) override;
  Result<bool> mayHaveChanged() override;

  Result<std::vector<Usage>> usage() override;
  Status saveUsage(const std::vector<Usage>& usage) override;

  // Into the audit log: where this catalog comes from.
  Status tellRestored(const std::string& backup);

  // For tests, and what is told of a restored one.
  store::Connection& connection() { return *db_; }

 private:
  explicit SqliteCatalog(const Options& options)
      : clock_(options.clock),
        random_(options.random),
        auditEntriesMax_(options.auditEntriesMax),
        workersDomain_(options.workersDomain) {}

  // Runs `work` in a transaction and commits when it worked; it has recorded what it did.
  template <class Work>
  auto change(Work&& work) -> decltype(work());
  template <class Work>
  auto read(Work&& work) -> decltype(work());
  // Within a transaction.
  Status note(ChangeKind kind, std::string_view key);
  Status record(const Deed& deed) { return trail_->record(deed); }

  UnixMs nowMs() const { return static_cast<UnixMs>(clock_.wallMs()); }

  Result<int64_t> scriptRow(std::string_view account, std::string_view name);
  Result<int64_t> storeBlob(store::BlobView content);
  Status deployRow(int64_t script, const std::string& id, const NewDeployment& deployment);
  std::string_view platformDomainOf(std::string_view host) const;
  Status mayMakeZone(const Account& account, std::string_view name);
  // Within a transaction: the parts of a new version.
  Result<int64_t> scriptRowFor(const NewVersion& version, const Account& account);
  Result<int64_t> insertVersion(int64_t script, const std::string& id, const NewVersion& version);
  Status insertModules(int64_t version, const std::vector<Module>& modules);
  Status insertSecrets(int64_t version, const std::vector<SealedSecret>& secrets);
  Status insertArtifacts(int64_t version, const NewVersion& of);
  Status setAlias(int64_t script, int64_t version, const std::string& name);
  Status prune(int64_t script);
  Status removeUnusedBlobs(const std::vector<int64_t>& candidates);
  Result<RoutePattern> checkRoute(const Zone& zone, const NewRoute& route);
  // Within a transaction, as the next two.
  Result<Route> insertRoute(const Zone& zone, const NewRoute& route);
  Result<CustomDomain> insertDomain(const NewCustomDomain& domain);
  Status dropDomain(std::string_view account, std::string_view hostname);
  Status readRows(RoutingRows& rows);

  const base::Clock& clock_;
  base::Random& random_;
  const uint64_t auditEntriesMax_;
  const std::string workersDomain_;
  std::unique_ptr<store::Connection> db_;
  std::optional<AuditTrail> trail_;
  std::optional<SqliteAssets> assets_;
  uint64_t seenDataVersion_ = 0;
  bool ownChange_ = true;  // something was noted since mayHaveChanged last said so
};

}  // namespace weir::catalog
