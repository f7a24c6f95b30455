#include "control/api_request.h"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

TEST(ApiRequest, timesAreWrittenInUtcToTheMillisecond) {
  EXPECT_EQ(isoTime(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(isoTime(1'767'323'045'678), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(isoTime(951'782'399'999), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(isoTime(951'868'799'005), "2000-02-29T23:59:59.005Z");
  EXPECT_EQ(isoTime(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
}

TEST(ApiRequest, aListIsAnAnswerLikeOthers) {
  const std::vector<std::string> two{R"({"a":1})", "2"};
  EXPECT_EQ(answerList(two).body, R"({"success":true,"errors":[],"messages":[],"result":[{"a":1},2]})");
  EXPECT_EQ(answerList({}).body, answer(boost::json::array()).body);
}

}  // namespace
}  // namespace weir::control
