#include "edge/loop_counter.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

uint8_t leftOf(std::initializer_list<http::Header> headers) { return invocationsLeft(http::HeaderList(headers)); }

TEST(LoopCounter, aChainBeginsWithSixteenAndNeverGrows) {
  EXPECT_EQ(leftOf({}), 16);
  EXPECT_EQ(leftOf({{"cf-ew-via", "15"}}), 15);
  EXPECT_EQ(leftOf({{"CF-EW-Via", "0"}}), 0);
  EXPECT_EQ(leftOf({{"cf-ew-via", "17"}}), 16);
  EXPECT_EQ(leftOf({{"cf-ew-via", "4294967295"}}), 16);
}

TEST(LoopCounter, theSmallestOfSeveralCounts) {
  EXPECT_EQ(leftOf({{"cf-ew-via", "9"}, {"cf-ew-via", "7"}, {"cf-ew-via", "8"}}), 7);
  EXPECT_EQ(leftOf({{"cf-ew-via", "9, 3 ,8"}}), 3);
}

TEST(LoopCounter, whatIsNoNumberLeavesNone) {
  for (const char* value : {"", "-1", "x", "1x", "15;16", "1,", "99999999999", "0x10", "1 2"}) {
    EXPECT_EQ(leftOf({{"cf-ew-via", value}}), 0) << value;
  }
}

TEST(LoopCounter, eachTimeThatItWentOutFromHereCountsToo) {
  EXPECT_EQ(leftOf({{"cdn-loop", "weir, other, weir"}}), 14);
  EXPECT_EQ(leftOf({{"CDN-Loop", "weir"}, {"cf-ew-via", "15"}}), 15) << "the same invocation, twice told";
  EXPECT_EQ(leftOf({{"cdn-loop", "weir, weir, weir"}, {"cf-ew-via", "15"}}), 13);
  EXPECT_EQ(leftOf({{"cdn-loop", "weir"}, {"cf-ew-via", "3"}}), 3);
  std::string many = "weir";
  for (int i = 1; i < 16; ++i) many += ",weir";
  EXPECT_EQ(leftOf({{"cdn-loop", many}}), 0);
  EXPECT_EQ(leftOf({{"cdn-loop", many + "," + many}, {"cf-ew-via", "9"}}), 0);
}

TEST(LoopCounter, whatAScriptWroteIsReplaced) {
  http::HeaderList headers{{"cf-ew-via", "99"}, {"a", "b"}, {"CF-EW-VIA", "98"}};
  countDown(headers, 16);
  EXPECT_EQ(headers.count("cf-ew-via"), 1u);
  EXPECT_EQ(invocationsLeft(headers), 15);
  for (int i = 0; i < 15; ++i) countDown(headers, invocationsLeft(headers));
  EXPECT_EQ(invocationsLeft(headers), 0);
}

}  // namespace
}  // namespace weir::edge
