#include "sandbox/version_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "wire/blob_hash.h"

namespace weir::sandbox {
namespace {

namespace fs = std::filesystem;

const VersionStore::Key kKey(64, 'a');
const VersionStore::Key kOther(64, 'b');
const VersionStore::Key kThird(64, 'c');

class VersionStoreTest : public testing::Test {
 protected:
  VersionStoreTest() : directory_(testing::TempDir() + "weir-versions-" + std::to_string(::getpid())) {
    fs::remove_all(directory_);
  }
  ~VersionStoreTest() override { fs::remove_all(directory_); }

  std::unique_ptr<VersionStore> open(const std::string& engine = "engine 1", VersionStoreLimits limits = {}) {
    auto store = VersionStore::open(directory_, engine, limits);
    CHECK(store.ok());
    return std::move(store).value();
  }
  static CheckedVersion checked(const std::string& image, wire::StartSource source = wire::StartSource::kSnapshot) {
    CheckedVersion version;
    version.startupUs = 1234;
    version.handlers = "fetch,scheduled";
    version.source = source;
    version.hashMark = 77;
    if (source != wire::StartSource::kSnapshot) version.reason = "V8 cannot \"write\" it";
    if (!image.empty()) {
      auto blob = wire::makeSealedBlob("image", std::as_bytes(std::span(image)));
      version.image = std::move(wire::mapSealedBlob(blob->get(), 1 << 20)).value();
    }
    return version;
  }
  std::string pathOf(const std::string& file) const { return directory_ + "/" + file; }
  std::string read(const std::string& path) const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  const std::string directory_;
};

TEST_F(VersionStoreTest, whatWasPutIsFoundByAnotherProcessOfTheSameEngine) {
  EXPECT_FALSE(open()->find(kKey).has_value());
  const auto put = open()->put(kKey, checked("a heap"), "hello");
  ASSERT_TRUE(put.ok());
  EXPECT_TRUE(put->image->whole);
  const auto record = open()->find(kKey);
  ASSERT_TRUE(record.has_value());
  EXPECT_FALSE(record->image->whole);  // what it is by now, its user finds out
  EXPECT_EQ(record->handlers, "fetch,scheduled");
  EXPECT_EQ(record->startupUs, 1234u);
  EXPECT_EQ(record->reason, "");
  ASSERT_TRUE(record->image.has_value());
  EXPECT_EQ(record->image->source, wire::StartSource::kSnapshot);
  EXPECT_EQ(record->image->hashMark, 77u);
  EXPECT_EQ(read(record->image->path), "a heap");
  EXPECT_EQ(record->image->hash, wire::blobHash(std::as_bytes(std::span(std::string_view("a heap")))));
  EXPECT_FALSE(open()->find(kOther).has_value());
}

TEST_F(VersionStoreTest, filesAreTheOwnersAlone) {
  ASSERT_TRUE(open()->put(kKey, checked("a heap"), "hello").ok());
  ASSERT_TRUE(VersionStore::hashSeed(directory_).ok());
  int seen = 0;
  for (const auto& file : fs::directory_iterator(directory_)) {
    EXPECT_EQ(file.status().permissions(), fs::perms::owner_read | fs::perms::owner_write) << file.path();
    ++seen;
  }
  EXPECT_EQ(seen, 3);
}

TEST_F(VersionStoreTest, anImageOfAnotherEngineIsNotFoundAndGoes) {
  ASSERT_TRUE(open("engine 1")->put(kKey, checked("a heap"), "hello").ok());
  auto other = open("engine 2");
  EXPECT_FALSE(other->find(kKey).has_value());
  other->sweep({kKey});
  EXPECT_EQ(files(), 0u);
}

TEST_F(VersionStoreTest, aVersionWithoutAnImageKeepsItsReason) {
  ASSERT_TRUE(open()->put(kKey, checked("", wire::StartSource::kCompiled), "hello").ok());
  const auto record = open()->find(kKey);
  ASSERT_TRUE(record.has_value());
  EXPECT_FALSE(record->image.has_value());
  EXPECT_EQ(record->reason, "V8 cannot \"write\" it");
  open()->sweep({});
  EXPECT_TRUE(open()->find(kKey).has_value());
}

TEST_F(VersionStoreTest, whatDoesNotFitTogetherIsAbsentAndSwept) {
  const std::string record = pathOf(kKey + ".json");
  const std::string image = pathOf(kKey + ".image");
  const auto expectAbsent = [&](const char* what) {
    EXPECT_FALSE(open()->find(kKey).has_value()) << what;
    open()->sweep({kKey});
    EXPECT_EQ(files(), 0u) << what;
    ASSERT_TRUE(open()->put(kKey, checked("a heap"), "hello").ok());
    EXPECT_TRUE(open()->find(kKey).has_value()) << what;
  };
  expectAbsent("nothing there");
  write(image, "a hea");
  expectAbsent("a torn image");
  fs::remove(image);
  expectAbsent("no image");
  fs::remove(record);
  expectAbsent("no record");
  const std::string whole = read(record);
  for (const size_t size : {size_t{0}, size_t{1}, whole.size() / 2, whole.size() - 2}) {
    write(record, whole.substr(0, size));
    expectAbsent("half a record");
  }
  for (const char* text :
       {"[]", "{}", "null", "{\"engine\":\"engine 1\"}", "{\"engine\":5,\"startsFrom\":\"snapshot\"}"}) {
    write(record, text);
    expectAbsent(text);
  }
  write(record, std::string(100'000, ' ') + whole);
  expectAbsent("a record over its bound");
  write(pathOf(kKey + ".json.new"), "x");
  write(pathOf(kOther + ".image.new"), "x");
  open()->sweep({kKey});
  EXPECT_EQ(files(), 2u);
}

TEST_F(VersionStoreTest, anotherCheckTakesThePlaceOfTheFirst) {
  ASSERT_TRUE(open()->put(kKey, checked("a heap"), "hello").ok());
  ASSERT_TRUE(open()->put(kKey, checked("code", wire::StartSource::kCodeCache), "hello").ok());
  const auto record = open()->find(kKey);
  ASSERT_TRUE(record.has_value() && record->image.has_value());
  EXPECT_EQ(record->image->source, wire::StartSource::kCodeCache);
  EXPECT_EQ(read(record->image->path), "code");
  ASSERT_TRUE(open()->put(kKey, checked("", wire::StartSource::kCompiled), "hello").ok());
  EXPECT_FALSE(open()->find(kKey)->image.has_value());
  EXPECT_EQ(files(), 1u);
}

TEST_F(VersionStoreTest, theLeastRecentlyUsedGoFirstAndNeverOnesInUse) {
  auto store = open("engine 1", {.imageBytesMax = 1 << 20, .recordsMax = 2});
  int hour = 1;
  for (const auto& key : {kKey, kOther, kThird}) {
    ASSERT_TRUE(store->put(key, checked("a heap"), "hello").ok());
    const timespec then[2] = {{3600 * hour, 0}, {3600 * hour, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, pathOf(key + ".json").c_str(), then, 0), 0);
    ++hour;
  }
  store->sweep({kKey});
  EXPECT_TRUE(store->find(kKey).has_value());  // the oldest, but in use; finding makes it the newest
  EXPECT_FALSE(store->find(kOther).has_value());
  EXPECT_TRUE(store->find(kThird).has_value());
  auto tight = open("engine 1", {.imageBytesMax = 6, .recordsMax = 100});
  tight->sweep({});
  EXPECT_EQ(files(), 2u);
}

TEST_F(VersionStoreTest, aSweepIsDueAfterSoManyPutsAndKeepsWhatWasKept) {
  auto store = open("engine 1", {.imageBytesMax = 6, .recordsMax = 100, .putsPerSweep = 2});
  ASSERT_TRUE(store->put(kKey, checked("a heap"), "hello").ok());
  store->sweep({kKey});
  EXPECT_FALSE(store->takeSweepDue());
  ASSERT_TRUE(store->put(kOther, checked("a heap"), "hello").ok());
  EXPECT_TRUE(store->takeSweepDue());
  EXPECT_FALSE(store->takeSweepDue());
  store->sweep();
  EXPECT_TRUE(store->find(kKey).has_value());
  EXPECT_FALSE(store->find(kOther).has_value());
}

TEST_F(VersionStoreTest, keysThatAreNoneFindNothing) {
  auto store = open();
  for (const char* key : {"", "..", "../a", "a/b", "A", "g"}) EXPECT_FALSE(store->find(key).has_value()) << key;
}

TEST_F(VersionStoreTest, theHashSeedIsMadeOnceAndKept) {
  const auto seed = VersionStore::hashSeed(directory_);
  ASSERT_TRUE(seed.ok());
  EXPECT_NE(*seed, 0u);
  EXPECT_LT(*seed, uint64_t{1} << 62);
  EXPECT_EQ(*VersionStore::hashSeed(directory_), *seed);
  open()->sweep({});
  EXPECT_EQ(*VersionStore::hashSeed(directory_), *seed);
  write(pathOf("hash-seed"), "torn");
  const auto again = VersionStore::hashSeed(directory_);
  ASSERT_TRUE(again.ok());
  EXPECT_NE(*again, *seed);
  EXPECT_EQ(*VersionStore::hashSeed(directory_), *again);
}

}  // namespace
}  // namespace weir::sandbox
