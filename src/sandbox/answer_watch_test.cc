#include "sandbox/answer_watch.h"

#include <gtest/gtest.h>

namespace weir::sandbox {
namespace {

using Verdict = AnswerWatch::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

const base::Instant kStart{};

TEST(AnswerWatch, anEmptyRingIsIdleForEver) {
  AnswerWatch watch(seconds(5), seconds(2), kStart);
  for (int i = 1; i < 100; ++i) EXPECT_EQ(watch.look(kStart + seconds(i), 64, 64), Verdict::kIdle);
}

TEST(AnswerWatch, whatWaitsUnreadForTheBoundIsSilence) {
  AnswerWatch watch(seconds(5), seconds(2), kStart);
  EXPECT_EQ(watch.look(kStart, 64, 32), Verdict::kAnswering);  // 32 is news
  EXPECT_EQ(watch.look(kStart + seconds(2), 64, 32), Verdict::kAnswering);
  EXPECT_EQ(watch.look(kStart + seconds(4), 96, 32), Verdict::kAnswering);  // more written is no answer
  EXPECT_EQ(watch.look(kStart + milliseconds(5000), 96, 32), Verdict::kSilent);
}

TEST(AnswerWatch, anyProgressStartsItAnew) {
  AnswerWatch watch(seconds(5), seconds(2), kStart);
  (void)watch.look(kStart, 64, 32);
  (void)watch.look(kStart + seconds(2), 64, 32);
  (void)watch.look(kStart + seconds(4), 64, 32);
  EXPECT_EQ(watch.look(kStart + seconds(5), 96, 40), Verdict::kAnswering);
  EXPECT_EQ(watch.look(kStart + seconds(7), 96, 40), Verdict::kAnswering);
  EXPECT_EQ(watch.look(kStart + seconds(9), 96, 40), Verdict::kAnswering);
  EXPECT_EQ(watch.look(kStart + seconds(10), 96, 40), Verdict::kSilent);
}

TEST(AnswerWatch, aPauseOfTheWatcherIsNotSilenceOfTheEngine) {
  AnswerWatch watch(seconds(5), seconds(2), kStart);
  (void)watch.look(kStart, 64, 32);
  EXPECT_EQ(watch.look(kStart + seconds(3600), 64, 32), Verdict::kAnswering);
  EXPECT_EQ(watch.look(kStart + seconds(3602), 64, 32), Verdict::kAnswering);
  EXPECT_EQ(watch.look(kStart + seconds(3603), 64, 32), Verdict::kSilent);
}

}  // namespace
}  // namespace weir::sandbox
