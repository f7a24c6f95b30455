#include "catalog/schema.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "catalog/sqlite_catalog.h"

namespace weir::catalog {
namespace {

uint64_t fingerprint(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  return hash;
}

// A step that was released is what databases out there were made with: add a step, never change one.
TEST(Schema, releasedStepsStayAsTheyAre) {
  constexpr uint64_t kReleased[] = {9828990640123577978u, 14129077919098289870u, 10510618219264316705u,
                                    6683909058815205733u, 16769202883929211592u};
  ASSERT_EQ(schemaSteps().size(), std::size(kReleased));
  for (size_t i = 0; i < std::size(kReleased); ++i) EXPECT_EQ(fingerprint(schemaSteps()[i].sql), kReleased[i]) << i;
}

TEST(Schema, everyEarlierSchemaBecomesACatalog) {
  base::SystemClock clock;
  base::SystemRandom random;
  for (size_t from = 0; from <= schemaSteps().size(); ++from) {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-schema-XXXXXX").string();
    const std::string folder = mkdtemp(pattern.data());
    {
      auto db = store::Connection::open(folder + "/catalog.db", {});
      ASSERT_TRUE(db.ok());
      ASSERT_TRUE(store::migrate(**db, schemaSteps().first(from)).ok());
      if (from >= 1) {
        ASSERT_TRUE(
            (*db)
                ->run("INSERT INTO accounts VALUES ('a1', 'old', 1, 0, 'old', 5);"
                      "INSERT INTO account_limits VALUES ('a1', 'cpu_ms', 7);"
                      "INSERT INTO zones VALUES ('z1', 'a1', 'example.com', 'http://10.0.0.1', 5, 5);"
                      "INSERT INTO routes VALUES ('r1', 'z1', 'example.com/*', 'hello', 1);"
                      "INSERT INTO domains VALUES ('d1', 'a1', 'shop.org', 'hello', 1, 0, 5);"
                      "INSERT INTO scripts (id, account, name, created, modified) VALUES (1, 'a1', 'hello', 5, 5);"
                      "INSERT INTO changes (kind, key) VALUES (1, 'a1');")
                .ok());
      }
      if (from >= 2) {
        ASSERT_TRUE(
            (*db)
                ->run(
                    "INSERT INTO tokens (id, hash, name, account, access, created) "
                    "VALUES ('t1', x'00', 'ci', 'a1', 1, 5);"
                    "INSERT INTO audit VALUES (1, 'u', 5, 'a1', 1, '0', 'root', 'cli', '', 'create', 'token', 'ci', '{}');"
                    "INSERT INTO facts VALUES ('secret_key', '0123456789abcdef');")
                .ok());
      }
      if (from >= 3) {
        ASSERT_TRUE(
            (*db)
                ->run(
                    "INSERT INTO asset_contents VALUES (7, x'01', 3); INSERT INTO asset_pieces VALUES (1792, x'616263');"
                    "INSERT INTO asset_names VALUES ('a1', x'000102030405060708090a0b0c0d0e0f', 7, 'text/plain', 5);"
                    "INSERT INTO asset_sets VALUES (1, x'02', 5, x'00'); INSERT INTO asset_set_contents VALUES (1, 7);"
                    "INSERT INTO asset_sessions (number, id, account, script, key, expires, manifest) VALUES (1, 's1', 'a1', 'hello', x'00', 9, x'00');"
                    "INSERT INTO asset_session_missing VALUES (1, x'03', 4);")
                .ok());
      }
    }
    auto catalog = SqliteCatalog::open(folder + "/catalog.db", {clock, random});
    ASSERT_TRUE(catalog.ok()) << catalog.error().message;
    const auto rows = (*catalog)->routingRows();
    ASSERT_TRUE(rows.ok());
    EXPECT_EQ((*catalog)->tokens(std::nullopt).value().size(), from >= 2 ? 1u : 0u);
    EXPECT_EQ((*catalog)->audit({}).value().entries.size(), from >= 2 ? 1u : 0u);
    EXPECT_EQ((*catalog)->secretKey().value().has_value(), from >= 2);
    EXPECT_EQ((*catalog)->assets().figures().value().bytes, from >= 3 ? 3u : 0u);
    EXPECT_EQ((*catalog)->assets().piece(7, 0).ok(), from >= 3);
    const size_t expected = from >= 1 ? 1 : 0;
    EXPECT_EQ(rows->accounts.size(), expected);
    EXPECT_EQ(rows->zones.size(), expected);
    EXPECT_EQ(rows->routes.size(), expected);
    EXPECT_EQ(rows->domains.size(), expected);
    EXPECT_EQ(rows->scripts.size(), expected);
    if (expected == 1) {
      EXPECT_EQ(rows->accounts[0].limits().cpuMs, 7u);
      EXPECT_TRUE(rows->routes[0].failOpen);
    }
    EXPECT_TRUE((*catalog)->addAccount({"new", Plan::kFree, {}, "new"}).ok());
    std::filesystem::remove_all(folder);
  }
}

}  // namespace
}  // namespace weir::catalog
