#include "catalog/ledger.h"

#include <gtest/gtest.h>

namespace weir::catalog {
namespace {

using namespace std::chrono_literals;

const base::Instant kStart{1'000s};
constexpr double kWall = 20'000 * 86'400'000.0;

TEST(Ledger, offersWhatChangedUntilItIsSaved) {
  Ledger ledger({}, kStart, kWall);
  const auto meter = ledger.meterOf("a");
  EXPECT_EQ(meter, ledger.meterOf("a"));
  EXPECT_TRUE(ledger.unsaved(kStart, kWall).empty());
  ASSERT_TRUE(meter->daily.take(10, kWall));
  ASSERT_TRUE(meter->burst.take(10, kStart).admitted);
  auto usage = ledger.unsaved(kStart, kWall);
  ASSERT_EQ(usage.size(), 1u);
  EXPECT_EQ(usage[0].account, "a");
  EXPECT_EQ(usage[0].daily.requests, 1u);
  EXPECT_EQ(ledger.unsaved(kStart, kWall).size(), 1u);  // saving it failed
  ASSERT_TRUE(meter->daily.take(10, kWall));            // between the offer and the mark
  ledger.markSaved();
  usage = ledger.unsaved(kStart + 1s, kWall + 1'000);
  ASSERT_EQ(usage.size(), 1u);
  EXPECT_EQ(usage[0].daily.requests, 2u);
  EXPECT_EQ(usage[0].burst, (std::vector<BurstWindow::Slot>{{1, 1}}));
  ledger.markSaved();
  EXPECT_TRUE(ledger.unsaved(kStart + 2s, kWall + 2'000).empty());
  ASSERT_TRUE(meter->burst.take(10, kStart + 2s).admitted);
  EXPECT_EQ(ledger.unsaved(kStart + 2s, kWall + 2'000).size(), 1u);
}

TEST(Ledger, goesOnAfterARestartWhereItWas) {
  Ledger before({}, kStart, kWall);
  const auto meter = before.meterOf("a");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(meter->daily.take(3, kWall));
    ASSERT_TRUE(meter->burst.take(3, kStart).admitted);
  }
  const auto saved = before.unsaved(kStart, kWall);

  const base::Instant again{7s};  // another boot's clock
  Ledger after(saved, again, kWall + 20'000);
  EXPECT_TRUE(after.unsaved(again, kWall + 20'000).empty());
  const auto restored = after.meterOf("a");
  EXPECT_FALSE(restored->daily.take(3, kWall + 20'000));
  EXPECT_EQ(restored->burst.take(3, again).retryAfter, 41s);
  EXPECT_TRUE(restored->burst.take(3, again + 41s).admitted);

  Ledger late(saved, again, kWall + 90'000);
  EXPECT_TRUE(late.meterOf("a")->burst.take(3, again).admitted);
  Ledger backwards(saved, again, kWall - 3'600'000);
  EXPECT_EQ(backwards.meterOf("a")->burst.take(3, again).retryAfter, 61s);
}

}  // namespace
}  // namespace weir::catalog
