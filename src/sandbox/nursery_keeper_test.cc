#include "sandbox/nursery_keeper.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::sandbox {
namespace {

TEST(NurseryKeeper, oneThatDoesNotStartIsTriedWithRestraintAndComplainedOfOnce) {
  std::vector<std::string> problems;
  NurseryKeeper keeper([&]() -> base::Result<std::unique_ptr<Nursery>> { return base::Error{"no namespaces"}; },
                       [&](const std::string& problem) { problems.push_back(problem); });
  EXPECT_TRUE(keeper.due());
  EXPECT_FALSE(keeper.running());
  EXPECT_EQ(keeper.make(), nullptr);
  keeper.start();
  EXPECT_TRUE(keeper.due());  // once may be chance
  keeper.start();
  EXPECT_FALSE(keeper.due());
  EXPECT_FALSE(keeper.running());
  EXPECT_EQ(keeper.make(), nullptr);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("no namespaces"), std::string::npos);
}

}  // namespace
}  // namespace weir::sandbox
