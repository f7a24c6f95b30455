#include "catalog/sqlite_catalog.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <random>

#include "catalog/routing_model.h"
#include "catalog/test_fakes.h"
#include "store/crash_vfs.h"

namespace weir::catalog {
namespace {

Bytes bytes(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

NewVersion upload(const std::string& account, const std::string& script, std::string_view code) {
  NewVersion version;
  version.account = account;
  version.script = script;
  version.compatibilityDate = "2026-01-01";
  version.modules = {{"index.js", ModuleKind::kEsModule, "application/javascript+module", bytes(code)},
                     {"shared.txt", ModuleKind::kText, "text/plain", bytes("the same in every version")}};
  return version;
}

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-catalog-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    catalog_ = open();
    account_ = catalog_->addAccount({"acme", Plan::kPaid, {}, "acme"}).value().id;
    other_ = catalog_->addAccount({"other", Plan::kFree, {}, "other"}).value().id;
  }
  ~CatalogTest() override {
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<SqliteCatalog> open() {
    auto opened = SqliteCatalog::open(folder_ + "/catalog.db", {clock_, random_});
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(opened).value();
  }
  template <class T>
  Situation situation(const Result<T>& result) {
    EXPECT_FALSE(result.ok());
    return result.ok() ? Situation::kStoreFailed : result.error().situation;
  }
  int64_t blobs() {
    auto row = catalog_->connection().query("SELECT count(*) FROM blobs");
    EXPECT_TRUE(row.next());
    return row.integer(0);
  }

  FakeClock clock_;
  SeededRandom random_;
  std::string folder_;
  std::unique_ptr<SqliteCatalog> catalog_;
  std::string account_;
  std::string other_;
};

TEST_F(CatalogTest, accountsHavePlansLimitsAndNames) {
  EXPECT_EQ(account_.size(), 32u);
  EXPECT_EQ(situation(catalog_->addAccount({"acme", Plan::kFree, {}, {}})), Situation::kAccountExists);
  EXPECT_EQ(situation(catalog_->addAccount({"third", Plan::kFree, {}, "acme"})), Situation::kSubdomainTaken);
  EXPECT_EQ(situation(catalog_->addAccount({"third", Plan::kFree, {}, "No"})), Situation::kBadSubdomain);
  EXPECT_EQ(situation(catalog_->addAccount({"", Plan::kFree, {}, {}})), Situation::kBadAccount);
  EXPECT_EQ(situation(catalog_->addAccount({"third", Plan::kFree, {{"warp", 9}}, {}})), Situation::kBadAccount);
  EXPECT_EQ(situation(catalog_->addAccount({"third", Plan::kFree, {{"cpu_ms", 0}}, {}})), Situation::kBadAccount);
  EXPECT_EQ(catalog_->accounts().value().size(), 2u);  // what was refused left nothing

  EXPECT_EQ(catalog_->findAccount("other").value().limits().requestsPerDay, 100'000u);
  AccountChange change;
  change.plan = Plan::kPaid;
  change.suspended = true;
  change.setOverrides = {{"requests_per_day", 5}};
  auto changed = catalog_->changeAccount(other_, change);
  ASSERT_TRUE(changed.ok()) << changed.error().message;
  EXPECT_TRUE(changed->suspended);
  EXPECT_EQ(changed->limits().requestsPerDay, 5u);
  EXPECT_EQ(changed->limits().cpuMs, 30'000u);
  AccountChange back;
  back.dropOverrides = {"requests_per_day"};
  EXPECT_EQ(catalog_->changeAccount("other", back).value().limits().requestsPerDay, 0u);
  AccountChange rename;
  rename.name = "acme";
  EXPECT_EQ(situation(catalog_->changeAccount("other", rename)), Situation::kAccountExists);
  EXPECT_EQ(situation(catalog_->findAccount("nobody")), Situation::kAccountNotFound);

  ASSERT_TRUE(catalog_->addZone({other_, "other.org", {}}).ok());
  EXPECT_EQ(situation(catalog_->removeAccount("other")), Situation::kAccountInUse);
  ASSERT_TRUE(catalog_->removeZone("other.org").ok());
  EXPECT_TRUE(catalog_->removeAccount("other").ok());
  EXPECT_EQ(catalog_->accounts().value().size(), 1u);
}

TEST_F(CatalogTest, anUploadIsWholeAndModulesAreStoredOnce) {
  auto first = catalog_->addVersion(upload(account_, "hello", "one"), NewDeployment{});
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->sequence, 1u);
  EXPECT_EQ(first->id.size(), 36u);
  EXPECT_EQ(blobs(), 2);
  auto second = catalog_->addVersion(upload(account_, "hello", "two"), {});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->sequence, 2u);
  EXPECT_GT(second->number, first->number);
  EXPECT_EQ(blobs(), 3);
  const auto modules = catalog_->modules(second->number).value();
  ASSERT_EQ(modules.size(), 2u);
  EXPECT_EQ(modules[0].name, "index.js");
  EXPECT_EQ(modules[0].content, bytes("two"));
  EXPECT_EQ(modules[1].kind, ModuleKind::kText);

  const auto list = catalog_->versions(account_, "hello").value();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].id, second->id);
  const auto deployments = catalog_->deployments(account_, "hello").value();
  ASSERT_EQ(deployments.size(), 1u);
  EXPECT_EQ(deployments[0].versions[0].version, first->id);

