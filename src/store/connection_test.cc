#include "store/connection.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

namespace weir::store {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-store-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ConnectionTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Connection> open(Connection::Options options = {}) {
    auto opened = Connection::open(path(), options);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return std::move(opened).value();
  }
  std::string path() const { return folder_ + "/a.db"; }

  std::string folder_;
};

int64_t count(Connection& db) {
  auto row = db.query("SELECT count(*) FROM t");
  EXPECT_TRUE(row.next());
  return row.integer(0);
}

TEST_F(ConnectionTest, everyKindOfValueComesBackAsItWent) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a, b, c, d, e, f, g)").ok());
  const Blob bytes{std::byte{0}, std::byte{255}};
  enum class Colour { kRed = 7 };
  const std::optional<std::string> none;
  auto added = db->execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", int64_t{-5}, std::string_view("a\0b", 3),
                           bytes, none, Colour::kRed, 1.5, true);
  ASSERT_TRUE(added.ok()) << added.error().message;
  EXPECT_EQ(*added, 1);
  auto row = db->query("SELECT * FROM t");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), -5);
  EXPECT_EQ(row.text(1), std::string_view("a\0b", 3));
  EXPECT_EQ(Blob(row.blob(2).begin(), row.blob(2).end()), bytes);
  EXPECT_TRUE(row.isNull(3));
  EXPECT_EQ(row.text(3), "");
  EXPECT_EQ(row.integer(4), 7);
  EXPECT_EQ(row.real(5), 1.5);
  EXPECT_EQ(row.integer(6), 1);
  EXPECT_FALSE(row.next());
  EXPECT_TRUE(row.ok());
}

TEST_F(ConnectionTest, emptyTextAndBlobAreNotNull) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a NOT NULL, b NOT NULL)").ok());
  EXPECT_TRUE(db->execute("INSERT INTO t VALUES (?, ?)", std::string_view(), BlobView()).ok());
}

TEST_F(ConnectionTest, aStatementIsPreparedOnceAndUsableTwiceAtOnce) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)").ok());
  constexpr std::string_view kSql = "SELECT a FROM t ORDER BY a";
  auto outer = db->query(kSql);
  int pairs = 0;
  while (outer.next()) {
    auto inner = db->query(kSql);
    while (inner.next()) ++pairs;
  }
  EXPECT_EQ(pairs, 4);
}

TEST_F(ConnectionTest, errorsSayWhichSituationTheyAre) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a PRIMARY KEY, b UNIQUE, c NOT NULL)").ok());
  ASSERT_TRUE(db->execute("INSERT INTO t VALUES (1, 2, 3)").ok());
  EXPECT_EQ(db->execute("INSERT INTO t VALUES (?, 9, 9)", 1).error().problem, Problem::kExists);
  EXPECT_EQ(db->execute("INSERT INTO t VALUES (8, ?, 9)", 2).error().problem, Problem::kExists);
  EXPECT_EQ(db->execute("INSERT INTO t VALUES (8, 9, ?)", nullptr).error().problem, Problem::kConstraint);
  EXPECT_EQ(db->execute("SELECT nonsense FROM nowhere").error().problem, Problem::kOther);
  EXPECT_EQ(count(*db), 1);
}

TEST_F(ConnectionTest, aTransactionThatIsDroppedChangedNothing) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a)").ok());
  {
    auto transaction = Transaction::begin(*db);
    ASSERT_TRUE(transaction.ok());
    ASSERT_TRUE(db->execute("INSERT INTO t VALUES (1)").ok());
    EXPECT_EQ(count(*db), 1);
  }
  EXPECT_EQ(count(*db), 0);
  auto transaction = Transaction::begin(*db);
  ASSERT_TRUE(transaction.ok());
  ASSERT_TRUE(db->execute("INSERT INTO t VALUES (1)").ok());
  ASSERT_TRUE(transaction->commit().ok());
  EXPECT_EQ(count(*db), 1);
}

TEST_F(ConnectionTest, anotherConnectionsCommitIsSeenAndOnesOwnIsNot) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a)").ok());
  auto other = open();
  const uint64_t before = *db->dataVersion();
  ASSERT_TRUE(db->execute("INSERT INTO t VALUES (1)").ok());
  EXPECT_EQ(*db->dataVersion(), before);
  ASSERT_TRUE(other->execute("INSERT INTO t VALUES (2)").ok());
  EXPECT_NE(*db->dataVersion(), before);
  EXPECT_EQ(count(*db), 2);
}

TEST_F(ConnectionTest, aWriterThatWaitsTooLongIsToldBusy) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a)").ok());
  auto other = open({.busyTimeout = std::chrono::milliseconds(1)});
  auto held = Transaction::begin(*db);
  ASSERT_TRUE(held.ok());
  const auto refused = Transaction::begin(*other);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().problem, Problem::kBusy);
  EXPECT_EQ(count(*other), 0);  // a reader does not wait
}

TEST_F(ConnectionTest, whatIsNotOursIsRefused) {
  std::ofstream(path()) << std::string(4096, 'x');
  auto text = Connection::open(path(), {});
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().problem, Problem::kCorrupt);

  const std::string foreign = folder_ + "/b.db";
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(foreign.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "CREATE TABLE somebody (x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  auto opened = Connection::open(foreign, {});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().problem, Problem::kForeign);

  auto missing = Connection::open(folder_ + "/c.db", {.create = false});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().problem, Problem::kOther);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/c.db"));
}

TEST_F(ConnectionTest, aBackupIsWholeWhileOthersWrite) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)").ok());
  const std::string copy = folder_ + "/copy.db";
  ASSERT_TRUE(db->backup(copy).ok());
  ASSERT_TRUE(db->execute("DELETE FROM t").ok());
  auto opened = Connection::open(copy, {});
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(count(**opened), 3);
  EXPECT_EQ(db->backup(copy).error().problem, Problem::kExists);
  EXPECT_EQ(std::filesystem::status(copy).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(ConnectionTest, aBackupIsWrittenOverWhatAKilledOneLeft) {
  auto db = open();
  ASSERT_TRUE(db->run("CREATE TABLE t (a); INSERT INTO t VALUES (1)").ok());
  const std::string copy = folder_ + "/copy.db";
  std::ofstream(copy + ".partial") << "SQLite format 3, but only the beginning";
  ASSERT_TRUE(db->backup(copy).ok());
  EXPECT_EQ(count(*Connection::open(copy, {}).value()), 1);
  EXPECT_FALSE(std::filesystem::exists(copy + ".partial"));
  EXPECT_EQ(db->backup(folder_ + "/none/copy.db").error().problem, Problem::kOther);
  // One that fails leaves nothing.
  std::filesystem::create_symlink(copy, folder_ + "/next.db.partial");
  EXPECT_FALSE(db->backup(folder_ + "/next.db").ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/next.db"));
  EXPECT_EQ(count(*Connection::open(copy, {}).value()), 1);
}

TEST_F(ConnectionTest, aReaderOnlyWritesNothing) {
  open()->run("CREATE TABLE t (a)").ok();
  auto db = open({.create = false, .readOnly = true});
  EXPECT_EQ(db->execute("INSERT INTO t VALUES (1)").error().problem, Problem::kReadOnly);
}

}  // namespace
}  // namespace weir::store
