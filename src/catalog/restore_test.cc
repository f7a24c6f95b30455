#include "catalog/restore.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "catalog/schema.h"
#include "catalog/sqlite_catalog.h"

namespace weir::catalog {
namespace {

class RestoreTest : public testing::Test {
 protected:
  RestoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-restore-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    catalog_ = SqliteCatalog::open(folder_ + "/catalog.db", {clock_, random_}).value();
    account_ = catalog_->addAccount({"acme", Plan::kPaid, {}, "acme"}).value().id;
  }
  ~RestoreTest() override {
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string backup() {
    std::string path = folder_ + "/backup" + std::to_string(++backups_);
    const auto made = catalog_->backup(path);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return path;
  }
  auto restore(const std::string& from) {
    return restoreCatalog(from, into(), {ActorKind::kOperator, "0", "root", "cli", {}}, clock_, random_);
  }
  // Of a restore that changed nothing.
  std::string refusal(const std::string& from) {
    const auto restored = restore(from);
    EXPECT_FALSE(std::filesystem::exists(into()));
    EXPECT_FALSE(std::filesystem::exists(into() + ".partial"));
    return restored.ok() ? "" : restored.error().message;
  }
  // A backup that somebody has changed.
  std::string changed(const std::string& sql) {
    std::string path = backup();
    auto db = store::Connection::open(path, {}).value();
    const auto ran = db->run("PRAGMA foreign_keys = OFF;" + sql);
    EXPECT_TRUE(ran.ok()) << ran.error().message;
    return path;
  }
  std::string into() const { return folder_ + "/restored.db"; }

  base::SystemClock clock_;
  base::SystemRandom random_;
  std::string folder_;
  std::unique_ptr<SqliteCatalog> catalog_;
  std::string account_;
  int backups_ = 0;
};

NewVersion upload(const std::string& account, const std::string& script, char letter) {
  NewVersion version;
  version.account = account;
  version.script = script;
  version.modules = {{"index.js", ModuleKind::kEsModule, "application/javascript+module",
                      Bytes(5'000, static_cast<std::byte>(letter))}};
  version.secrets = {{"A", "k1", Bytes(40, std::byte{7})}};
  return version;
}

TEST_F(RestoreTest, everythingIsThereAgain) {
  ASSERT_TRUE(catalog_->chooseSecretKey("k1").ok());
  const auto version = catalog_->addVersion(upload(account_, "shop", 'x'), NewDeployment{}).value();
  const auto zone = catalog_->addZone({account_, "example.com", {}}).value();
  ASSERT_TRUE(catalog_->addRoute(zone.id, {"example.com/*", "shop"}).ok());
  NewToken token;
  token.hash = tokenHash("text");
  token.name = "ci";
  token.scope.account = account_;
  ASSERT_TRUE(catalog_->addToken(token).ok());
  const std::string file = backup();
  ASSERT_TRUE(catalog_->removeZone(zone.id).ok());  // later than the backup

  const auto restored = restore(file);
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  EXPECT_EQ(restored->accounts, 1u);
  EXPECT_EQ(restored->scripts, 1u);
  EXPECT_EQ(restored->secrets, 1u);
  EXPECT_EQ(restored->secretKey, "k1");
  auto again = SqliteCatalog::open(into(), {clock_, random_}).value();
  EXPECT_EQ(again->modules(version.number).value()[0].content, Bytes(5'000, std::byte{'x'}));
  EXPECT_EQ(again->deployments(account_, "shop").value().size(), 1u);
  EXPECT_EQ(again->routes("example.com").value().size(), 1u);
  EXPECT_TRUE(again->findToken(tokenHash("text")).value().has_value());
  const auto log = again->audit({}).value().entries;
  EXPECT_EQ(log[0].action, "restore");
  EXPECT_EQ(log[0].actor.name, "root");
  EXPECT_EQ(log[1].action, "backup");
  EXPECT_EQ(log[1].name, file);
  // Nothing is restored over it.
  const auto twice = restore(file);
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().message, into() + ": there is a file already; name another");
}

TEST_F(RestoreTest, aBackupTakenWhileOthersWriteIsOfOneMoment) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    auto other = SqliteCatalog::open(folder_ + "/catalog.db", {clock_, random_}).value();
    // A script and its zone, in that order.
    for (int i = 0; !stop && i < 400; ++i) {
      const std::string name = "s" + std::to_string(i);
      ASSERT_TRUE(other->addVersion(upload(account_, name, 'y'), NewDeployment{}).ok());
      ASSERT_TRUE(other->addZone({account_, name + ".org", {}}).ok());
    }
  });
  while (catalog_->scripts(account_).value().size() < 5) std::this_thread::yield();
  std::vector<std::string> files;
  for (int i = 0; i < 5; ++i) files.push_back(backup());
  stop = true;
  writer.join();
  size_t before = 0;
  for (const auto& file : files) {
    ASSERT_TRUE(restore(file).ok());
    auto again = SqliteCatalog::open(into(), {clock_, random_}).value();
    const size_t scripts = again->scripts(account_).value().size();
    const size_t zones = again->zones(account_).value().size();
    EXPECT_TRUE(scripts == zones || scripts == zones + 1) << scripts << " " << zones;
    EXPECT_GE(scripts, std::max<size_t>(before, 5));
    before = scripts;
    again.reset();
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(into() + end);
  }
}

TEST_F(RestoreTest, badInputIsRefusedAndLeavesNothing) {
  EXPECT_EQ(refusal(folder_ + "/none"),
            folder_ + "/none: there is no such file, or it cannot be read; name a file that weir backup made");
  const std::string text = folder_ + "/text";
  std::ofstream(text) << "no database, though it is long enough to be taken for one at first sight.";
  EXPECT_EQ(refusal(text), text + ": file is not a database");
  { const std::ofstream empty(folder_ + "/empty"); }
  EXPECT_EQ(refusal(folder_ + "/empty"), folder_ + "/empty: this database was not made by weir");
  {
    auto other = store::Connection::open(folder_ + "/other.db", {}).value();
    ASSERT_TRUE(other->run("CREATE TABLE t (a)").ok());
  }
  EXPECT_EQ(refusal(folder_ + "/other.db"), folder_ + "/other.db: it holds no catalog");

  const std::string newer = changed("PRAGMA user_version = 99");
  EXPECT_EQ(refusal(newer), newer + ": a newer weir made it (schema 99, this one knows " +
                                std::to_string(schemaSteps().size()) + "); run that one");
  for (const char* sql : {"CREATE TRIGGER t AFTER INSERT ON changes BEGIN DELETE FROM tokens; END",
                          "CREATE VIEW v AS SELECT * FROM tokens", "CREATE TABLE extra (a)", "DROP INDEX audit_at"}) {
    const std::string file = changed(sql);
    EXPECT_EQ(refusal(file),
              file + ": its schema is not the one that weir makes: somebody has changed it; use another backup")
        << sql;
  }
  const std::string dangling = changed("INSERT INTO zones VALUES ('z', 'nobody', 'example.com', NULL, 0, 0)");
  EXPECT_EQ(refusal(dangling), dangling + ": a row of zones refers to one that is missing; use another backup");

  // Cut, and with bytes that have changed.
  ASSERT_TRUE(catalog_->addVersion(upload(account_, "shop", 'x'), NewDeployment{}).ok());
  const std::string cut = backup();
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) / 2);
  EXPECT_NE(refusal(cut), "");
  const std::string rotten = backup();
  {
    std::fstream file(rotten, std::ios::in | std::ios::out | std::ios::binary);
    for (uint64_t at = 4096; at < std::filesystem::file_size(rotten); at += 4096) {
      file.seekp(static_cast<std::streamoff>(at));
      file << std::string(64, '\xff');
    }
  }
  EXPECT_NE(refusal(rotten), "");
}

TEST_F(RestoreTest, anOlderBackupIsBroughtUpToDate) {
  const std::string old = folder_ + "/old.db";
  {
    auto db = store::Connection::open(old, {}).value();
    ASSERT_TRUE(store::migrate(*db, schemaSteps().first(1)).ok());
    ASSERT_TRUE(db->run("INSERT INTO accounts VALUES ('a1', 'old', 1, 0, 'old', 5)").ok());
  }
  const auto restored = restore(old);
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  EXPECT_EQ(restored->secretKey, std::nullopt);
  auto again = SqliteCatalog::open(into(), {clock_, random_}).value();
  EXPECT_EQ(again->findAccount("old").value().id, "a1");
  EXPECT_EQ(again->audit({}).value().entries.size(), 1u);
}

}  // namespace
}  // namespace weir::catalog
