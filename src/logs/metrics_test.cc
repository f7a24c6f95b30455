#include "logs/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace weir::logs {
namespace {

// Sample name with labels → value; also checks that every family is told once, with HELP and TYPE.
std::map<std::string, double> samplesOf(const Metrics& metrics) {
  std::string text;
  metrics.renderPrometheus(text);
  EXPECT_TRUE(text.ends_with('\n'));
  std::map<std::string, double> samples;
  std::set<std::string> families;
  std::string family;
  size_t from = 0;
  while (from < text.size()) {
    const size_t end = text.find('\n', from);
    const std::string line = text.substr(from, end - from);
    from = end + 1;
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family << " is told twice";
    } else if (line.starts_with("# TYPE ")) {
      EXPECT_EQ(line.substr(7, family.size()), family);
    } else {
      EXPECT_TRUE(line.starts_with(family)) << line;
      const size_t space = line.rfind(' ');
      EXPECT_TRUE(samples.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second) << line;
    }
  }
  EXPECT_GE(families.size(), 15u);
  return samples;
}

TEST(Metrics, countsAreZeroAtTheStart) {
  const auto samples = samplesOf(Metrics(2));
  for (const auto& [name, value] : samples) EXPECT_EQ(value, 0) << name;
  for (const wire::OutcomeFacts& facts : wire::kOutcomes) {
    EXPECT_TRUE(samples.contains("weir_requests_total{outcome=\"" + std::string(facts.name) + "\"}"));
  }
}

TEST(Metrics, invocationsAreCountedByOutcomeOverAllLoops) {
  Metrics metrics(2);
  observe::InvocationFinished fact;
  fact.outcome = wire::Outcome::kExceededCpu;
  fact.cpuUs = 50'000;
  fact.wallUs = 60'000;
  const std::vector<observe::LogEntry> logs(3);
  fact.logs = logs;
  metrics.invocationFinished(0, fact);
  metrics.invocationFinished(1, fact);
  metrics.invocationFinished(2, fact);  // no such loop
  fact.outcome = static_cast<wire::Outcome>(99);
  fact.failedOpen = true;
  metrics.invocationFinished(1, fact);
  const auto samples = samplesOf(metrics);
  EXPECT_EQ(samples.at("weir_requests_total{outcome=\"exceededCpu\"}"), 2);
  EXPECT_EQ(samples.at("weir_requests_total{outcome=\"unknown\"}"), 1);
  EXPECT_EQ(samples.at("weir_failed_open_total"), 1);
  EXPECT_EQ(samples.at("weir_log_lines_total"), 9);
  EXPECT_EQ(samples.at("weir_cpu_seconds_count"), 3);
  EXPECT_DOUBLE_EQ(samples.at("weir_cpu_seconds_sum"), 0.15);
}

TEST(Metrics, histogramsCountUpToTheirBounds) {
  Metrics metrics(1);
  observe::InvocationFinished fact;
  for (const uint64_t us : {uint64_t{0}, uint64_t{16}, uint64_t{17}, uint64_t{1} << 40}) {
    fact.cpuUs = us;
    metrics.invocationFinished(0, fact);
  }
  const auto samples = samplesOf(metrics);
  EXPECT_EQ(samples.at("weir_cpu_seconds_bucket{le=\"0.000016\"}"), 2);
  EXPECT_EQ(samples.at("weir_cpu_seconds_bucket{le=\"0.000032\"}"), 3);
  EXPECT_EQ(samples.at("weir_cpu_seconds_bucket{le=\"67.108864\"}"), 3);
  EXPECT_EQ(samples.at("weir_cpu_seconds_bucket{le=\"+Inf\"}"), 4);
}

