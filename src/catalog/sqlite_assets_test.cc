#include "catalog/sqlite_assets.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "catalog/sqlite_catalog.h"
#include "catalog/test_fakes.h"

namespace weir::catalog {
namespace {

constexpr UnixMs kHourMs = 3'600'000;

Bytes bytes(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

AssetHash hash(uint8_t seed) {
  AssetHash made;
  made.fill(seed);
  return made;
}

class AssetStoreTest : public testing::Test {
 protected:
  AssetStoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-assets-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    auto opened = SqliteCatalog::open(folder_ + "/catalog.db", {clock_, random_});
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    catalog_ = std::move(opened).value();
    account_ = catalog_->addAccount({"acme", Plan::kPaid, {}, "acme"}).value().id;
    other_ = catalog_->addAccount({"other", Plan::kFree, {}, "other"}).value().id;
  }
  ~AssetStoreTest() override {
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }

  AssetStore& assets() { return catalog_->assets(); }
  NewAssetSession session(std::vector<NamedAsset> files, const std::string& account = {}) {
    NewAssetSession made;
    made.account = account.empty() ? account_ : account;
    made.script = "site";
    made.manifest = bytes("manifest");
    made.files = std::move(files);
    made.key = bytes("key");
    made.expiresMs = clock_.ms + kHourMs;
    return made;
  }
  // Uploads one file in a session of its own and yields its content.
  uint64_t put(uint8_t seed, std::string_view text, const std::string& account = {}) {
    auto opened = assets().openSession(session({{hash(seed), text.size()}}, account));
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    auto added = assets().addAssets(opened->id, {{hash(seed), "text/plain", bytes(text)}});
    EXPECT_TRUE(added.ok()) << added.error().message;
    EXPECT_TRUE(*added);
    return assets().findAssets(account.empty() ? account_ : account, {hash(seed)}).value()[0].content;
  }
  uint64_t version(std::optional<VersionAssets> with, const std::string& script = "site") {
    NewVersion made;
    made.account = account_;
    made.script = script;
    made.assets = std::move(with);
    if (!made.assets) made.modules = {{"index.js", ModuleKind::kEsModule, "application/javascript+module", bytes("x")}};
    auto added = catalog_->addVersion(made, NewDeployment{});
    EXPECT_TRUE(added.ok()) << added.error().message;
    return added.ok() ? added->number : 0;
  }
  void collectAll() {
    for (int i = 0; i < 100; ++i) {
      auto more = assets().collect();
      ASSERT_TRUE(more.ok()) << more.error().message;
      if (!*more) return;
    }
    FAIL() << "collecting does not end";
  }
  template <class T>
  Situation situation(const Result<T>& result) {
    EXPECT_FALSE(result.ok());
    return result.ok() ? Situation::kStoreFailed : result.error().situation;
  }

  FakeClock clock_{1'000 * kHourMs};
  SeededRandom random_;
  std::string folder_;
  std::unique_ptr<SqliteCatalog> catalog_;
  std::string account_;
  std::string other_;
};

TEST_F(AssetStoreTest, whoOpensASessionAndWhoUploadsIsRecorded) {
  const Actor client{ActorKind::kToken, "t1", "ci", "api", "192.0.2.1"};
  std::string id;
  {
    const Acting acting(*catalog_, client);
    id = assets().openSession(session({{hash(1), 3}, {hash(2), 5}}))->id;
  }
  Actor uploader = assets().findSession(id)->openedBy;
  EXPECT_EQ(uploader.id + uploader.name + uploader.via + uploader.address, "t1ciapi");
  EXPECT_EQ(uploader.kind, ActorKind::kToken);
  uploader.address = "192.0.2.2";
  const Acting acting(*catalog_, uploader);
  ASSERT_TRUE(assets().addAssets(id, {{hash(1), "", bytes("one")}}).ok());
  ASSERT_TRUE(assets().addAssets(id, {{hash(1), "", bytes("one")}}).ok());
  ASSERT_FALSE(assets().addAssets(id, {{hash(2), "", bytes("five5")}, {hash(3), "", bytes("x")}}).ok());
  ASSERT_TRUE(assets().addAssets(id, {{hash(2), "", bytes("five5")}}).value());

  AuditQuery query;
  query.resource = "assets";
  query.oldestFirst = true;
  const auto entries = catalog_->audit(query)->entries;
  ASSERT_EQ(entries.size(), 3u);  // what stores nothing, and what is refused, is no change
  for (const auto& entry : entries) {
    EXPECT_EQ(entry.account, account_);
    EXPECT_EQ(entry.name, "site");
    EXPECT_EQ(entry.actor.id, "t1");
  }
  EXPECT_EQ(entries[0].action, "create");
  EXPECT_EQ(entries[0].actor.address, "192.0.2.1");
  EXPECT_EQ(entries[0].detail, R"({"session":")" + id + R"(","files":2,"missing":2})");
  EXPECT_EQ(entries[1].action, "upload");
  EXPECT_EQ(entries[1].actor.address, "192.0.2.2");
  EXPECT_EQ(entries[1].detail, R"({"session":")" + id + R"(","files":1,"bytes":3,"complete":false})");
  EXPECT_EQ(entries[2].detail, R"({"session":")" + id + R"(","files":1,"bytes":5,"complete":true})");
}

TEST_F(AssetStoreTest, sessionAsksForWhatIsMissing) {
  put(1, "one");
  const auto opened = assets().openSession(session({{hash(1), 3}, {hash(2), 3}, {hash(3), 5}}));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->missing, (std::vector<NamedAsset>{{hash(2), 3}, {hash(3), 5}}));
  const auto found = assets().findSession(opened->id);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->account, account_);
  EXPECT_EQ(found->script, "site");
  EXPECT_EQ(found->manifest, bytes("manifest"));
  EXPECT_EQ(found->key, bytes("key"));
  EXPECT_FALSE(found->complete);

