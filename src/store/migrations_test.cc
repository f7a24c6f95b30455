#include "store/migrations.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace weir::store {
namespace {

constexpr Migration kSteps[] = {
    {"first", "CREATE TABLE a (x); CREATE TABLE b (y);"},
    {"second", "ALTER TABLE a ADD COLUMN z DEFAULT 5;"},
    {"third", "INSERT INTO b SELECT z FROM a;"},
};

class MigrationsTest : public testing::Test {
 protected:
  MigrationsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-store-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    db_ = open();
  }
  ~MigrationsTest() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Connection> open() { return std::move(Connection::open(folder_ + "/a.db", {})).value(); }

  std::string folder_;
  std::unique_ptr<Connection> db_;
};

TEST_F(MigrationsTest, everyEarlierSchemaArrivesAtTheLast) {
  for (size_t from = 0; from <= std::size(kSteps); ++from) {
    db_.reset();
    std::filesystem::remove(folder_ + "/a.db");
    db_ = open();
    ASSERT_TRUE(migrate(*db_, std::span(kSteps).first(from)).ok());
    EXPECT_EQ(*schemaVersion(*db_), from);
    if (from > 0) {
      ASSERT_TRUE(db_->execute("INSERT INTO a (x) VALUES (1)").ok());
    }
    ASSERT_TRUE(migrate(*db_, kSteps).ok());
    EXPECT_EQ(*schemaVersion(*db_), std::size(kSteps));
    ASSERT_TRUE(migrate(*db_, kSteps).ok());  // nothing left to do
    auto row = db_->query("SELECT y FROM b");
    EXPECT_EQ(row.next(), from == 1 || from == 2);
  }
}

TEST_F(MigrationsTest, aStepThatFailsLeavesTheOneBefore) {
  constexpr Migration kBroken[] = {kSteps[0], {"broken", "INSERT INTO a VALUES (1); CREATE TABLE a (again);"}};
  auto ran = migrate(*db_, kBroken);
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message.find("schema step 2, broken"), std::string::npos);
  EXPECT_EQ(*schemaVersion(*db_), 1u);
  auto row = db_->query("SELECT count(*) FROM a");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), 0);
}

TEST_F(MigrationsTest, aNewerSchemaIsLeftAlone) {
  ASSERT_TRUE(migrate(*db_, kSteps).ok());
  auto ran = migrate(*db_, std::span(kSteps).first(2));
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().problem, Problem::kNewer);
  EXPECT_EQ(*schemaVersion(*db_), 3u);
}

}  // namespace
}  // namespace weir::store