TEST(Metrics, requestsAreCountedByClassAndPagesByCode) {
  Metrics metrics(1);
  const auto request = [&](uint16_t status, uint16_t code) {
    observe::RequestFinished fact;
    fact.status = status;
    fact.errorCode = code;
    fact.responseBytes = 10;
    metrics.requestFinished(0, fact);
  };
  request(200, 0);
  request(204, 0);
  request(500, 1101);
  request(530, 530);
  request(414, 414);
  request(0, 0);
  request(65535, 65535);
  const auto samples = samplesOf(metrics);
  EXPECT_EQ(samples.at("weir_http_requests_total{class=\"2xx\"}"), 2);
  EXPECT_EQ(samples.at("weir_http_requests_total{class=\"5xx\"}"), 2);
  EXPECT_EQ(samples.at("weir_http_requests_total{class=\"none\"}"), 2);
  EXPECT_EQ(samples.at("weir_error_pages_total{code=\"1101\"}"), 1);
  EXPECT_EQ(samples.at("weir_error_pages_total{code=\"530\"}"), 1);
  EXPECT_EQ(samples.at("weir_error_pages_total{code=\"414\"}"), 1);
  EXPECT_FALSE(samples.contains("weir_error_pages_total{code=\"1102\"}"));
  EXPECT_EQ(samples.at("weir_http_response_bytes_total"), 70);
}

TEST(Metrics, openConnectionsAreTheDifference) {
  Metrics metrics(2);
  metrics.connectionOpened(0, {});
  metrics.connectionOpened(1, {});
  metrics.connectionOpened(1, {});
  metrics.connectionClosed(1, {});
  const auto samples = samplesOf(metrics);
  EXPECT_EQ(samples.at("weir_connections_total"), 3);
  EXPECT_EQ(samples.at("weir_connections"), 2);
}

TEST(Metrics, enginesAndIsolatesAreCountedByReason) {
  Metrics metrics(1);
  metrics.engineStarted(observe::kNoLoop, {});
  observe::EngineDied died;
  died.reason = observe::EngineDeath::kProtocolViolation;
  died.invocationsLost = 7;
  metrics.engineDied(observe::kNoLoop, died);
  observe::IsolateStarted started;
  started.source = wire::StartSource::kSnapshot;
  metrics.isolateStarted(observe::kNoLoop, started);
  observe::IsolateEnded ended;
  ended.reason = wire::IsolateEnd::kMemory;
  metrics.isolateEnded(observe::kNoLoop, ended);
  metrics.versionFailed(observe::kNoLoop, {});
  metrics.catalogPublished(observe::kNoLoop, {.generation = 4, .scripts = 12});
  const auto samples = samplesOf(metrics);
  EXPECT_EQ(samples.at("weir_engines_started_total"), 1);
  EXPECT_EQ(samples.at("weir_engines_died_total{reason=\"protocol_violation\"}"), 1);
  EXPECT_EQ(samples.at("weir_engines_died_total{reason=\"crashed\"}"), 0);
  EXPECT_EQ(samples.at("weir_invocations_lost_total"), 7);
  EXPECT_EQ(samples.at("weir_isolates_started_total{source=\"snapshot\"}"), 1);
  EXPECT_EQ(samples.at("weir_isolates_ended_total{reason=\"memory\"}"), 1);
  EXPECT_EQ(samples.at("weir_versions_failed_total"), 1);
  EXPECT_EQ(samples.at("weir_catalog_generation"), 4);
  EXPECT_EQ(samples.at("weir_catalog_scripts"), 12);
}

TEST(Metrics, renderingWhileLoopsCountLosesNothing) {
  constexpr uint32_t kLoops = 3;
  constexpr int kFacts = 5'000;
  Metrics metrics(kLoops);
  std::vector<std::thread> loops;
  for (uint32_t loop = 0; loop < kLoops; ++loop) {
    loops.emplace_back([&metrics, loop] {
      observe::InvocationFinished fact;
      fact.outcome = wire::Outcome::kOk;
      for (int i = 0; i < kFacts; ++i) metrics.invocationFinished(loop, fact);
    });
  }
  double before = 0;
  for (int i = 0; i < 20; ++i) {
    const double now = samplesOf(metrics).at("weir_requests_total{outcome=\"ok\"}");
    EXPECT_GE(now, before);
    before = now;
  }
  for (std::thread& loop : loops) loop.join();
  EXPECT_EQ(samplesOf(metrics).at("weir_requests_total{outcome=\"ok\"}"), kLoops * kFacts);
}

}  // namespace
}  // namespace weir::logs
