#include "sandbox/placement.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace weir::sandbox {
namespace {

using std::chrono::milliseconds;

const base::Instant kStart{};
const PlacementLimits kLimits{.queueMax = milliseconds(5), .coldMax = milliseconds(500), .growEvery = milliseconds(20)};
const std::vector<uint8_t> kOrder{2, 0, 1};

class PlacementTest : public testing::Test {
 protected:
  Placement::Choice choose(int64_t ms) {
    return placement.choose(kOrder, kStart + milliseconds(ms), kLimits,
                            [&](uint32_t slot) { return !gone.contains(slot); });
  }
  // Sends one; returns the slot it went to.
  uint32_t send(int64_t ms) {
    const auto choice = choose(ms);
    placement.sent(choice.rank, kStart + milliseconds(ms));
    return choice.slot;
  }
  void answer(uint32_t slot, int64_t sentMs, int64_t ms) {
    const auto rank = static_cast<uint32_t>(std::find(kOrder.begin(), kOrder.end(), slot) - kOrder.begin());
    placement.answered(rank, kStart + milliseconds(sentMs), kStart + milliseconds(ms));
  }
  void warmHome() {
    ASSERT_EQ(send(0), 2u);
    answer(2, 0, 1);
  }

  Placement placement;
  std::set<uint32_t> gone;
};

TEST(SlotOrder, isAPermutationThatAnotherSlotDoesNotReorder) {
  size_t homes[8] = {};
  for (uint64_t number = 1; number <= 8000; ++number) {
    const auto seven = slotOrder(number, 7);
    auto eight = slotOrder(number, 8);
    ASSERT_EQ(eight.size(), 8u);
    ++homes[eight[0]];
    std::erase(eight, uint8_t{7});
    ASSERT_EQ(seven, eight);
  }
  for (const size_t count : homes) {
    EXPECT_GT(count, 850u);
    EXPECT_LT(count, 1150u);
  }
  EXPECT_EQ(slotOrder(1, 1000).size(), kSlotsMax);
}

TEST_F(PlacementTest, everythingGoesHomeWhileHomeKeepsUp) {
  warmHome();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(send(10 + i), 2u);
    EXPECT_EQ(send(10 + i), 2u);
    answer(2, 10 + i, 11 + i);
    answer(2, 10 + i, 12 + i);
  }
}

TEST_F(PlacementTest, aBurstWithinTheBoundStaysHome) {
  warmHome();
  for (int i = 0; i < 500; ++i) EXPECT_EQ(send(10), 2u);
}

TEST_F(PlacementTest, homeThatMakesNoProgressLosesTheNextToTheSecond) {
  warmHome();
  EXPECT_EQ(send(10), 2u);
  EXPECT_EQ(send(15), 2u);  // 5 ms: still within the bound
  EXPECT_EQ(send(16), 0u);
}

TEST_F(PlacementTest, longWaitsWithSteadyProgressSpreadToo) {
  warmHome();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(send(10), 2u);
  for (int i = 0; i < 5; ++i) answer(2, 10, 11 + i);
  EXPECT_EQ(send(15), 2u);
  answer(2, 10, 16);  // waited 6 ms, and 15 still wait
  EXPECT_EQ(send(16), 0u);
}

TEST_F(PlacementTest, homeGetsEverythingAgainOnceItHasCaughtUp) {
  warmHome();
  EXPECT_EQ(send(10), 2u);
  EXPECT_EQ(send(20), 0u);
  answer(2, 10, 30);
  EXPECT_EQ(send(30), 2u);
}

TEST_F(PlacementTest, whenAllAreBehindTheShortestQueueGetsIt) {
  warmHome();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(10), 2u);
  EXPECT_EQ(send(20), 0u);
  answer(0, 20, 21);
  EXPECT_EQ(send(21), 0u);
  EXPECT_EQ(send(40), 1u);
  answer(1, 40, 41);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(send(41), 1u);
  // Unanswered: 3, 1, 2; none has moved for long.
  EXPECT_EQ(send(100), 0u);
  EXPECT_EQ(send(101), 0u);
  EXPECT_EQ(send(102), 1u);  // 3, 3, 2
}

TEST_F(PlacementTest, aColdHomeIsGivenTimeToStart) {
  EXPECT_EQ(send(0), 2u);
  EXPECT_EQ(send(400), 2u);
  answer(2, 0, 450);
  // What waited for the cold start does not count against it.
  EXPECT_EQ(send(451), 2u);
  answer(2, 400, 452);
  EXPECT_EQ(send(453), 2u);
}

TEST_F(PlacementTest, slotsAreTakenIntoUseOneByOne) {
  warmHome();
  EXPECT_EQ(send(30), 2u);
  EXPECT_EQ(send(40), 0u);
  answer(0, 40, 41);
  EXPECT_EQ(send(41), 0u);
  EXPECT_EQ(send(50), 2u);  // both are behind, but the last slot was opened 10 ms ago
  EXPECT_EQ(send(60), 1u);
}

TEST_F(PlacementTest, anUnusableSlotIsSkippedAndHomeIsComeBackTo) {
  warmHome();
  gone = {2};
  EXPECT_EQ(send(30), 0u);
  gone = {0, 1, 2};
  EXPECT_EQ(choose(40).slot, Placement::kNone);
  gone = {};
  EXPECT_EQ(send(50), 2u);
}

TEST_F(PlacementTest, aSlotWhoseEngineDiedIsColdAgain) {
  warmHome();
  EXPECT_EQ(send(10), 2u);
  placement.lost(0);
  EXPECT_EQ(send(20), 2u);
  EXPECT_EQ(send(300), 2u);  // 280 ms: a start may take that long
}

}  // namespace
}  // namespace weir::sandbox
