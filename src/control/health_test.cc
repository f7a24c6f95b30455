#include "control/health.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace weir::control {
namespace {

namespace json = boost::json;

sandbox::EngineStatus serving(uint32_t slot) {
  sandbox::EngineStatus engine;
  engine.slot = slot;
  engine.serving = true;
  engine.pid = 100 + static_cast<int>(slot);
  engine.startedMs = 5'000;
  engine.starts = 1;
  engine.v8Version = "14.6";
  for (size_t i = 0; i < wire::kConfinementCount; ++i) engine.confinements.setActive(static_cast<wire::Confinement>(i));
  return engine;
}

Health healthy() { return {"1.2.3", 1'000, 9'500, false, {serving(0), serving(1)}}; }

TEST(Health, allIsWell) {
  const Health health = healthy();
  EXPECT_EQ(statusOf(health), HealthStatus::kOk);
  EXPECT_TRUE(warningsOf(health).empty());
  const json::value parsed = json::parse(toJson(health));
  EXPECT_EQ(parsed.at("status"), "ok");
  EXPECT_EQ(parsed.at("version"), "1.2.3");
  EXPECT_EQ(parsed.at("uptimeSeconds"), 8);
  ASSERT_EQ(parsed.at("engines").as_array().size(), 2u);
  const auto& engine = parsed.at("engines").as_array()[1];
  EXPECT_EQ(engine.at("slot"), 1);
  EXPECT_EQ(engine.at("pid"), 101);
  EXPECT_EQ(engine.at("uptimeSeconds"), 4);
  EXPECT_EQ(engine.at("restarts"), 0);
  EXPECT_TRUE(engine.at("lastEnd").is_null());
  EXPECT_EQ(engine.at("confinements").at("active").as_array().size(), wire::kConfinementCount);
  EXPECT_TRUE(engine.at("confinements").at("missing").as_array().empty());
}

TEST(Health, aMissingEngineDegradesAndTheLastOneEndsIt) {
  Health health = healthy();
  health.engines[0].serving = false;
  health.engines[0].lastEnd = "crashed, killed by SIGSEGV";
  EXPECT_EQ(statusOf(health), HealthStatus::kDegraded);
  ASSERT_EQ(warningsOf(health).size(), 1u);
  EXPECT_EQ(warningsOf(health)[0], "engine 0 is not there: crashed, killed by SIGSEGV");
  EXPECT_TRUE(json::parse(toJson(health)).at("engines").as_array()[0].at("pid").is_null());
  health.engines[1].serving = false;
  EXPECT_EQ(statusOf(health), HealthStatus::kUnavailable);
}

TEST(Health, anEngineForOneScriptOnlyIsNotOneThatServes) {
  Health health = healthy();
  health.engines.push_back(serving(2));
  health.engines[2].confined = {"bad"};
  EXPECT_EQ(statusOf(health), HealthStatus::kDegraded);
  EXPECT_EQ(json::parse(toJson(health)).at("engines").as_array()[2].at("onlyScripts").as_array()[0], "bad");
  health.engines[0].serving = health.engines[1].serving = false;
  EXPECT_EQ(statusOf(health), HealthStatus::kUnavailable);
}

TEST(Health, aMissingConfinementIsNamedWithItsReason) {
  Health health = healthy();
  health.engines[1].confinements.setInactive(wire::Confinement::kLandlock, "the kernel has none \"yet\"");
  EXPECT_EQ(statusOf(health), HealthStatus::kDegraded);
  ASSERT_EQ(warningsOf(health).size(), 1u);
  EXPECT_NE(warningsOf(health)[0].find("engine 1 is not fully confined"), std::string::npos);
  EXPECT_NE(warningsOf(health)[0].find("landlock"), std::string::npos);
  const json::value parsed = json::parse(toJson(health));
  const auto& missing = parsed.at("engines").as_array()[1].at("confinements").at("missing").as_array();
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].at("name"), "landlock");
  EXPECT_EQ(missing[0].at("reason"), "the kernel has none \"yet\"");
}

TEST(Health, aDrainIsUnavailable) {
  Health health = healthy();
  health.draining = true;
  EXPECT_EQ(statusOf(health), HealthStatus::kUnavailable);
  EXPECT_EQ(json::parse(toJson(health)).at("status"), "unavailable");
}

}  // namespace
}  // namespace weir::control