  EXPECT_EQ(situation(catalog_->addVersion(upload(account_, "Bad", "x"), {})), Situation::kBadScriptName);
  auto large = upload(account_, "hello", "x");
  large.modules[0].content.resize((64u << 20) + 1);
  EXPECT_EQ(situation(catalog_->addVersion(large, {})), Situation::kTooLarge);
  EXPECT_EQ(situation(catalog_->modules(999)), Situation::kVersionNotFound);

  ASSERT_TRUE(catalog_->removeScript(account_, "hello").ok());
  EXPECT_EQ(blobs(), 0);
  EXPECT_EQ(situation(catalog_->findScript(account_, "hello")), Situation::kScriptNotFound);
  // Numbers are never used again.
  EXPECT_GT(catalog_->addVersion(upload(account_, "hello", "one"), {}).value().number, second->number);
}

TEST_F(CatalogTest, secretsAndArtifactsBelongToTheVersion) {
  auto version = upload(account_, "hello", "one");
  version.secrets = {{"TOKEN", "key-1", bytes("\x01\x02")}};
  version.heapSnapshot = bytes("heap");
  version.check = {StartKind::kHeapSnapshot, "", 12, R"(["fetch"])"};
  const auto made = catalog_->addVersion(version, {}).value();
  EXPECT_EQ(made.check.kind, StartKind::kHeapSnapshot);
  EXPECT_EQ(made.check.startupMs, 12u);
  EXPECT_EQ(made.check.handlers, R"(["fetch"])");
  const auto secrets = catalog_->secrets(made.number).value();
  ASSERT_EQ(secrets.size(), 1u);
  EXPECT_EQ(secrets[0].name, "TOKEN");
  EXPECT_EQ(secrets[0].sealed, bytes("\x01\x02"));
  EXPECT_EQ(catalog_->artifact(made.number, Artifact::kHeapSnapshot).value(), bytes("heap"));
  EXPECT_EQ(catalog_->artifact(made.number, Artifact::kCodeCache).value(), std::nullopt);
}

TEST_F(CatalogTest, twoUploadsFromTheSameBaseAreToldApart) {
  const auto base = catalog_->addVersion(upload(account_, "hello", "one"), {}).value();
  auto mine = upload(account_, "hello", "two");
  mine.expectedNewest = base.id;
  auto theirs = upload(account_, "hello", "three");
  theirs.expectedNewest = base.id;
  EXPECT_TRUE(catalog_->addVersion(mine, {}).ok());
  EXPECT_EQ(situation(catalog_->addVersion(theirs, {})), Situation::kConcurrentChange);
  EXPECT_EQ(catalog_->versions(account_, "hello").value().size(), 2u);
}

