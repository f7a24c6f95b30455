#include "catalog/time_text.h"

#include <gtest/gtest.h>

namespace weir::catalog {
namespace {

TEST(TimeText, readsWhatRfc3339Writes) {
  EXPECT_EQ(parseTime("1970-01-01"), 0);
  EXPECT_EQ(parseTime("2026-01-31"), 1'769'817'600'000);
  EXPECT_EQ(parseTime("2026-01-31T12:34:56Z"), 1'769'862'896'000);
  EXPECT_EQ(parseTime("2026-01-31T12:34:56.7Z"), 1'769'862'896'700);
  EXPECT_EQ(parseTime("2026-01-31t12:34:56.789123z"), 1'769'862'896'789);
  EXPECT_EQ(parseTime("2026-01-31T14:34:56+02:00"), 1'769'862'896'000);
  EXPECT_EQ(parseTime("2026-01-31T11:04:56-01:30"), 1'769'862'896'000);
  EXPECT_EQ(parseTime("2024-02-29"), 1'709'164'800'000);
  for (const char* wrong :
       {"", "2026", "2026-1-31", "2026-02-29", "2026-13-01", "2026-01-32", "2026-01-31T", "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z", "2026-01-31T12:00:61Z", "2026-01-31T12:00:00", "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+2:00", "2026-01-31T12:00:00Zx", "1969-12-31", "1970-01-01T00:00:00+00:01", " 2026-01-31",
        "2026-01-31 "})
    EXPECT_EQ(parseTime(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace weir::catalog
