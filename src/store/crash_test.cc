// What was acknowledged survives a death at every write, and what was not is there whole or not at all.
#include <gtest/gtest.h>

#include <filesystem>

#include "store/crash_vfs.h"
#include "store/migrations.h"

namespace weir::store {
namespace {

constexpr Migration kSteps[] = {
    {"pairs", "CREATE TABLE pairs (n INTEGER PRIMARY KEY, twin INTEGER, filler BLOB);"},
    {"index", "CREATE INDEX pairs_twin ON pairs (twin);"},
};
constexpr int kTransactions = 12;

// Two rows a transaction. Returns how many were acknowledged before something failed.
int work(const std::string& path, const char* vfs) {
  auto opened = Connection::open(path, {.vfs = vfs});
  if (!opened.ok()) return 0;
  Connection& db = **opened;
  if (!db.run("PRAGMA wal_autocheckpoint = 8").ok() || !migrate(db, kSteps).ok()) return 0;
  const Blob filler(3000, std::byte{7});
  int acknowledged = 0;
  for (int i = 0; i < kTransactions; ++i) {
    auto transaction = Transaction::begin(db);
    if (!transaction.ok() || !db.execute("INSERT INTO pairs VALUES (?, ?, ?)", 2 * i, 2 * i + 1, filler).ok() ||
        !db.execute("INSERT INTO pairs VALUES (?, ?, ?)", 2 * i + 1, 2 * i, filler).ok() ||
        !transaction->commit().ok()) {
      return acknowledged;
    }
    ++acknowledged;
  }
  return acknowledged;
}

void dieEverywhere(CrashVfs::Death death) {
  int deaths = 0;
  bool livedThrough = false;
  for (uint64_t dieAt = 1; !livedThrough; ++dieAt) {
    SCOPED_TRACE("died at operation " + std::to_string(dieAt));
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-crash-XXXXXX").string();
    const std::string folder = mkdtemp(pattern.data());
    const std::string path = folder + "/a.db";
    int acknowledged = 0;
    {
      CrashVfs vfs(death, dieAt, dieAt * 7919);
      acknowledged = work(path, vfs.name());
      livedThrough = !vfs.dead();
      deaths += vfs.dead();
      vfs.settle();
    }
    auto opened = Connection::open(path, {});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    ASSERT_TRUE(migrate(**opened, kSteps).ok());
    auto check = (*opened)->query("PRAGMA integrity_check");
    ASSERT_TRUE(check.next());
    ASSERT_EQ(check.text(0), "ok");
    auto row = (*opened)->query("SELECT count(*), count(DISTINCT n / 2), max(n) FROM pairs");
    ASSERT_TRUE(row.next());
    const int64_t rows = row.integer(0);
    EXPECT_EQ(rows, row.integer(1) * 2) << "a transaction is there by half";
    EXPECT_GE(rows, acknowledged * 2) << "an acknowledged transaction is lost";
    EXPECT_LE(rows, acknowledged * 2 + 2);
    std::filesystem::remove_all(folder);
  }
  EXPECT_GT(deaths, 100);
}

TEST(Crash, aKilledProcessLosesNothingAcknowledged) { dieEverywhere(CrashVfs::Death::kProcess); }
TEST(Crash, aMachineWithoutPowerLosesNothingAcknowledged) { dieEverywhere(CrashVfs::Death::kPower); }

}  // namespace
}  // namespace weir::store
