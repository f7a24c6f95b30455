#include "sandbox/quarantine.h"

#include <gtest/gtest.h>

namespace weir::sandbox {
namespace {

using std::chrono::seconds;

const base::Instant kStart{};
const QuarantineLimits kLimits{.parksMax = 3, .parksWithin = seconds(600), .holdFor = seconds(3600), .slots = 2};

TEST(Quarantine, theThirdParkInTenMinutesConfinesTheScript) {
  Quarantine quarantine(kLimits, 8);
  const auto home = quarantine.homeOf("bad");
  EXPECT_FALSE(quarantine.parked("bad", kStart));
  EXPECT_FALSE(quarantine.parked("bad", kStart + seconds(300)));
  EXPECT_EQ(home->slot.load(), ScriptHome::kShared);
  EXPECT_FALSE(quarantine.uses(8));
  EXPECT_TRUE(quarantine.parked("bad", kStart + seconds(600)));
  EXPECT_EQ(home->slot.load(), 8u);
  EXPECT_EQ(quarantine.scriptsIn(8), std::vector<std::string>{"bad"});
  EXPECT_FALSE(quarantine.parked("bad", kStart + seconds(601)));  // it is confined already
}

TEST(Quarantine, parksFarApartDoNot) {
  Quarantine quarantine(kLimits, 8);
  const auto home = quarantine.homeOf("unlucky");
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(quarantine.parked("unlucky", kStart + i * seconds(301)));
  EXPECT_EQ(home->slot.load(), ScriptHome::kShared);
}

TEST(Quarantine, eachGetsASlotOfItsOwnWhileThereAreSome) {
  Quarantine quarantine(kLimits, 8);
  std::vector<uint32_t> slots;
  for (const char* script : {"a", "b", "c", "d"}) {
    const auto home = quarantine.homeOf(script);
    for (int i = 0; i < 3; ++i) (void)quarantine.parked(script, kStart);
    slots.push_back(home->slot.load());
  }
  EXPECT_EQ(slots, (std::vector<uint32_t>{8, 9, 8, 9}));
}

TEST(Quarantine, aQuietScriptComesBack) {
  Quarantine quarantine(kLimits, 8);
  const auto home = quarantine.homeOf("bad");
  for (int i = 0; i < 3; ++i) (void)quarantine.parked("bad", kStart);
  EXPECT_FALSE(quarantine.release(kStart + seconds(3600)));
  EXPECT_EQ(home->slot.load(), 8u);
  EXPECT_TRUE(quarantine.release(kStart + seconds(3601)));
  EXPECT_EQ(home->slot.load(), ScriptHome::kShared);
  EXPECT_FALSE(quarantine.uses(8));
  EXPECT_FALSE(quarantine.parked("bad", kStart + seconds(3602)));  // from the beginning
}

TEST(Quarantine, aNewVersionOfAConfinedScriptIsConfined) {
  Quarantine quarantine(kLimits, 8);
  auto first = quarantine.homeOf("bad");
  for (int i = 0; i < 3; ++i) (void)quarantine.parked("bad", kStart);
  first.reset();  // the version is gone, and the next one comes later
  EXPECT_EQ(quarantine.homeOf("bad")->slot.load(), 8u);
}

TEST(Quarantine, noSlotsMeansNoQuarantine) {
  Quarantine quarantine({.parksMax = 3, .parksWithin = seconds(600), .holdFor = seconds(3600), .slots = 0}, 8);
  const auto home = quarantine.homeOf("bad");
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(quarantine.parked("bad", kStart));
  EXPECT_EQ(home->slot.load(), ScriptHome::kShared);
}

}  // namespace
}  // namespace weir::sandbox
