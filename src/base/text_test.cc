#include "base/text.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

TEST(CutText, whatFitsIsWhole) {
  EXPECT_EQ(cutText("", 0), "");
  EXPECT_EQ(cutText("abc", 3), "abc");
  EXPECT_EQ(cutText("\xc3\xa9", 2), "\xc3\xa9");
}

TEST(CutText, noCharacterIsCut) {
  const std::string_view text = "a\xe2\x82\xac\xf0\x9f\x98\x80z";  // a, the euro sign, a face, z
  const size_t ends[] = {0, 1, 1, 1, 4, 4, 4, 4, 8};
  for (size_t max = 0; max < std::size(ends); ++max) EXPECT_EQ(cutText(text, max).size(), ends[max]) << max;
}

TEST(CutText, nothingButContinuationsIsNothing) { EXPECT_EQ(cutText("\x80\x80\x80\x80", 2), ""); }

TEST(Text, withoutControlsIsOneLine) {
  EXPECT_EQ(withoutControls(std::string("a\r\nb\t\x1b[31m\x7f\0 \xc3\xa9~", 16)), "a??b??[31m?? \xc3\xa9~");
}

}  // namespace
}  // namespace weir::base
