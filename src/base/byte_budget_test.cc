#include "base/byte_budget.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

TEST(ByteBudget, boundsEachScriptAndAllTogether) {
  ByteBudget shared(100);
  ByteBudget one(60);
  ByteBudget two(60);
  HeldBytes first(one, shared);
  HeldBytes second(two, shared);
  EXPECT_TRUE(first.grow(60));
  EXPECT_FALSE(first.grow(1)) << "its own is used up";
  EXPECT_FALSE(second.grow(41)) << "the shared one is";
  EXPECT_EQ(two.leftBytes(), 60u) << "a refusal takes nothing";
  EXPECT_TRUE(second.grow(40));
  first.shrink(10);
  EXPECT_TRUE(second.grow(10));
  EXPECT_EQ(shared.leftBytes(), 0u);
}

TEST(ByteBudget, whatAHolderHeldComesBackWhenItGoes) {
  ByteBudget shared(100);
  ByteBudget own(100);
  {
    HeldBytes held(own, shared);
    EXPECT_TRUE(held.grow(100));
    EXPECT_EQ(held.bytes(), 100u);
  }
  EXPECT_EQ(own.leftBytes(), 100u);
  EXPECT_EQ(shared.leftBytes(), 100u);
}

}  // namespace
}  // namespace weir::base
