#include "catalog/publisher.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "catalog/sqlite_catalog.h"

namespace weir::catalog {
namespace {

// Stands until it is moved; tells how often it was looked at.
class HeldClock final : public base::Clock {
 public:
  base::Instant now() const override {
    ++looks;
    return base::Instant(std::chrono::milliseconds(ms.load()));
  }
  double wallMs() const override { return static_cast<double>(ms.load()); }
  std::atomic<int64_t> ms{1'000'000'000'000};
  mutable std::atomic<uint64_t> looks{0};
};

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-publisher-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~PublisherTest() override {
    publisher_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ + "/catalog.db"; }

  void start(std::string path) {
    Publisher::Options options{
        clockUsed_, random_, std::move(path), "workers.localhost", std::chrono::milliseconds(1), saveUsage_, auditFor_,
        {},         {}};
    options.publish = [this](std::shared_ptr<const Routing> routing) {
      const std::lock_guard lock(mutex_);
      routing_ = std::move(routing);
      published_.notify_all();
    };
    auto started = Publisher::start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.error().message;
    publisher_ = std::move(started).value();
  }
  std::shared_ptr<const Routing> current() {
    const std::lock_guard lock(mutex_);
    return routing_;
  }
  // Waits for the snapshot that satisfies `wanted`.
  template <class Wanted>
  void await(const Wanted& wanted) {
    std::unique_lock lock(mutex_);
    published_.wait(lock, [&] { return wanted(*routing_); });
  }
  std::unique_ptr<SqliteCatalog> another() { return std::move(SqliteCatalog::open(path(), {clock_, random_})).value(); }

