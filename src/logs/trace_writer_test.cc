#include "logs/trace_writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace weir::logs {
namespace {

namespace fs = std::filesystem;

class TraceWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/weir-traces-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    options_.directory = name;
    options_.flushEvery = std::chrono::hours(1);  // flushes happen when the test says so
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<TraceWriter> open() {
    auto writer = TraceWriter::open(options_);
    EXPECT_TRUE(writer.ok()) << (writer.ok() ? "" : writer.error().message);
    return writer.ok() ? std::move(writer).value() : nullptr;
  }
  fs::path file(int old = 0) const {
    return folder_ / (std::string(TraceWriter::kFileName) + (old == 0 ? "" : "." + std::to_string(old)));
  }
  static std::string contentOf(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::vector<std::string> scriptsIn(const fs::path& path) {
    std::vector<std::string> scripts;
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
      scripts.emplace_back(boost::json::parse(line).at("scriptName").as_string());
    }
    return scripts;
  }
  static observe::InvocationFinished traceOf(std::string_view script) {
    observe::InvocationFinished fact;
    fact.script = script;
    fact.method = "GET";
    fact.url = "http://a.example/";
    return fact;
  }

  fs::path folder_;
  TraceWriterOptions options_;
};

TEST_F(TraceWriterTest, aFlushPutsEveryLineIntoTheFile) {
  const auto writer = open();
  ASSERT_NE(writer, nullptr);
  writer->invocationFinished(0, traceOf("a"));
  writer->invocationFinished(0, traceOf("b"));
  writer->flush();
  EXPECT_EQ(scriptsIn(file()), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(writer->figures().written, 2u);
  EXPECT_EQ(writer->figures().dropped, 0u);
  EXPECT_EQ(writer->figures().bytes, fs::file_size(file()));
  struct stat status {};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(TraceWriterTest, closingWritesWhatIsLeft) {
  open()->invocationFinished(0, traceOf("last"));
  EXPECT_EQ(scriptsIn(file()), std::vector<std::string>{"last"});
  open()->invocationFinished(0, traceOf("next"));
  EXPECT_EQ(scriptsIn(file()), (std::vector<std::string>{"last", "next"}));
}

TEST_F(TraceWriterTest, aTornLastLineIsCutOffAtTheNextStart) {
  for (const size_t torn : {size_t{1}, size_t{100}, size_t{64 * 1024}, size_t{200'000}}) {
    fs::remove(file());
    open()->invocationFinished(0, traceOf("whole"));
    const std::string whole = contentOf(file());
    std::ofstream(file(), std::ios::app | std::ios::binary) << std::string(torn, 'x');
    open()->invocationFinished(0, traceOf("after"));
    EXPECT_EQ(scriptsIn(file()), (std::vector<std::string>{"whole", "after"})) << torn;
    EXPECT_TRUE(contentOf(file()).starts_with(whole));
  }
  // Nothing but a torn line.
  std::ofstream(file(), std::ios::trunc | std::ios::binary) << std::string(70'000, 'x');
  open()->invocationFinished(0, traceOf("only"));
  EXPECT_EQ(scriptsIn(file()), std::vector<std::string>{"only"});
}

TEST_F(TraceWriterTest, aFullFileMovesUpAndTheOldestGoes) {
  options_.fileBytesMax = 1500;
  options_.oldFilesMax = 2;
  const auto writer = open();
  ASSERT_NE(writer, nullptr);
  std::vector<std::string> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back("s" + std::to_string(i));
    writer->invocationFinished(0, traceOf(all.back()));
    writer->flush();
  }
  std::vector<std::string> kept;
  for (const int old : {2, 1, 0}) {
    EXPECT_LE(fs::file_size(file(old)), 1500u);
    for (const std::string& script : scriptsIn(file(old))) kept.push_back(script);
  }
  ASSERT_GE(kept.size(), 4u);
  EXPECT_EQ(kept, std::vector<std::string>(all.end() - static_cast<ptrdiff_t>(kept.size()), all.end()));
  EXPECT_FALSE(fs::exists(file(3)));
  EXPECT_EQ(writer->figures().written, 40u);
}

TEST_F(TraceWriterTest, withoutOldFilesAFullOneStartsAnew) {
  options_.fileBytesMax = 600;
  options_.oldFilesMax = 0;
  const auto writer = open();
  for (int i = 0; i < 10; ++i) {
    writer->invocationFinished(0, traceOf("s"));
    writer->flush();
  }
  EXPECT_LE(fs::file_size(file()), 600u);
  EXPECT_FALSE(fs::exists(file(1)));
}

TEST_F(TraceWriterTest, lanesReportAtOnceAndNothingIsLost) {
  constexpr uint32_t kLanes = 3;
  constexpr int kTraces = 2'000;
  options_.lanes = kLanes;
  options_.chunkBytes = 16 * 1024;  // many turn-overs
  options_.flushEvery = std::chrono::milliseconds(1);
  const auto writer = open();
  std::vector<std::thread> lanes;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    lanes.emplace_back([&, lane] {
      for (int i = 0; i < kTraces; ++i) {
        writer->invocationFinished(lane, traceOf(std::to_string(lane) + "-" + std::to_string(i)));
      }
    });
  }
  for (std::thread& lane : lanes) lane.join();
  writer->flush();
  ASSERT_EQ(writer->figures().dropped, 0u);
  std::vector<int> next(kLanes, 0);
  for (const std::string& script : scriptsIn(file())) {
    const auto lane = static_cast<size_t>(script[0] - '0');
    ASSERT_EQ(script.substr(2), std::to_string(next[lane]++));
  }
  EXPECT_EQ(next, std::vector<int>(kLanes, kTraces));
}

TEST_F(TraceWriterTest, aLineLongerThanAChunkIsWrittenWhole) {
  options_.chunkBytes = 16 * 1024;
  const auto writer = open();
  auto fact = traceOf("long");
  const std::string url(50'000, '/');
  fact.url = url;
  writer->invocationFinished(0, fact);
  writer->invocationFinished(0, traceOf("short"));
  writer->flush();
  EXPECT_EQ(scriptsIn(file()), (std::vector<std::string>{"long", "short"}));
}

TEST_F(TraceWriterTest, withAFullBacklogLinesAreDroppedAndCounted) {
  options_.chunkBytes = 16 * 1024;
  options_.backlogBytesMax = 16 * 1024;  // the lane's first chunk and nothing more
  const auto writer = open();
  auto fact = traceOf("long");
  const std::string url(50'000, '/');
  fact.url = url;  // needs a chunk of its own
  writer->invocationFinished(0, fact);
  writer->invocationFinished(0, traceOf("short"));
  writer->flush();
  EXPECT_EQ(scriptsIn(file()), std::vector<std::string>{"short"});
  EXPECT_EQ(writer->figures().dropped, 1u);
  EXPECT_EQ(writer->figures().written, 1u);
}

TEST_F(TraceWriterTest, aLoopWithoutALaneIsCountedNotWritten) {
  const auto writer = open();
  writer->invocationFinished(7, traceOf("stray"));
  writer->invocationFinished(observe::kNoLoop, traceOf("stray"));
  writer->flush();
  EXPECT_EQ(writer->figures().dropped, 2u);
  EXPECT_EQ(fs::file_size(file()), 0u);
}

TEST_F(TraceWriterTest, aDiskThatRefusesCostsTheLineAndIsTold) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  fs::create_symlink("/dev/full", file());
  const auto writer = open();
  ASSERT_NE(writer, nullptr);
  writer->invocationFinished(0, traceOf("lost"));
  writer->flush();
  EXPECT_EQ(writer->figures().written, 0u);
  EXPECT_EQ(writer->figures().dropped, 1u);
  EXPECT_NE(writer->figures().lastError.find("cannot write"), std::string::npos) << writer->figures().lastError;
}

TEST_F(TraceWriterTest, aDirectoryThatIsNotThereIsNamed) {
  options_.directory = (folder_ / "nowhere").string();
  const auto writer = TraceWriter::open(options_);
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.error().message.find("nowhere/traces.jsonl"), std::string::npos) << writer.error().message;
}

}  // namespace
}  // namespace weir::logs
