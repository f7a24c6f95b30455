// Tokens, the audit log and the key of secrets, in the catalog.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "catalog/keyring.h"
#include "catalog/sqlite_catalog.h"
#include "catalog/test_fakes.h"
#include "store/crash_vfs.h"

namespace weir::catalog {
namespace {

class VaultTest : public testing::Test {
 protected:
  VaultTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-vault-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    catalog_ = open();
    account_ = catalog_->addAccount({"acme", Plan::kPaid, {}, "acme"}).value().id;
    other_ = catalog_->addAccount({"other", Plan::kFree, {}, "other"}).value().id;
  }
  ~VaultTest() override {
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<SqliteCatalog> open(uint64_t auditEntriesMax = 1'000) {
    auto opened = SqliteCatalog::open(folder_ + "/catalog.db", {clock_, random_, {}, auditEntriesMax});
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(opened).value();
  }
  template <class T>
  Situation situation(const Result<T>& result) {
    EXPECT_FALSE(result.ok());
    return result.ok() ? Situation::kStoreFailed : result.error().situation;
  }
  NewToken token(const std::string& name, std::string_view text, std::optional<std::string> account = {}) {
    NewToken made;
    made.hash = tokenHash(text);
    made.name = name;
    made.scope.account = std::move(account);
    return made;
  }
  std::vector<AuditEntry> log(AuditQuery query = {}) {
    query.oldestFirst = true;
    auto page = catalog_->audit(query);
    EXPECT_TRUE(page.ok());
    return page->entries;
  }
  // "create zone example.com"
  std::vector<std::string> deeds(const AuditQuery& query = {}) {
    std::vector<std::string> out;
    for (const auto& entry : log(query)) out.push_back(entry.action + " " + entry.resource + " " + entry.name);
    return out;
  }

  FakeClock clock_;
  SeededRandom random_;
  std::string folder_;
  std::unique_ptr<SqliteCatalog> catalog_;
  std::string account_;
  std::string other_;
};

TEST_F(VaultTest, tokensAreKnownByTheirHash) {
  NewToken wanted = token("deploy", "secret text", account_);
  wanted.scope.scripts = {"shop", "blog"};
  wanted.scope.access = TokenAccess::kRead;
  wanted.expiresMs = 5'000;
  const auto made = catalog_->addToken(wanted);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->id.size(), 32u);
  const auto found = catalog_->findToken(tokenHash("secret text")).value();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, made->id);
  EXPECT_EQ(found->name, "deploy");
  EXPECT_EQ(found->scope.account, account_);
  EXPECT_EQ(found->scope.access, TokenAccess::kRead);
  EXPECT_EQ(found->scope.scripts, (std::vector<std::string>{"shop", "blog"}));
  EXPECT_FALSE(found->expired(4'999));
  EXPECT_TRUE(found->expired(5'000));
  EXPECT_FALSE(catalog_->findToken(tokenHash("secret texT")).value().has_value());

  // The text is nowhere in the files, the name is.
  bool named = false;
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    EXPECT_EQ(bytes.find("secret text"), std::string::npos) << file.path();
    named = named || bytes.find("deploy") != std::string::npos;
  }
  EXPECT_TRUE(named);

  clock_.ms = 2'000;
  ASSERT_TRUE(catalog_->noteTokenUse(made->id, "192.0.2.7").ok());
  EXPECT_EQ(catalog_->findToken(made->id).value().usedMs, 2'000);
  EXPECT_EQ(catalog_->findToken("deploy").value().usedFrom, "192.0.2.7");

  ASSERT_TRUE(catalog_->rollToken(made->id, tokenHash("other text")).ok());
  EXPECT_FALSE(catalog_->findToken(tokenHash("secret text")).value().has_value());
  EXPECT_EQ(catalog_->findToken(tokenHash("other text")).value()->usedMs, std::nullopt);
  ASSERT_TRUE(catalog_->removeToken("deploy").ok());
  EXPECT_FALSE(catalog_->findToken(tokenHash("other text")).value().has_value());
  EXPECT_EQ(situation(catalog_->removeToken("deploy")), Situation::kTokenNotFound);
}

TEST_F(VaultTest, tokensThatMakeNoSenseAreRefused) {
  ASSERT_TRUE(catalog_->addToken(token("ci", "a", account_)).ok());
  ASSERT_TRUE(catalog_->addToken(token("ci", "b", other_)).ok());
  ASSERT_TRUE(catalog_->addToken(token("ci", "c")).ok());
  EXPECT_EQ(situation(catalog_->addToken(token("ci", "d", account_))), Situation::kTokenExists);
  EXPECT_EQ(situation(catalog_->addToken(token("new", "a", other_))), Situation::kTokenExists);
  EXPECT_EQ(situation(catalog_->addToken(token("new", "e", "nobody"))), Situation::kAccountNotFound);
  for (const char* name : {"", " a", "a ", "a\nb", "a\xff"})
    EXPECT_EQ(situation(catalog_->addToken(token(name, "e"))), Situation::kBadToken) << name;
  auto everywhere = token("new", "e");
  everywhere.scope.scripts = {"shop"};
  EXPECT_EQ(situation(catalog_->addToken(everywhere)), Situation::kBadToken);
  auto misnamed = token("new", "e", account_);
  misnamed.scope.scripts = {"No Script"};
  EXPECT_EQ(situation(catalog_->addToken(misnamed)), Situation::kBadToken);
  auto late = token("new", "e");
  late.expiresMs = clock_.ms;
  EXPECT_EQ(situation(catalog_->addToken(late)), Situation::kBadToken);

  EXPECT_EQ(catalog_->tokens(std::nullopt).value().size(), 3u);
  EXPECT_EQ(catalog_->tokens(account_).value().size(), 1u);
  EXPECT_EQ(situation(catalog_->findToken("ci")), Situation::kTokenNotFound);  // which of them?
  // Those of an account go with it.
  ASSERT_TRUE(catalog_->removeAccount(other_).ok());
  EXPECT_EQ(catalog_->tokens(std::nullopt).value().size(), 2u);
  EXPECT_FALSE(catalog_->findToken(tokenHash("b")).value().has_value());
}

TEST_F(VaultTest, aScopeThatCannotBeReadAllowsNothing) {
  auto wanted = token("ci", "a", account_);
  wanted.scope.scripts = {"shop"};
  const auto made = catalog_->addToken(wanted).value();
  for (const char* text : {"", "[", "{}", "[1]", "[]"}) {
    ASSERT_TRUE(catalog_->connection().execute("UPDATE tokens SET scripts = ?", text).ok());
    EXPECT_EQ(catalog_->findToken(made.id).value().scope.scripts, std::vector<std::string>{""}) << text;
  }
}

TEST_F(VaultTest, tokenTextsAreRandomAndOfOneForm) {
  const SecretText one = newTokenText(random_);
  const SecretText two = newTokenText(random_);
  EXPECT_NE(one.view(), two.view());
  EXPECT_EQ(one.size(), 48u);
  EXPECT_TRUE(one.view().starts_with("weir_"));
  EXPECT_EQ(one.view().find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string_view::npos);
  EXPECT_TRUE(sameHash(tokenHash("a"), tokenHash("a")));
  EXPECT_FALSE(sameHash(tokenHash("a"), tokenHash("b")));
}

TEST_F(VaultTest, everyChangeIsInTheAuditLog) {
  EXPECT_EQ(deeds(), (std::vector<std::string>{"create account acme", "create account other"}));
  const Actor alice{ActorKind::kToken, "t1", "alice's token", "api", "192.0.2.7"};
  clock_.ms = 2'000;
  {
    const Acting acting(*catalog_, alice);
    NewVersion version;
    version.account = account_;
    version.script = "shop";
    version.source = "wrangler";
    version.modules = {{"index.js", ModuleKind::kEsModule, "application/javascript+module", {}}};
    const auto added = catalog_->addVersion(version, NewDeployment{}).value();
    ASSERT_TRUE(catalog_->deploy(account_, "shop", {"api", "alice", "{}", {{added.id, kWholeShare}}}).ok());
    ScriptChange offDev;
    offDev.workersDev = false;
    ASSERT_TRUE(catalog_->changeScript(account_, "shop", offDev).ok());
    ASSERT_TRUE(catalog_->setSchedules(account_, "shop", {"* * * * *"}).ok());
    const auto zone = catalog_->addZone({account_, "example.com", {}}).value();
    ASSERT_TRUE(catalog_->setOrigin(zone.id, parseOrigin("http://10.0.0.1").value()).ok());
    const auto route = catalog_->addRoute(zone.id, {"example.com/*", "shop"}).value();
    ASSERT_TRUE(catalog_->changeRoute(zone.id, route.id, {"example.com/a*", "shop"}).ok());
    ASSERT_TRUE(catalog_->removeRoute(zone.id, route.id).ok());
    ASSERT_TRUE(catalog_->addDomain({account_, "shop.example.com", "shop"}).ok());
    ASSERT_TRUE(catalog_->removeDomain(account_, "shop.example.com").ok());
    ASSERT_TRUE(catalog_->removeZone(zone.id).ok());
    ASSERT_TRUE(catalog_->removeScript(account_, "shop").ok());
    const auto made = catalog_->addToken(token("ci", "x", account_)).value();
    ASSERT_TRUE(catalog_->removeToken(made.id).ok());
  }
  clock_.ms = 3'000;
  AccountChange suspend;
  suspend.suspended = true;
  ASSERT_TRUE(catalog_->changeAccount(account_, suspend).ok());
  ASSERT_TRUE(catalog_->removeAccount(other_).ok());

  AuditQuery hers;
  hers.actor = "alice's token";
  EXPECT_EQ(deeds(hers), (std::vector<std::string>{
                             "upload script shop", "deploy script shop", "update script shop", "update schedules shop",
                             "create zone example.com", "update zone example.com", "create route example.com/*",
                             "update route example.com/a*", "delete route example.com/a*",
                             "create domain shop.example.com", "delete domain shop.example.com",
                             "delete zone example.com", "delete script shop", "create token ci", "revoke token ci"}));
  hers.actor = "t1";
  EXPECT_EQ(log(hers).size(), 15u);
  const AuditEntry first = log(hers).front();
  EXPECT_EQ(first.actor.name, "alice's token");
  EXPECT_EQ(first.actor.kind, ActorKind::kToken);
  EXPECT_EQ(first.actor.address, "192.0.2.7");
  EXPECT_EQ(first.actor.via, "api");
  EXPECT_EQ(first.atMs, 2'000);
  EXPECT_EQ(first.account, account_);
  EXPECT_EQ(first.id.size(), 36u);
  EXPECT_NE(first.detail.find("\"source\":\"wrangler\""), std::string::npos);

  AuditQuery ofOne;
  ofOne.account = other_;  // gone, and still told of
  EXPECT_EQ(deeds(ofOne), (std::vector<std::string>{"create account other", "delete account other"}));
  ofOne.sinceMs = 3'000;
  EXPECT_EQ(deeds(ofOne), (std::vector<std::string>{"delete account other"}));
  ofOne.sinceMs = {};
  ofOne.beforeMs = 3'000;
  EXPECT_EQ(deeds(ofOne), (std::vector<std::string>{"create account other"}));

  AuditQuery page;
  page.resource = "route";
  page.limit = 2;
  page.offset = 1;
  const auto some = catalog_->audit(page).value();
  EXPECT_EQ(some.matching, 3u);
  ASSERT_EQ(some.entries.size(), 2u);
  EXPECT_EQ(some.entries[0].action, "update");  // the newest first
  EXPECT_EQ(some.entries[1].action, "create");
}

TEST_F(VaultTest, whatFailedIsNotInTheLog) {
  const auto before = log().size();
  EXPECT_FALSE(catalog_->addAccount({"acme", Plan::kFree, {}, {}}).ok());
  EXPECT_FALSE(catalog_->removeZone("nowhere.org").ok());
  EXPECT_FALSE(catalog_->removeToken("nobody").ok());
  EXPECT_EQ(log().size(), before);
}

TEST_F(VaultTest, theLogForgetsWhatIsOld) {
  catalog_ = open(5);
  for (int i = 0; i < 10; ++i) {
    clock_.ms = 10'000 + i;
    ASSERT_TRUE(catalog_->addZone({account_, "z" + std::to_string(i) + ".org", {}}).ok());
  }
  EXPECT_EQ(deeds(), (std::vector<std::string>{"create zone z5.org", "create zone z6.org", "create zone z7.org",
                                               "create zone z8.org", "create zone z9.org"}));
  ASSERT_TRUE(catalog_->trimAudit(10'008).ok());
  EXPECT_EQ(deeds(), (std::vector<std::string>{"create zone z8.org", "create zone z9.org"}));
}

// --- The key of secrets

std::unique_ptr<Keyring> ringOf(base::Random& random, const std::string& keys) {
  auto ring = Keyring::open(random, [keys] { return parseSecretKeys(keys); });
  EXPECT_TRUE(ring.ok());
  return std::move(ring).value();
}

const std::string kOld = std::string(64, '1') + "\n";
const std::string kNew = std::string(64, '2') + "\n";

NewVersion sealedUpload(Keyring& ring, const std::string& account, const std::string& script, const std::string& text) {
  NewVersion version;
  version.account = account;
  version.script = script;
  version.modules = {{"index.js", ModuleKind::kEsModule, "application/javascript+module", {}}};
  version.secrets = {ring.seal({account, script, "A"}, text + "a"), ring.seal({account, script, "B"}, text + "b")};
  return version;
}

Catalog::Reseal resealer(Keyring& ring) {
  return [&ring](std::string_view account, std::string_view script,
                 const SealedSecret& secret) -> base::Result<SealedSecret> {
    auto text = ring.open({account, script, secret.name}, secret);
    if (!text.ok()) return text.error();
    return ring.seal({account, script, secret.name}, text->view());
  };
}

TEST_F(VaultTest, secretsAreSealedAnewAtOnce) {
  auto old = ringOf(random_, kOld);
  EXPECT_EQ(catalog_->secretKey().value(), std::nullopt);
  EXPECT_EQ(catalog_->chooseSecretKey(old->current()).value(), old->current());
  EXPECT_EQ(catalog_->chooseSecretKey("another").value(), old->current());  // the first was quicker
  const auto one = catalog_->addVersion(sealedUpload(*old, account_, "shop", "one"), NewDeployment{}).value();
  const auto two = catalog_->addVersion(sealedUpload(*old, other_, "blog", "two"), NewDeployment{}).value();

  auto both = ringOf(random_, kNew + kOld);
  EXPECT_EQ(catalog_->resealSecrets(both->current(), resealer(*both)).value(), 4u);
  EXPECT_EQ(catalog_->secretKey().value(), both->current());
  auto fresh = ringOf(random_, kNew);
  for (const auto& [version, account, script, text] :
       {std::tuple{one.number, account_, "shop", "one"}, {two.number, other_, "blog", "two"}}) {
    const auto secrets = catalog_->secrets(version).value();
    ASSERT_EQ(secrets.size(), 2u);
    for (const auto& secret : secrets) {
      EXPECT_EQ(secret.key, fresh->current());
      const auto opened = fresh->open({account, script, secret.name}, secret);
      ASSERT_TRUE(opened.ok()) << opened.error().message;
      EXPECT_EQ(opened->view(), std::string(text) + (secret.name == "A" ? "a" : "b"));
    }
  }
  // Whoever still seals with the key before is told to try again.
  EXPECT_EQ(situation(catalog_->addVersion(sealedUpload(*old, account_, "shop", "late"), {})),
            Situation::kConcurrentChange);
  AuditQuery ofKeys;
  ofKeys.resource = "secret-key";
  EXPECT_EQ(deeds(ofKeys),
            (std::vector<std::string>{"create secret-key " + old->current(), "rotate secret-key " + fresh->current()}));
}

TEST_F(VaultTest, aSecretThatCannotBeOpenedStopsTheRotation) {
  auto old = ringOf(random_, kOld);
  ASSERT_TRUE(catalog_->chooseSecretKey(old->current()).ok());
  const auto version = catalog_->addVersion(sealedUpload(*old, account_, "shop", "one"), {}).value();
  ASSERT_TRUE(catalog_->connection().run("UPDATE version_secrets SET sealed = x'01' WHERE name = 'B'").ok());
  auto both = ringOf(random_, kNew + kOld);
  const auto done = catalog_->resealSecrets(both->current(), resealer(*both));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().message, "secret B of script shop: what is stored is damaged, or was not stored here");
  EXPECT_EQ(catalog_->secretKey().value(), old->current());
  EXPECT_EQ(catalog_->secrets(version.number).value()[0].key, old->current());
}

// Whenever a rotation dies, all secrets open with one of the two keys, and it is the one that the catalog names.
void dieDuringRotation(store::CrashVfs::Death death) {
  FakeClock clock;
  int deaths = 0;
  int before = 0;
  int after = 0;
  bool livedThrough = false;
  for (uint64_t dieAt = 1; !livedThrough; dieAt += 5) {
    SCOPED_TRACE("died at operation " + std::to_string(dieAt));
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-vault-XXXXXX").string();
    const std::string folder = mkdtemp(pattern.data());
    SeededRandom random;
    auto both = ringOf(random, kNew + kOld);
    auto old = ringOf(random, kOld);
    std::string account;
    uint64_t version = 0;
    {
      auto catalog = SqliteCatalog::open(folder + "/catalog.db", {clock, random}).value();
      ASSERT_TRUE(catalog->chooseSecretKey(old->current()).ok());
      account = catalog->addAccount({"acme", Plan::kPaid, {}, {}}).value().id;
      auto upload = sealedUpload(*old, account, "shop", "x");
      for (int i = 0; i < 20; ++i)
        upload.secrets.push_back(old->seal({account, "shop", "S" + std::to_string(i)}, std::string(2'000, 's')));
      version = catalog->addVersion(upload, {}).value().number;
    }
    {
      store::CrashVfs vfs(death, dieAt, dieAt);
      auto catalog = SqliteCatalog::open(folder + "/catalog.db", {clock, random, {.vfs = vfs.name()}});
      if (catalog.ok()) (void)(*catalog)->resealSecrets(both->current(), resealer(*both));
      livedThrough = !vfs.dead();
      deaths += vfs.dead();
      catalog = Error{};
      vfs.settle();
    }
    auto catalog = SqliteCatalog::open(folder + "/catalog.db", {clock, random}).value();
    const auto key = catalog->secretKey().value();
    ASSERT_TRUE(key.has_value());
    (*key == old->current() ? before : after)++;
    const auto secrets = catalog->secrets(version).value();
    ASSERT_EQ(secrets.size(), 22u);
    auto ring = ringOf(random, *key == old->current() ? kOld : kNew);
    for (const auto& secret : secrets) {
      EXPECT_EQ(secret.key, *key);
      EXPECT_TRUE(ring->open({account, "shop", secret.name}, secret).ok());
    }
    std::filesystem::remove_all(folder);
  }
  EXPECT_GT(deaths, 10);
  EXPECT_GT(before, 0);
  EXPECT_GT(after, 0);
}

TEST(VaultCrash, aKilledRotationIsWholeOrNotAtAll) { dieDuringRotation(store::CrashVfs::Death::kProcess); }
TEST(VaultCrash, aMachineWithoutPowerLosesNoSecret) { dieDuringRotation(store::CrashVfs::Death::kPower); }

}  // namespace
}  // namespace weir::catalog
