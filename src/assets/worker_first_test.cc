#include "assets/worker_first.h"

#include <gtest/gtest.h>

#include "assets/limits.h"

namespace weir::assets {
namespace {

using Choice = WorkerFirst::Choice;

WorkerFirst rules(const std::vector<std::string>& list) {
  auto parsed = WorkerFirst::parse(list);
  EXPECT_TRUE(parsed.ok());
  return parsed.ok() ? std::move(*parsed) : WorkerFirst();
}

std::string refused(const std::vector<std::string>& list) {
  const auto parsed = WorkerFirst::parse(list);
  return parsed.ok() ? "taken" : parsed.error().message;
}

TEST(WorkerFirst, isNoneAllOrByRules) {
  EXPECT_EQ(WorkerFirst().choose("/a"), Choice::kAssetIfAny);
  EXPECT_EQ(WorkerFirst::always().choose("/a"), Choice::kWorker);
  const WorkerFirst first = rules({"/api/*", "!/api/docs/*", "/exact", "!/exact/not"});
  EXPECT_EQ(first.choose("/api/x"), Choice::kWorker);
  EXPECT_EQ(first.choose("/api/"), Choice::kWorker);
  EXPECT_EQ(first.choose("/api"), Choice::kAssetIfAny);
  EXPECT_EQ(first.choose("/api/docs/x"), Choice::kAsset);
  EXPECT_EQ(first.choose("/exact"), Choice::kWorker);
  EXPECT_EQ(first.choose("/exact/"), Choice::kAssetIfAny);
  EXPECT_EQ(first.choose("/exact/not"), Choice::kAsset);
}

TEST(WorkerFirst, ruleIsAGlob) {
  EXPECT_TRUE(matchesGlob("/*", "/"));
  EXPECT_TRUE(matchesGlob("/*", "/a/b"));
  EXPECT_TRUE(matchesGlob("/a*b*c", "/abc"));
  EXPECT_TRUE(matchesGlob("/a*b*c", "/a--b--bc"));
  EXPECT_FALSE(matchesGlob("/a*b*c", "/a--b--b"));
  EXPECT_FALSE(matchesGlob("/a*a", "/a"));
  EXPECT_FALSE(matchesGlob("/a.c", "/abc"));
  EXPECT_TRUE(matchesGlob("/*.json", "/x/y.json"));
  EXPECT_FALSE(matchesGlob("/*.json", "/x/y.jsonx"));
  EXPECT_TRUE(matchesGlob("/**", "/"));
}

TEST(WorkerFirst, refusesWrongRules) {
  EXPECT_EQ(refused({}), "No `run_worker_first` rules were provided; must provide at least 1 rule.");
  EXPECT_EQ(refused({"!/a"}),
            "Only negative `run_worker_first` rules were provided; must provide at least 1 non-negative rule");
  EXPECT_EQ(refused({"a", "!b", "/ok"}),
            "Invalid routes in `run_worker_first`:\n'a': rules must start with '/' or '!/'\n"
            "'!b': negative rules must start with '!/'");
  EXPECT_EQ(refused({"/a", "/a"}),
            "Invalid routes in `run_worker_first`:\n'/a': rule is a duplicate; rules must be unique");
  EXPECT_EQ(refused({"/a/*", "/a/b"}), "Invalid routes in `run_worker_first`:\n'/a/b': rule '/a/*' makes it redundant");
  EXPECT_EQ(refused({"/a", "!/b/*", "!/b/c"}),
            "Invalid routes in `run_worker_first`:\n'!/b/c': rule '!/b/*' makes it redundant");
  EXPECT_EQ(refused({"/" + std::string(Limits::kWorkerFirstRuleBytesMax - 1, 'a')}), "taken");
  EXPECT_NE(refused({"/" + std::string(Limits::kWorkerFirstRuleBytesMax, 'a')}).find("less than 100 characters"),
            std::string::npos);
  std::vector<std::string> many;
  for (int i = 0; i < 101; ++i) many.push_back("/" + std::to_string(i));
  EXPECT_EQ(refused(many), "Too many `run_worker_first` rules were provided; 101 rules provided exceeds max of 100.");
}

}  // namespace
}  // namespace weir::assets