TEST_F(CatalogTest, deploymentsShareOutVersions) {
  const auto a = catalog_->addVersion(upload(account_, "hello", "a"), {}).value();
  const auto b = catalog_->addVersion(upload(account_, "hello", "b"), {}).value();
  const auto deploy = [&](std::vector<DeployedShare> shares) {
    NewDeployment deployment;
    deployment.versions = std::move(shares);
    return catalog_->deploy(account_, "hello", deployment);
  };
  EXPECT_TRUE(deploy({{a.id, 3'000}, {b.id, 7'000}}).ok());
  EXPECT_EQ(situation(deploy({})), Situation::kBadDeployment);
  EXPECT_EQ(situation(deploy({{a.id, 5'000}, {b.id, 4'000}})), Situation::kBadDeployment);
  EXPECT_EQ(situation(deploy({{a.id, 5'000}, {a.id, 5'000}})), Situation::kBadDeployment);
  EXPECT_EQ(situation(deploy({{"nonsense", kWholeShare}})), Situation::kVersionNotFound);
  EXPECT_EQ(catalog_->deployments(account_, "hello").value().size(), 1u);
  const auto rows = catalog_->routingRows().value();
  ASSERT_EQ(rows.scripts.size(), 1u);
  ASSERT_EQ(rows.scripts[0].versions.size(), 2u);
  EXPECT_EQ(rows.scripts[0].versions[0].number, a.number);
  EXPECT_EQ(rows.scripts[0].versions[1].share, 7'000u);
}

TEST_F(CatalogTest, historyIsBoundedAndWhatServesStays) {
  const auto kept = catalog_->addVersion(upload(account_, "hello", "kept"), NewDeployment{}).value();
  for (size_t i = 0; i < kVersionsKeptMax + 20; ++i)
    ASSERT_TRUE(catalog_->addVersion(upload(account_, "hello", std::to_string(i)), {}).ok());
  auto list = catalog_->versions(account_, "hello").value();
  EXPECT_EQ(list.size(), kVersionsKeptMax + 1);
  EXPECT_EQ(list.back().id, kept.id);
  EXPECT_EQ(blobs(), static_cast<int64_t>(kVersionsKeptMax) + 2);
  for (size_t i = 0; i < kDeploymentsKeptMax + 5; ++i) {
    NewDeployment deployment;
    deployment.versions = {{list[i % 2].id, kWholeShare}};
    ASSERT_TRUE(catalog_->deploy(account_, "hello", deployment).ok());
  }
  EXPECT_EQ(catalog_->deployments(account_, "hello").value().size(), kDeploymentsKeptMax);
  list = catalog_->versions(account_, "hello").value();
  EXPECT_EQ(list.size(), kVersionsKeptMax);  // nothing deploys the first one any more
}

TEST_F(CatalogTest, aliasesNameVersionsAreBoundedAndKeepThem) {
  const auto aliased = [&](const std::string& alias) {
    auto version = upload(account_, "hello", alias);
    version.alias = alias;
    return catalog_->addVersion(version, {}).value().id;
  };
  const auto aliases = [&] {
    std::map<std::string, uint32_t> all;
    const auto rows = catalog_->routingRows().value();
    for (const auto& alias : rows.scripts.at(0).aliases) all[alias.name] = alias.digits;
    return all;
  };
  (void)aliased("staging");
  const std::string second = aliased("staging");
  EXPECT_EQ(aliases(), (std::map<std::string, uint32_t>{{"staging", *readPreviewDigits(second)}}));
  for (size_t i = 0; i < kVersionsKeptMax + 5; ++i)
    ASSERT_TRUE(catalog_->addVersion(upload(account_, "hello", std::to_string(i)), {}).ok());
  EXPECT_TRUE(catalog_->findVersion(account_, "hello", second).ok());  // it has a name
  for (size_t i = 0; i < kAliasesKeptMax; ++i) (void)aliased("a" + std::to_string(i));
  const auto left = aliases();
  EXPECT_EQ(left.size(), kAliasesKeptMax);
  EXPECT_FALSE(left.contains("staging"));
  EXPECT_TRUE(left.contains("a0"));
  EXPECT_EQ(situation(catalog_->findVersion(account_, "hello", second)), Situation::kVersionNotFound);
  ASSERT_TRUE(catalog_->removeScript(account_, "hello").ok());
  auto row = catalog_->connection().query("SELECT count(*) FROM version_aliases");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), 0);
}

TEST_F(CatalogTest, anAccountMayMakeZonesOfItsOwnWhereNobodyElsesAre) {
  const auto make = [&](const std::string& account, const std::string& name) {
    return catalog_->addZone({account, name, {}, true});
  };
  EXPECT_EQ(situation(make(account_, "mine.org")), Situation::kBadZone);  // none, unless the operator says so
  AccountChange two;
  two.setOverrides = {{"zones", 2}};
  ASSERT_TRUE(catalog_->changeAccount(account_, two).ok());
  ASSERT_TRUE(catalog_->addZone({other_, "shop.example.com", {}}).ok());
  EXPECT_EQ(situation(make(account_, "example.com")), Situation::kZoneExists);         // around another's
  EXPECT_EQ(situation(make(account_, "a.shop.example.com")), Situation::kZoneExists);  // inside it
  EXPECT_TRUE(make(account_, "workshop.example.com").ok());
  EXPECT_TRUE(make(account_, "mine.org").ok());
  EXPECT_EQ(situation(make(account_, "third.org")), Situation::kBadZone);
  EXPECT_TRUE(catalog_->addZone({account_, "third.org", {}}).ok());  // the operator may
}

