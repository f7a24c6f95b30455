#include "sandbox/profile_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace weir::sandbox {
namespace {

namespace fs = std::filesystem;

class ProfileStoreTest : public ::testing::Test {
 protected:
  ProfileStoreTest() : folder_((fs::temp_directory_path() / "weir-profiles-XXXXXX").string()) {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  }
  ~ProfileStoreTest() override { fs::remove_all(folder_); }
  size_t files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(path()), {})); }
  std::string path() const { return folder_ + "/profiles"; }

  std::string folder_;
};

TEST_F(ProfileStoreTest, theNewestOfEachScriptIsKept) {
  const ProfileStore store(path());
  EXPECT_EQ(store.find("a1", "shop"), std::nullopt);
  EXPECT_TRUE(store.ownersOf("shop").empty());
  ASSERT_TRUE(store.put("a1", "shop", "one").ok());
  ASSERT_TRUE(store.put("a1", "shop", "two").ok());
  ASSERT_TRUE(store.put("a2", "shop", "other").ok());
  ASSERT_TRUE(store.put("", "shop", "nobody's").ok());
  ASSERT_TRUE(store.put("a3", "workshop", "another").ok());
  EXPECT_EQ(store.find("a1", "shop"), "two");
  EXPECT_EQ(store.find("", "shop"), "nobody's");
  EXPECT_EQ(store.ownersOf("shop"), (std::vector<std::string>{"", "a1", "a2"}));
  EXPECT_EQ(files(), 4u);
}

TEST_F(ProfileStoreTest, aNameCannotLeaveTheDirectory) {
  const ProfileStore store(path());
  for (const char* name : {"", "../x", "a/b", "a.b", "x\n"}) {
    EXPECT_FALSE(store.put("a1", name, "x").ok()) << name;
    EXPECT_EQ(store.find("a1", name), std::nullopt) << name;
  }
  EXPECT_FALSE(store.put("../a1", "shop", "x").ok());
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(ProfileStoreTest, theOldestGoFirst) {
  const ProfileStore store(path());
  const auto before = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (size_t i = 0; i < ProfileStore::kProfilesMax; ++i) {
    const std::string name = "s" + std::to_string(i);
    ASSERT_TRUE(store.put("a1", name, "x").ok());
    fs::last_write_time(path() + "/a1." + name + ".cpuprofile", before + std::chrono::seconds(i == 7 ? 0 : i + 1));
  }
  ASSERT_TRUE(store.put("a1", "newest", "x").ok());
  EXPECT_EQ(files(), ProfileStore::kProfilesMax);
  EXPECT_EQ(store.find("a1", "s7"), std::nullopt);
  EXPECT_NE(store.find("a1", "s0"), std::nullopt);
  EXPECT_NE(store.find("a1", "newest"), std::nullopt);
}

}  // namespace
}  // namespace weir::sandbox
