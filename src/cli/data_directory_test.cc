#include "cli/data_directory.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

namespace weir::cli {
namespace {

class DataDirectoryTest : public testing::Test {
 protected:
  DataDirectoryTest() {
    std::string name = testing::TempDir() + "weir-data-XXXXXX";
    path = std::string(mkdtemp(name.data())) + "/made/when/missing";
  }
  ~DataDirectoryTest() override {
    std::filesystem::remove_all(std::filesystem::path(path).parent_path().parent_path().parent_path());
  }
  std::string format() {
    std::ifstream in(path + "/format");
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  void setFormat(const std::string& text) {
    std::filesystem::create_directories(path);
    std::ofstream(path + "/format") << text;
  }
  std::string refusal() {
    auto opened = DataDirectory::open(path);
    return opened.ok() ? "" : opened.error().message;
  }
  std::string path;
};

TEST_F(DataDirectoryTest, isMadeWithItsFormatAndOpensAgain) {
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(format(), "1\n");
  EXPECT_EQ(refusal(), "");
  EXPECT_FALSE(std::filesystem::exists(path + "/format.new"));
}

TEST_F(DataDirectoryTest, theLockOfOneThatHasJustEndedIsWaitedFor) {
  auto first = DataDirectory::open(path);
  ASSERT_TRUE(first.ok());
  std::optional<DataDirectory> held(std::move(first).value());
  std::thread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    held.reset();
  });
  EXPECT_EQ(refusal(), "");
  ends.join();
}

TEST_F(DataDirectoryTest, oneWeirAtATime) {
  auto first = DataDirectory::open(path);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(refusal(), "--data " + path + ": another weir uses it; stop that one, or name another directory");
}

TEST_F(DataDirectoryTest, aNewerFormatIsRefusedAndLeftAlone) {
  setFormat("2\n");
  EXPECT_EQ(refusal(),
            "--data " + path +
                ": a newer weir wrote it (format 2, this one knows 1); run that one, or name another directory");
  EXPECT_EQ(format(), "2\n");
}

TEST_F(DataDirectoryTest, aDamagedFormatIsRefused) {
  for (const char* text : {"", "x", "1", "-1\n", "1\n\n", "1 \n", "99999999999999999999\n"}) {
    setFormat(text);
    EXPECT_NE(refusal().find("is damaged"), std::string::npos) << text;
  }
}

TEST_F(DataDirectoryTest, aFileInTheWayIsNamed) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << "not a directory";
  EXPECT_NE(refusal().find("--data " + path + ": "), std::string::npos);
  EXPECT_NE(refusal().find("name a directory that can be written"), std::string::npos);
}

}  // namespace
}  // namespace weir::cli
