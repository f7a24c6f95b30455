#include "cli/version_loader.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "catalog/sqlite_catalog.h"
#include "catalog/test_fakes.h"
#include "store/connection.h"

namespace weir::cli {
namespace {

class VersionLoaderTest : public testing::Test {
 protected:
  VersionLoaderTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-loader-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    catalog_ = openCatalog().value();
    account_ = catalog_->addAccount({"acme", catalog::Plan::kPaid, {}, {}}).value().id;
    keyring_ =
        catalog::Keyring::open(random_, [] { return catalog::parseSecretKeys(std::string(64, '1') + "\n"); }).value();
  }
  ~VersionLoaderTest() override {
    loader_.reset();
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }

  catalog::Result<std::unique_ptr<catalog::Catalog>> openCatalog() {
    auto opened = catalog::SqliteCatalog::open(path(), {clock_, random_});
    if (!opened.ok()) return opened.error();
    return std::unique_ptr<catalog::Catalog>(std::move(opened).value());
  }
  std::string path() const { return folder_ + "/catalog.db"; }

  void start(
      uint32_t attemptsMax, std::function<void()> beforeOpen = [] {}) {
    VersionLoader::Options options{[this, beforeOpen]() -> catalog::Result<std::unique_ptr<catalog::Catalog>> {
                                     beforeOpen();
                                     if (refusedOpens_ > 0) {
                                       --refusedOpens_;
                                       return catalog::Error{catalog::Situation::kStoreFailed, "the disk is busy"};
                                     }
                                     return openCatalog();
                                   },
                                   *keyring_};
    options.attemptsMax = attemptsMax;
    options.retryAfter = std::chrono::milliseconds(1);
    options.loaded = [this] {
      const std::lock_guard lock(mutex_);
      ++settled_;
      wake_.notify_all();
    };
    loader_ = std::make_unique<VersionLoader>(std::move(options));
  }
  // Waits until the loader has done with it.
  void load(const std::shared_ptr<sandbox::RunnableVersion>& version) {
    std::unique_lock lock(mutex_);
    const int before = settled_;
    loader_->load(version);
    wake_.wait(lock, [&] { return settled_ > before; });
  }
  std::shared_ptr<sandbox::RunnableVersion> runnable(const std::string& id) {
    auto version = std::make_shared<sandbox::RunnableVersion>();
    version->account = account_;
    version->script = "shop";
    version->id = id;
    version->placements = std::make_unique<sandbox::RunnableVersion::LoopPlacement[]>(1);
    return version;
  }
  std::string upload() {
    catalog::NewVersion version;
    version.account = account_;
    version.script = "shop";
    version.compatibilityDate = "2026-01-01";
    version.modules = {{"index.js", catalog::ModuleKind::kEsModule, "application/javascript+module", {}}};
    return catalog_->addVersion(version, {}).value().id;
  }
  // The store fails from now on, or works again.
  void breakStore(bool broken) {
    auto db = store::Connection::open(path(), {}).value();
    ASSERT_TRUE(
        db->run(broken ? "ALTER TABLE version_modules RENAME TO away" : "ALTER TABLE away RENAME TO version_modules")
            .ok());
  }

  catalog::FakeClock clock_;
  catalog::SeededRandom random_;
  std::string folder_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::string account_;
  std::unique_ptr<catalog::Keyring> keyring_;
  std::mutex mutex_;
  std::condition_variable wake_;
  int settled_ = 0;
  int refusedOpens_ = 0;
  std::unique_ptr<VersionLoader> loader_;
};

TEST_F(VersionLoaderTest, loadsWhatIsThereAndRefusesWhatIsNotForGood) {
  start(1);
  const auto there = runnable(upload());
  load(there);
  EXPECT_TRUE(there->content);
  EXPECT_FALSE(there->refusal);
  const auto missing = runnable("00000000-0000-4000-8000-000000000000");
  load(missing);
  ASSERT_TRUE(missing->refusal);
  EXPECT_TRUE(missing->refusal->missing);
}

TEST_F(VersionLoaderTest, aStoreThatFailsRefusesNothing) {
  const auto version = runnable(upload());
  breakStore(true);
  start(3);
  load(version);
  EXPECT_FALSE(version->content);
  EXPECT_FALSE(version->refusal);  // nobody is told that it will never work
  breakStore(false);
  load(version);
  EXPECT_TRUE(version->content);
  EXPECT_FALSE(version->refusal);
}

TEST_F(VersionLoaderTest, aCatalogThatDoesNotOpenIsTriedAgain) {
  const auto version = runnable(upload());
  refusedOpens_ = 2;
  start(3);
  load(version);
  EXPECT_TRUE(version->content);
  EXPECT_EQ(refusedOpens_, 0);
}

TEST_F(VersionLoaderTest, whatWouldFailAgainIsRefusedAtOnce) {
  catalog::NewVersion version;
  version.account = account_;
  version.script = "shop";
  version.compatibilityDate = "2026-01-01";
  version.modules = {{"index.js", catalog::ModuleKind::kEsModule, "application/javascript+module", {}}};
  version.secrets = {{"TOKEN", "0123456789abcdef", {}}};  // sealed with a key that nobody has
  const auto sealed = runnable(catalog_->addVersion(version, {}).value().id);
  int opens = 0;
  start(1000, [&] { ++opens; });
  load(sealed);
  ASSERT_TRUE(sealed->refusal);
  EXPECT_FALSE(sealed->refusal->missing);
  EXPECT_EQ(opens, 1);
}

}  // namespace
}  // namespace weir::cli