TEST_F(CatalogTest, limitsOfThePlanAreKept) {
  AccountChange small;
  small.setOverrides = {{"scripts", 1}, {"routes_per_zone", 1}, {"domains_per_zone", 1}, {"schedules", 2}};
  ASSERT_TRUE(catalog_->changeAccount(account_, small).ok());
  ASSERT_TRUE(catalog_->addVersion(upload(account_, "one", "x"), {}).ok());
  EXPECT_TRUE(catalog_->addVersion(upload(account_, "one", "y"), {}).ok());
  EXPECT_EQ(situation(catalog_->addVersion(upload(account_, "two", "x"), {})), Situation::kTooManyScripts);
  const auto zone = catalog_->addZone({account_, "example.com", {}}).value();
  ASSERT_TRUE(catalog_->addRoute(zone.id, {"example.com/*", "one"}).ok());
  EXPECT_EQ(situation(catalog_->addRoute(zone.id, {"example.com/a", "one"})), Situation::kTooManyRoutes);
  ASSERT_TRUE(catalog_->addDomain({account_, "a.example.com", "one"}).ok());
  EXPECT_EQ(situation(catalog_->addDomain({account_, "b.example.com", "one"})), Situation::kTooManyDomains);
  EXPECT_TRUE(catalog_->addDomain({account_, "elsewhere.org", "one"}).ok());
  ASSERT_TRUE(catalog_->setSchedules(account_, "one", {"* * * * *", "0 0 * * *"}).ok());
  EXPECT_EQ(situation(catalog_->setSchedules(account_, "one", {"1 * * * *", "2 * * * *", "3 * * * *"})),
            Situation::kTooManySchedules);
  EXPECT_EQ(catalog_->schedules(account_, "one").value().size(), 2u);
}

