#include "base/whole_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

namespace weir::base {
namespace {

class WholeFile : public testing::Test {
 protected:
  WholeFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-file-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~WholeFile() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(WholeFile, isReplacedWholeAndForItsOwnerAlone) {
  const std::string path = folder_ + "/a";
  EXPECT_EQ(*readWholeFile(path, 10), std::nullopt);
  ASSERT_TRUE(writeWholeFile(path, "one").ok());
  EXPECT_EQ(*readWholeFile(path, 10), "one");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_TRUE(writeWholeFile(path, std::string("t\0wo", 4)).ok());
  EXPECT_EQ(*readWholeFile(path, 4), std::string("t\0wo", 4));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(WholeFile, problemsNameTheFile) {
  const std::string path = folder_ + "/none/a";
  const auto written = writeWholeFile(path, "x");
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().message, path + ".new: No such file or directory");
  EXPECT_FALSE(writeWholeFile(folder_, "x").ok());  // a folder is not replaced
  EXPECT_FALSE(std::filesystem::exists(folder_ + ".new"));

  ASSERT_TRUE(writeWholeFile(folder_ + "/long", "four").ok());
  const auto read = readWholeFile(folder_ + "/long", 3);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().message, folder_ + "/long: it is longer than 3 bytes");
  EXPECT_FALSE(readWholeFile(folder_, 10).ok());
}

}  // namespace
}  // namespace weir::base