  base::SystemClock clock_;
  base::SystemRandom random_;
  HeldClock held_;
  std::reference_wrapper<const base::Clock> clockUsed_ = clock_;
  std::chrono::milliseconds saveUsage_{1};
  std::chrono::hours auditFor_{0};
  std::string folder_;
  std::mutex mutex_;
  std::condition_variable published_;
  std::shared_ptr<const Routing> routing_;
  std::unique_ptr<Publisher> publisher_;
};

bool hasZone(const Routing& routing, const char* host) {
  return routing.find(host, Scheme::kHttp, "/").zone != nullptr;
}

TEST_F(PublisherTest, makesTheFirstAccountOnceAndPublishesBeforeItReturns) {
  start(path());
  EXPECT_EQ(publisher_->firstAccount().name, "local");
  EXPECT_EQ(current()->zoneCount(), 0u);
  const std::string id = publisher_->firstAccount().id;
  publisher_.reset();
  start(path());
  EXPECT_EQ(publisher_->firstAccount().id, id);
  EXPECT_EQ(another()->accounts().value().size(), 1u);
}

TEST_F(PublisherTest, whatAnotherProcessChangesIsPublished) {
  start(path());
  auto other = another();
  ASSERT_TRUE(other->addZone({publisher_->firstAccount().id, "example.com", {}}).ok());
  await([](const Routing& routing) { return hasZone(routing, "www.example.com"); });
  ASSERT_TRUE(other->removeZone("example.com").ok());
  await([](const Routing& routing) { return !hasZone(routing, "www.example.com"); });
}

TEST_F(PublisherTest, whatATaskChangesIsPublishedWhenItReturns) {
  start(path());
  ASSERT_TRUE(publisher_->run([&](Catalog& catalog) {
    ASSERT_TRUE(catalog.addZone({publisher_->firstAccount().id, "example.com", {}}).ok());
  }));
  EXPECT_TRUE(hasZone(*current(), "example.com"));
}

TEST_F(PublisherTest, theAuditLogForgetsWhatIsOld) {
  class OldClock final : public base::Clock {
   public:
    base::Instant now() const override { return base::Instant{}; }
    double wallMs() const override { return 1'000; }
  } old;
  ASSERT_TRUE(SqliteCatalog::open(path(), {old, random_}).value()->addAccount({"old", Plan::kFree, {}, {}}).ok());
  const auto known = [&](const char* name) {
    AuditQuery query;
    query.name = name;
    return another()->audit(query).value().matching > 0;
  };
  start(path());
  ASSERT_TRUE(publisher_->run([&](Catalog& catalog) { (void)catalog.addAccount({"new", Plan::kFree, {}, {}}); }));
  EXPECT_TRUE(known("old"));
  publisher_.reset();
  auditFor_ = std::chrono::hours(1);
  start(path());
  while (known("old")) ASSERT_TRUE(publisher_->run([](Catalog&) {}));  // at its first tick
  EXPECT_TRUE(known("new"));
}

TEST_F(PublisherTest, configuredScriptsNeedNoCatalog) {
  start("");
  publisher_->configure({"", {{"dev", 1, "id"}}, "dev"});
  EXPECT_EQ(current()->find("any.host", Scheme::kHttp, "/").script->name, "dev");
  EXPECT_FALSE(publisher_->run([](Catalog&) {}));
  publisher_->configure({"", {{"one", 3, "id"}}, {}});
  EXPECT_EQ(current()->find("one.local.workers.localhost", Scheme::kHttp, "/").script->versions[0].number, 3u);
}

TEST_F(PublisherTest, usageOutlivesTheProcess) {
  start(path());
  const std::string id = publisher_->firstAccount().id;
  publisher_->configure({"", {{"one", 3, "id"}}, {}});
  const auto meter = current()->find("one.local.workers.localhost", Scheme::kHttp, "/").account->meter;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(meter->daily.take(100, clock_.wallMs()));
  publisher_.reset();
  auto saved = another()->usage().value();
  ASSERT_EQ(saved.size(), 1u);
  EXPECT_EQ(saved[0].daily.requests, 5u);
  start(path());
  publisher_->configure({"", {{"one", 3, "id"}}, {}});
  const auto again = current()->find("one.local.workers.localhost", Scheme::kHttp, "/").account->meter;
  EXPECT_NE(again, meter);
  EXPECT_FALSE(again->daily.take(5, clock_.wallMs()));
  EXPECT_TRUE(again->daily.take(6, clock_.wallMs()));
}

TEST_F(PublisherTest, aCrashForgetsTheLastSecondAndNoRequestWritesAnything) {
  clockUsed_ = held_;
  saveUsage_ = Publisher::Options{clock_, random_, "", ""}.saveUsage;
  EXPECT_EQ(saveUsage_, std::chrono::seconds(1));
  start(path());
  publisher_->configure({"", {{"one", 3, "id"}}, {}});
  const auto meter = current()->find("one.local.workers.localhost", Scheme::kHttp, "/").account->meter;
  const auto reader = another();
  const auto ticks = [&] {
    for (const uint64_t until = held_.looks + 20; held_.looks < until;) std::this_thread::yield();
  };
  const auto saved = [&] { return reader->usage().value(); };
  ASSERT_TRUE(reader->mayHaveChanged().ok());
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(meter->daily.take(5'000, held_.wallMs()));
    ASSERT_TRUE(meter->burst.take(5'000, held_.now()).admitted);
  }
  held_.ms += 999;
  ticks();
  EXPECT_TRUE(saved().empty());
  held_.ms += 1;
  while (saved().empty()) std::this_thread::yield();
  EXPECT_EQ(saved()[0].daily.requests, 1'000u);
  ASSERT_EQ(saved()[0].burst.size(), 1u);
  EXPECT_EQ(saved()[0].burst[0].count, 1'000u);
  // Nothing was counted since: nothing is written, however often it is looked.
  (void)reader->mayHaveChanged();
  held_.ms += 5'000;
  ticks();
  EXPECT_FALSE(reader->mayHaveChanged().value());
  ASSERT_TRUE(meter->daily.take(5'000, held_.wallMs()));
  held_.ms += 1'000;
  while (saved()[0].daily.requests < 1'001) std::this_thread::yield();
}

TEST_F(PublisherTest, looksOftenEnoughForAChangeToArriveInTime) {
  // Within fifty milliseconds, the loops' part included.
  EXPECT_LE((Publisher::Options{clock_, random_, "", ""}.poll), std::chrono::milliseconds(25));
}

}  // namespace
}  // namespace weir::catalog