TEST_F(CatalogTest, schedulesAreReplacedAndKeepTheirAge) {
  ASSERT_TRUE(catalog_->addVersion(upload(account_, "one", "x"), {}).ok());
  ASSERT_TRUE(catalog_->setSchedules(account_, "one", {"* * * * *", "0 0 * * *"}).ok());
  clock_.ms = 9'000;
  const auto after = catalog_->setSchedules(account_, "one", {"0 0 * * *", "5 5 * * *"}).value();
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[0].cron, "0 0 * * *");
  EXPECT_EQ(after[0].createdMs, 1'000);
  EXPECT_EQ(after[0].modifiedMs, 9'000);
  EXPECT_EQ(after[1].createdMs, 9'000);
  EXPECT_EQ(situation(catalog_->setSchedules(account_, "two", {})), Situation::kScriptNotFound);
}

TEST_F(CatalogTest, zonesRoutesAndDomainsSayWhatIsWrong) {
  auto zone = catalog_->addZone({account_, "Example.com.", parseOrigin("http://10.0.0.1:9000").value()});
  ASSERT_TRUE(zone.ok()) << zone.error().message;
  EXPECT_EQ(zone->name, "example.com");
  EXPECT_EQ(situation(catalog_->addZone({other_, "example.com", {}})), Situation::kZoneExists);
  EXPECT_EQ(situation(catalog_->addZone({account_, "not a zone", {}})), Situation::kBadZone);
  EXPECT_EQ(situation(catalog_->addZone({account_, "10.0.0.1", {}})), Situation::kBadZone);
  for (const char* name : {"workers.dev", "mine.workers.dev", "workers.localhost", "mine.Workers.Localhost."})
    EXPECT_EQ(situation(catalog_->addZone({account_, name, {}})), Situation::kBadZone) << name;
  EXPECT_EQ(situation(catalog_->addZone({"nobody", "a.org", {}})), Situation::kAccountNotFound);
  ASSERT_TRUE(catalog_->addZone({other_, "eu.example.com", {}}).ok());
  EXPECT_EQ(catalog_->zoneOf("a.eu.example.com").value()->name, "eu.example.com");
  EXPECT_EQ(catalog_->zoneOf("b.example.com").value()->name, "example.com");
  EXPECT_EQ(catalog_->zoneOf("example.org").value(), std::nullopt);
  EXPECT_EQ(catalog_->setOrigin("example.com", std::nullopt).value().origin, std::nullopt);
  EXPECT_EQ(situation(catalog_->setOrigin("nowhere.org", std::nullopt)), Situation::kZoneNotFound);
  EXPECT_EQ(catalog_->zones(account_).value().size(), 1u);
  EXPECT_EQ(catalog_->zones({}).value().size(), 2u);

  const auto route = catalog_->addRoute("example.com", {"Example.COM", "hello"});
  ASSERT_TRUE(route.ok()) << route.error().message;
  EXPECT_EQ(route->pattern, "example.com/");
  EXPECT_EQ(situation(catalog_->addRoute("example.com", {"example.com", "hello"})), Situation::kDuplicateRoute);
  EXPECT_EQ(situation(catalog_->addRoute("example.com", {"example.org/*", "hello"})), Situation::kBadRoute);
  EXPECT_EQ(situation(catalog_->addRoute("example.com", {"example.com/*", "Bad Name"})), Situation::kBadScriptName);
  ASSERT_TRUE(catalog_->addRoute("example.com", {"example.com/open/*", std::nullopt}).ok());
  EXPECT_EQ(situation(catalog_->changeRoute("example.com", route->id, {"example.com/open/*", "hello"})),
            Situation::kDuplicateRoute);
  const auto changed = catalog_->changeRoute("example.com", route->id, {"example.com/new", "other", true});
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->id, route->id);
  EXPECT_EQ(catalog_->routesOf(account_, "other").value().size(), 1u);
  EXPECT_EQ(catalog_->routesOf(other_, "other").value().size(), 0u);
  EXPECT_EQ(situation(catalog_->removeRoute("example.com", "example.com/gone")), Situation::kRouteNotFound);
  EXPECT_TRUE(catalog_->removeRoute("example.com", "EXAMPLE.com/new").ok());
  EXPECT_EQ(catalog_->routes("example.com").value().size(), 1u);

  ASSERT_TRUE(catalog_->addDomain({account_, "Shop.Example.com", "hello"}).ok());
  EXPECT_EQ(situation(catalog_->addDomain({account_, "shop.example.com", "other"})), Situation::kDuplicateDomain);
  EXPECT_EQ(situation(catalog_->addDomain({account_, "a.eu.example.com", "hello"})), Situation::kDomainOutsideZone);
  EXPECT_EQ(situation(catalog_->addDomain({account_, "x.workers.dev", "hello"})), Situation::kDomainOutsideZone);
  EXPECT_EQ(situation(catalog_->addDomain({account_, "x.workers.localhost", "hello"})), Situation::kDomainOutsideZone);
  EXPECT_EQ(situation(catalog_->addDomain({account_, "*.example.com", "hello"})), Situation::kBadHostname);
  ASSERT_TRUE(catalog_->addDomain({account_, "a.later.org", "hello"}).ok());
  EXPECT_EQ(situation(catalog_->addZone({other_, "later.org", {}})), Situation::kZoneExists);
  EXPECT_TRUE(catalog_->addZone({other_, "ter.org", {}}).ok());  // a name's tail is not its zone
  EXPECT_EQ(catalog_->domains(account_).value()[1].zone, zone->id);
  EXPECT_EQ(situation(catalog_->removeDomain(other_, "shop.example.com")), Situation::kDomainNotFound);
  EXPECT_TRUE(catalog_->removeDomain(account_, "shop.example.com").ok());
}

TEST_F(CatalogTest, aRemovedScriptTakesItsRoutesAndDomains) {
  ASSERT_TRUE(catalog_->addVersion(upload(account_, "hello", "x"), NewDeployment{}).ok());
  ASSERT_TRUE(catalog_->addZone({account_, "example.com", {}}).ok());
  ASSERT_TRUE(catalog_->addZone({other_, "other.org", {}}).ok());
  ASSERT_TRUE(catalog_->addRoute("example.com", {"example.com/*", "hello"}).ok());
  ASSERT_TRUE(catalog_->addRoute("example.com", {"example.com/a", "stays"}).ok());
  ASSERT_TRUE(catalog_->addRoute("other.org", {"other.org/*", "hello"}).ok());
  ASSERT_TRUE(catalog_->addDomain({account_, "shop.org", "hello"}).ok());
  ASSERT_TRUE(catalog_->removeScript(account_, "hello").ok());
  EXPECT_EQ(catalog_->routes("example.com").value().size(), 1u);
  EXPECT_EQ(catalog_->routes("other.org").value().size(), 1u);  // another account's script of the same name
  EXPECT_EQ(catalog_->domains(account_).value().size(), 0u);
}

TEST_F(CatalogTest, usageIsSavedAndReadBack) {
  Catalog::Usage usage{account_, {19'999, 12'345}, {{40, 2}, {0, 7}}, 5'000};
  Catalog::Usage nobody = usage;
  nobody.account = "gone";
  ASSERT_TRUE(catalog_->saveUsage({usage, nobody}).ok());
  usage.daily.requests = 20'000;
  ASSERT_TRUE(catalog_->saveUsage({usage}).ok());
  const auto read = open()->usage().value();
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read[0].account, account_);
  EXPECT_EQ(read[0].daily, usage.daily);
  EXPECT_EQ(read[0].burst, usage.burst);
  EXPECT_EQ(read[0].savedMs, 5'000);
}

// One process changes the catalog, another follows by what changed; both route alike.
TEST_F(CatalogTest, followingChangesIsTheSameAsReadingEverything) {
  auto follower = open();
  RoutingModel model({.hashSeed = 3});
  auto rows = follower->routingRows().value();
  model.apply(rows);
  EXPECT_TRUE(follower->mayHaveChanged().value());
  EXPECT_FALSE(follower->mayHaveChanged().value());
  std::mt19937 random(17);
  const std::vector<std::string> names = {"example.com", "eu.example.com", "plain.org"};
  const std::vector<std::string> hosts = {"example.com",
                                          "www.example.com",
                                          "eu.example.com",
                                          "a.eu.example.com",
                                          "plain.org",
                                          "shop.plain.org",
                                          "one.acme.workers.dev",
                                          "two.acme.workers.dev",
                                          "one.other.workers.dev",
                                          "two.fresh.workers.dev"};
  int changes = 0;
  for (int step = 0; step < 400; ++step) {
    const std::string owner = random() % 2 ? account_ : other_;
    const std::string script = random() % 2 ? "one" : "two";
    const std::string zone = names[random() % names.size()];
    bool done = false;
    switch (random() % 10) {
      case 0: done = catalog_->addVersion(upload(owner, script, std::to_string(step)), NewDeployment{}).ok(); break;
      case 1:
        done = catalog_->addZone({owner, zone, parseOrigin("http://10.0.0." + std::to_string(step % 200 + 1)).value()})
                   .ok();
        break;
      case 2: done = random() % 4 == 0 && catalog_->removeZone(zone).ok(); break;
      case 3:
      case 4:
      case 5:
        done =
            catalog_->addRoute(zone, {(random() % 2 ? "*." : "") + zone + (random() % 2 ? "/*" : "/a"), script}).ok();
        break;
      case 6: {
        const auto routes = catalog_->routes(zone);
        done = routes.ok() && !routes->empty() && catalog_->removeRoute(zone, routes->front().id).ok();
        break;
      }
      case 7:
        done = catalog_->addDomain({owner, "shop.plain.org", script}).ok() ||
               catalog_->removeDomain(owner, "shop.plain.org").ok();
        break;
      case 8: done = random() % 3 == 0 && catalog_->removeScript(owner, script).ok(); break;
      case 9: {
        AccountChange change;
        change.suspended = random() % 2 == 0;
        change.subdomain = random() % 2 ? "other" : "fresh";
        done = catalog_->changeAccount(other_, change).ok();
        break;
      }
    }
    changes += done;
    EXPECT_EQ(follower->mayHaveChanged().value(), done);
    auto next = follower->changesSince(rows.upTo).value();
    EXPECT_FALSE(next.whole);
    rows.upTo = next.upTo;
    model.apply(next);
    if (step % 5 != 0) continue;
    const auto followed = model.build();
    RoutingModel fresh({.hashSeed = 4});
    fresh.apply(catalog_->routingRows().value());
    const auto whole = fresh.build();
    for (const auto& host : hosts) {
      for (const char* target : {"/", "/a"}) {
        const auto x = followed->find(host, Scheme::kHttp, target);
        const auto y = whole->find(host, Scheme::kHttp, target);
        ASSERT_EQ(x.kind, y.kind) << host << target << " at step " << step;
        ASSERT_EQ(x.script == nullptr, y.script == nullptr);
        if (x.script != nullptr) {
          ASSERT_EQ(x.script->name, y.script->name);
          ASSERT_EQ(x.script->versions.size(), y.script->versions.size());
          for (size_t i = 0; i < x.script->versions.size(); ++i) {
            ASSERT_EQ(x.script->versions[i].number, y.script->versions[i].number);
            ASSERT_EQ(followed->versionSlots()[x.script->versions[i].slot], x.script->versions[i].number);
          }
        }
        ASSERT_EQ(x.zone == nullptr, y.zone == nullptr);
        if (x.zone != nullptr) {
          ASSERT_EQ(x.zone->origin, y.zone->origin);
        }
        ASSERT_EQ(x.account == nullptr, y.account == nullptr);
        if (x.account != nullptr) {
          ASSERT_EQ(x.account->suspended, y.account->suspended);
        }
      }
    }
    ASSERT_EQ(followed->scriptCount(), whole->scriptCount());
    ASSERT_EQ(followed->zoneCount(), whole->zoneCount());
  }
  EXPECT_GT(changes, 100);
}

TEST_F(CatalogTest, whoWasAwayTooLongReadsEverything) {
  const uint64_t seen = catalog_->routingRows().value().upTo;
  ASSERT_TRUE(catalog_->connection().run("INSERT INTO changes (number, kind, key) VALUES (50000, 1, 'x')").ok());
  ASSERT_TRUE(catalog_->addZone({account_, "example.com", {}}).ok());
  const auto rows = catalog_->changesSince(seen).value();
  EXPECT_TRUE(rows.whole);
  EXPECT_EQ(rows.zones.size(), 1u);
  EXPECT_EQ(rows.upTo, 50'001u);
  EXPECT_FALSE(catalog_->changesSince(rows.upTo).value().whole);
}

TEST_F(CatalogTest, theRoutesOfAScriptAreSetInOneChange) {
  const auto com = catalog_->addZone({account_, "example.com", {}}).value();
  const auto org = catalog_->addZone({account_, "example.org", {}}).value();
  const auto foreign = catalog_->addZone({other_, "other.net", {}}).value();
  ASSERT_TRUE(catalog_->addRoute(com.id, {"example.com/taken", "other-script"}).ok());
  const auto kept = catalog_->addRoute(com.id, {"example.com/a*", "shop", true}).value();
  ASSERT_TRUE(catalog_->addRoute(org.id, {"example.org/gone", "shop"}).ok());
  const auto patterns = [&] {
    std::vector<std::string> out;
    const auto all = catalog_->routesOf(account_, "shop").value();
    for (const auto& route : all) out.push_back(route.pattern);
    return out;
  };
  const std::vector<std::string> before{"example.com/a*", "example.org/gone"};
  ASSERT_EQ(patterns(), before);

  // All or nothing.
  EXPECT_EQ(
      situation(catalog_->setRoutes(account_, "shop", {{org.id, "example.org/new"}, {com.id, "example.com/taken"}})),
      Situation::kDuplicateRoute);
  EXPECT_EQ(situation(catalog_->setRoutes(account_, "shop", {{foreign.id, "other.net/*"}})), Situation::kZoneNotFound);
  EXPECT_EQ(situation(catalog_->setRoutes(account_, "shop", {{com.id, "example.org/x"}})), Situation::kBadRoute);
  EXPECT_EQ(patterns(), before);

  const auto set = catalog_->setRoutes(
      account_, "shop", {{com.id, "EXAMPLE.com/a*"}, {org.id, "example.org/b"}, {com.id, "example.com/a*"}});
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_EQ(patterns(), (std::vector<std::string>{"example.com/a*", "example.org/b"}));
  EXPECT_EQ((*set)[0].id, kept.id);
  EXPECT_TRUE((*set)[0].failOpen);
  ASSERT_TRUE(catalog_->setRoutes(account_, "shop", {}).ok());
  EXPECT_TRUE(patterns().empty());
  EXPECT_EQ(catalog_->routes(com.id).value().size(), 1u);  // those of others stay
}

TEST_F(CatalogTest, theDomainsOfAScriptAreSetInOneChange) {
  ASSERT_TRUE(catalog_->addZone({account_, "example.com", {}}).ok());
  ASSERT_TRUE(catalog_->addDomain({other_, "foreign.org", "x"}).ok());
  ASSERT_TRUE(catalog_->addDomain({account_, "gone.example.com", "shop"}).ok());
  const auto moved = catalog_->addDomain({account_, "moved.example.com", "blog"}).value();
  const auto domains = [&] {
    std::vector<std::string> out;
    const auto all = catalog_->domains(account_).value();
    for (const auto& domain : all) out.push_back(domain.hostname + " " + domain.script);
    return out;
  };
  const std::vector<std::string> before{"gone.example.com shop", "moved.example.com blog"};
  ASSERT_EQ(domains(), before);
  const NewCustomDomain fresh{account_, "new.example.com", "shop"};
  const NewCustomDomain taken{account_, "Moved.example.com", "shop", true, true};
  EXPECT_EQ(situation(catalog_->setDomains(account_, "shop", {fresh, taken}, {})), Situation::kDuplicateDomain);
  EXPECT_EQ(situation(catalog_->setDomains(account_, "shop", {fresh, {account_, "foreign.org", "shop"}}, {true, true})),
            Situation::kDuplicateDomain);
  EXPECT_EQ(domains(), before);

  const auto set = catalog_->setDomains(account_, "shop", {fresh, taken, fresh}, {.fromOthers = true, .alone = false});
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->size(), 2u);
  EXPECT_EQ((*set)[1].id, moved.id);
  EXPECT_TRUE((*set)[1].previews);
  EXPECT_EQ(domains(),
            (std::vector<std::string>{"gone.example.com shop", "moved.example.com shop", "new.example.com shop"}));
  ASSERT_TRUE(catalog_->setDomains(account_, "shop", {taken}, {.fromOthers = false, .alone = true}).ok());
  EXPECT_EQ(domains(), std::vector<std::string>{"moved.example.com shop"});
  // Routing hears of it.
  const auto rows = catalog_->routingRows().value();
  ASSERT_EQ(rows.domains.size(), 2u);
}

// What was acknowledged is there after a death at any write, and whole.
void dieDuringDeploys(store::CrashVfs::Death death) {
  FakeClock clock;
  int deaths = 0;
  bool livedThrough = false;
  for (uint64_t dieAt = 1; !livedThrough; dieAt += 7) {
    SCOPED_TRACE("died at operation " + std::to_string(dieAt));
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-catalog-XXXXXX").string();
    const std::string folder = mkdtemp(pattern.data());
    std::string acknowledged;
    {
      store::CrashVfs vfs(death, dieAt, dieAt);
      SeededRandom random;
      auto opened = SqliteCatalog::open(folder + "/catalog.db", {clock, random, {.vfs = vfs.name()}});
      if (opened.ok()) {
        auto& catalog = **opened;
        auto account = catalog.addAccount({"acme", Plan::kPaid, {}, "acme"});
        for (int i = 0; i < 12 && account.ok(); ++i) {
          const auto version = catalog.addVersion(
              upload(account->id, "hello", std::string(3'000, static_cast<char>('a' + i))), NewDeployment{});
          if (!version.ok()) break;
          acknowledged = version->id;
        }
      }
      livedThrough = !vfs.dead();
      deaths += vfs.dead();
      opened = Error{};
      vfs.settle();
    }
    SeededRandom random;
    auto opened = SqliteCatalog::open(folder + "/catalog.db", {clock, random});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    auto& catalog = **opened;
    auto broken = catalog.connection().query("PRAGMA foreign_key_check");
    EXPECT_FALSE(broken.next());
    const auto account = catalog.findAccount("acme");
    if (acknowledged.empty()) continue;
    ASSERT_TRUE(account.ok());
    bool found = false;
    const auto versions = catalog.versions(account->id, "hello").value();
    for (const auto& version : versions) {
      found = found || version.id == acknowledged;
      EXPECT_EQ(catalog.modules(version.number).value().size(), 2u);
    }
    EXPECT_TRUE(found);
    const auto deployments = catalog.deployments(account->id, "hello").value();
    EXPECT_EQ(deployments.size(), versions.size());
    std::filesystem::remove_all(folder);
  }
  EXPECT_GT(deaths, 30);
}

TEST(CatalogCrash, aKilledProcessLosesNoDeploy) { dieDuringDeploys(store::CrashVfs::Death::kProcess); }
TEST(CatalogCrash, aMachineWithoutPowerLosesNoDeploy) { dieDuringDeploys(store::CrashVfs::Death::kPower); }

}  // namespace
}  // namespace weir::catalog
