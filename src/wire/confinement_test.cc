#include "wire/confinement.h"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

TEST(Confinements, nothingReportedCountsAsMissing) {
  Confinements none;
  EXPECT_EQ(none.missing().size(), kConfinementCount);
  EXPECT_EQ(none.reason(Confinement::kSeccomp), "not reported");
  EXPECT_FALSE(none.complete());
}

TEST(Confinements, summaryNamesTheMissingOnesAndWhy) {
  Confinements report;
  for (size_t i = 0; i < kConfinementCount; ++i) report.setActive(static_cast<Confinement>(i));
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.summary(), "16 of 16 active");
  report.setInactive(Confinement::kLandlock, "the kernel has none");
  EXPECT_EQ(report.summary(), "15 of 16 active; missing: landlock (the kernel has none)");
  EXPECT_NE(report.table().find("landlock            missing: the kernel has none\n"), std::string::npos);
}

TEST(Confinements, mergeNeverTurnsAnInactiveOneActive) {
  Confinements parent;
  parent.setActive(Confinement::kLandlock);
  parent.setInactive(Confinement::kSeccomp, "no");
  Confinements engine;
  engine.setActive(Confinement::kSeccomp);
  engine.setActive(Confinement::kNotDumpable);
  engine.setInactive(Confinement::kLandlock, "gone");
  parent.merge(engine);
  EXPECT_FALSE(parent.active(Confinement::kSeccomp));
  EXPECT_FALSE(parent.active(Confinement::kLandlock));
  EXPECT_TRUE(parent.active(Confinement::kNotDumpable));
}

TEST(Confinements, decodeReadsWhatEncodeWrote) {
  Confinements report;
  for (size_t i = 0; i < kConfinementCount; ++i) {
    report.setInactive(static_cast<Confinement>(i), std::string(500, 'x'));
  }
  report.setActive(Confinement::kSeccomp);
  const auto bytes = report.encode();
  EXPECT_LE(bytes.size(), Confinements::kEncodedBytesMax);
  auto back = Confinements::decode(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, report);
}

TEST(Confinements, decodeRefusesEveryCutAndEveryTail) {
  Confinements report;
  report.setActive(Confinement::kSeccomp);
  report.setInactive(Confinement::kLandlock, "why");
  auto bytes = report.encode();
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Confinements::decode(std::span(bytes).first(length)).ok()) << length;
  }
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(Confinements::decode(bytes).ok());
}

TEST(Confinements, decodeRefusesUnknownRepeatedAndUnprintable) {
  auto decode = [](std::initializer_list<int> numbers) {
    std::vector<std::byte> bytes;
    for (int number : numbers) bytes.push_back(static_cast<std::byte>(number));
    return Confinements::decode(bytes).ok();
  };
  EXPECT_TRUE(decode({1, 1, 0, 1, 0}));
  EXPECT_FALSE(decode({2, 1, 0, 1, 0}));           // another version
  EXPECT_FALSE(decode({1, 1, 200, 1, 0}));         // unknown confinement
  EXPECT_FALSE(decode({1, 1, 0, 3, 0}));           // unknown state
  EXPECT_FALSE(decode({1, 1, 0, 0, 0}));           // "not reported" is not sent
  EXPECT_FALSE(decode({1, 1, 0, 1, 1, 'a'}));      // active with a reason
  EXPECT_FALSE(decode({1, 2, 0, 1, 0, 0, 1, 0}));  // twice
  EXPECT_FALSE(decode({1, 1, 0, 2, 1, '\n'}));     // would forge a log line
  EXPECT_FALSE(decode({1, 1, 0, 2, 1, 0x7f}));
  EXPECT_TRUE(decode({1, 1, 0, 2, 1, 'a'}));
}

}  // namespace
}  // namespace weir::wire