  EXPECT_FALSE(assets().addAssets(opened->id, {{hash(3), "", bytes("three")}}).value());
  // An answer was lost and the client tries again.
  EXPECT_FALSE(assets().addAssets(opened->id, {{hash(3), "", bytes("three")}}).value());
  EXPECT_TRUE(assets().addAssets(opened->id, {{hash(2), "text/css", bytes("two")}}).value());
  EXPECT_TRUE(assets().findSession(opened->id)->complete);

  const auto stored = assets().findAssets(account_, {hash(2), hash(3)});
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ((*stored)[0].type, "text/css");
  EXPECT_EQ((*stored)[1].type, "");
  EXPECT_EQ((*stored)[1].size, 5u);
  EXPECT_EQ(assets().piece((*stored)[1].content, 0).value(), bytes("three"));
  EXPECT_TRUE(assets().openSession(session({{hash(2), 3}, {hash(3), 5}}))->missing.empty());
}

TEST_F(AssetStoreTest, refusesWhatNobodyAskedFor) {
  const auto opened = assets().openSession(session({{hash(1), 3}}));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(situation(assets().addAssets(opened->id, {{hash(2), "", bytes("two")}})), Situation::kBadAsset);
  EXPECT_EQ(situation(assets().addAssets(opened->id, {{hash(1), "", bytes("four")}})), Situation::kBadAsset);
  EXPECT_EQ(situation(assets().addAssets("nobody", {})), Situation::kAssetSessionNotFound);
  EXPECT_EQ(situation(assets().findAssets(account_, {hash(1)})), Situation::kBadAsset);
  EXPECT_EQ(assets().figures().value().contents, 0u);
  clock_.ms += kHourMs;
  EXPECT_EQ(situation(assets().findSession(opened->id)), Situation::kAssetSessionNotFound);
  EXPECT_EQ(situation(assets().addAssets(opened->id, {})), Situation::kAssetSessionNotFound);
}

TEST_F(AssetStoreTest, contentIsStoredOnceAndNamedByAccount) {
  const uint64_t mine = put(1, "same");
  EXPECT_EQ(put(2, "same"), mine);
  // What another account calls by a hash says nothing of what this one means by it.
  EXPECT_EQ(assets().openSession(session({{hash(1), 4}}, other_))->missing.size(), 1u);
  EXPECT_NE(put(1, "else", other_), mine);
  EXPECT_EQ(put(3, "same", other_), mine);
  EXPECT_EQ(assets().findAssets(account_, {hash(1)}).value()[0].content, mine);
  EXPECT_EQ(assets().figures().value().contents, 2u);
  EXPECT_EQ(assets().figures().value().bytes, 8u);
}

TEST_F(AssetStoreTest, largeContentIsReadInPieces) {
  std::string text(2 * kAssetPieceBytes + 5, 'a');
  for (size_t i = 0; i < text.size(); i += 7) text[i] = static_cast<char>(i % 251);
  const uint64_t content = put(1, text);
  std::string read;
  for (uint32_t i = 0; i < 3; ++i) {
    const auto piece = assets().piece(content, i);
    ASSERT_TRUE(piece.ok());
    read.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
  EXPECT_TRUE(read == text);
  EXPECT_EQ(situation(assets().piece(content, 3)), Situation::kBadAsset);
  EXPECT_EQ(situation(assets().piece(put(2, ""), 0)), Situation::kBadAsset);  // an empty file has no piece
}

TEST_F(AssetStoreTest, versionNamesItsFiles) {
  const uint64_t content = put(1, "one");
  const uint64_t set = assets().addSet(bytes("table"), {content}).value();
  EXPECT_EQ(assets().addSet(bytes("table"), {content}).value(), set);
  EXPECT_NE(assets().addSet(bytes("other"), {content}).value(), set);
  EXPECT_EQ(assets().set(set).value(), bytes("table"));
  const uint64_t number = version(VersionAssets{set, R"({"html_handling":"none"})"});
  const auto of = assets().assetsOf(number);
  ASSERT_TRUE(of.ok());
  ASSERT_TRUE(of->has_value());
  EXPECT_EQ((*of)->set, set);
  EXPECT_EQ((*of)->config, R"({"html_handling":"none"})");
  EXPECT_TRUE(catalog_->modules(number).value().empty());
  EXPECT_TRUE(catalog_->versions(account_, "site").value()[0].hasAssets);
  const auto rows = catalog_->routingRows();
  ASSERT_TRUE(rows.ok());
  EXPECT_TRUE(rows->scripts[0].versions[0].hasAssets);

  const uint64_t plain = version(std::nullopt);
  EXPECT_FALSE(assets().assetsOf(plain).value().has_value());
  EXPECT_FALSE(catalog_->versions(account_, "site").value()[0].hasAssets);
}

TEST_F(AssetStoreTest, whatNothingNamesIsRemovedAfterAWhile) {
  const uint64_t kept = put(1, "kept"), gone = put(2, "gone");
  const uint64_t set = assets().addSet(bytes("table"), {kept}).value();
  assets().addSet(bytes("never used"), {gone}).value();
  version(VersionAssets{set, "{}"});
  collectAll();
  EXPECT_EQ(assets().figures().value().contents, 2u);  // too young
  clock_.ms += 5 * kHourMs;
  collectAll();
  EXPECT_EQ(assets().figures().value().contents, 1u);
  EXPECT_EQ(assets().figures().value().sets, 1u);
  EXPECT_EQ(assets().figures().value().sessions, 0u);
  EXPECT_EQ(situation(assets().piece(gone, 0)), Situation::kBadAsset);
  EXPECT_EQ(assets().piece(kept, 0).value(), bytes("kept"));
  EXPECT_EQ(assets().openSession(session({{hash(1), 4}, {hash(2), 4}}))->missing.size(), 1u);

  ASSERT_TRUE(catalog_->removeScript(account_, "site").ok());
  clock_.ms += 5 * kHourMs;
  collectAll();
  EXPECT_EQ(assets().figures().value().contents, 0u);
  auto pieces = catalog_->connection().query("SELECT count(*) FROM asset_pieces");
  ASSERT_TRUE(pieces.next());
  EXPECT_EQ(pieces.integer(0), 0);
}

TEST_F(AssetStoreTest, whatASessionFoundStaysUntilItsVersionIsMade) {
  put(1, "old");
  clock_.ms += 3 * kHourMs + kHourMs / 2;
  const auto opened = assets().openSession(session({{hash(1), 3}}));
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->missing.empty());
  clock_.ms += kHourMs;
  collectAll();
  EXPECT_TRUE(assets().findAssets(account_, {hash(1)}).ok());
}

TEST_F(AssetStoreTest, accountKeepsNoMoreThanItsPlanAllows) {
  AccountChange change;
  change.setOverrides = {{"asset_bytes", 10}};
  ASSERT_TRUE(catalog_->changeAccount(account_, change).ok());
  put(1, "123456");
  EXPECT_EQ(situation(assets().openSession(session({{hash(2), 5}}))), Situation::kTooLarge);
  EXPECT_TRUE(assets().openSession(session({{hash(2), 4}})).ok());
  EXPECT_TRUE(assets().openSession(session({{hash(1), 6}})).ok());
  EXPECT_TRUE(assets().openSession(session({{hash(2), 5}}, other_)).ok());
}

TEST_F(AssetStoreTest, anAccountHasFewOpenSessions) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < kAssetSessionsMax + 3; ++i) ids.push_back(assets().openSession(session({{hash(1), 1}}))->id);
  EXPECT_EQ(assets().figures().value().sessions, kAssetSessionsMax);
  EXPECT_FALSE(assets().findSession(ids[2]).ok());
  EXPECT_TRUE(assets().findSession(ids[3]).ok());
}

}  // namespace
}  // namespace weir::catalog
