#include "sandbox/line_splitter.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::sandbox {
namespace {

struct Collected {
  LineSplitter splitter;
  std::vector<std::string> lines;
  void feed(std::string_view bytes) {
    splitter.feed(bytes, [this](std::string_view line) { lines.emplace_back(line); });
  }
};

TEST(LineSplitter, everyCutOfTheInputGivesTheSameLines) {
  const std::string_view text = "one\n\ntwo\tthree\nrest";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Collected collected;
    collected.feed(text.substr(0, cut));
    collected.feed(text.substr(cut));
    EXPECT_EQ(collected.lines, (std::vector<std::string>{"one", "", "two\tthree"})) << cut;
    collected.splitter.finish([&](std::string_view line) { collected.lines.emplace_back(line); });
    EXPECT_EQ(collected.lines.back(), "rest");
  }
}

TEST(LineSplitter, aLineOverTheBoundIsCutAndCounted) {
  Collected collected;
  for (int i = 0; i < 100; ++i) collected.feed(std::string(1000, 'x'));
  EXPECT_TRUE(collected.lines.empty());
  collected.feed("\nnext\n");
  ASSERT_EQ(collected.lines.size(), 2u);
  EXPECT_EQ(collected.lines[0].size(), LineSplitter::kLineBytesMax);
  EXPECT_EQ(collected.lines[1], "next");
  EXPECT_EQ(collected.splitter.droppedBytes(), 100'000 - LineSplitter::kLineBytesMax);
}

TEST(LineSplitter, controlCharactersCannotReachATerminal) {
  Collected collected;
  collected.feed(std::string_view("a\x1b[2J\r\0\x7f\xc3\xa9\n", 11));
  ASSERT_EQ(collected.lines.size(), 1u);
  EXPECT_EQ(collected.lines[0], "a?[2J???\xc3\xa9");
}

}  // namespace
}  // namespace weir::sandbox
