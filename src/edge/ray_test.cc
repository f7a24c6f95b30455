#include "edge/ray.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <unordered_set>

namespace weir::edge {
namespace {

constexpr RaySource::Key kKey{1, 2, 3, 4};

TEST(Ray, theCipherMatchesThePublishedVector) {
  EXPECT_EQ(speck64({0x03020100, 0x0b0a0908, 0x13121110, 0x1b1a1918}, 0x3b7265747475432du), 0x8c6fa548454e028bu);
}

TEST(Ray, hasSixteenHexDigitsAndAPlace) {
  RaySource source(kKey, 0, {'F', 'R', 'A'});
  const Ray ray = source.next();
  EXPECT_EQ(ray.id().size(), 16u);
  EXPECT_EQ(ray.id().find_first_not_of("0123456789abcdef"), std::string_view::npos);
  EXPECT_EQ(ray.header(), std::string(ray.id()) + "-FRA");
}

TEST(Ray, lanesOfOneKeyNeverMeet) {
  std::unordered_set<std::string> seen;
  for (uint8_t lane : {0, 1, 255}) {
    RaySource source(kKey, lane);
    for (int i = 0; i < 50'000; ++i) seen.emplace(source.next().id());
  }
  EXPECT_EQ(seen.size(), 150'000u);
}

TEST(Ray, neighboursDifferInAboutHalfTheirBits) {
  RaySource source(kKey, 3);
  const auto number = [](const Ray& ray) { return std::stoull(std::string(ray.id()), nullptr, 16); };
  auto before = number(source.next());
  int flipped = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto now = number(source.next());
    flipped += std::popcount(before ^ now);
    before = now;
  }
  EXPECT_NEAR(flipped / 1000.0, 32.0, 1.0);
}

TEST(Ray, anotherKeyGivesOtherIds) {
  RaySource a(kKey, 0);
  RaySource b({1, 2, 3, 5}, 0);
  EXPECT_NE(std::string(a.next().id()), std::string(b.next().id()));
}

}  // namespace
}  // namespace weir::edge
