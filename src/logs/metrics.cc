#include "logs/metrics.h"

#include <cstdio>

namespace weir::logs {

namespace {

constexpr std::string_view kClassNames[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr std::string_view kStartSources[] = {"compiled", "code_cache", "snapshot"};
constexpr std::string_view kIsolateEnds[] = {"evicted", "cpu", "memory", "parked", "dropped"};

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  ((((out += "# HELP ") += name) += ' ') += help) += '\n';
  ((((out += "# TYPE ") += name) += ' ') += type) += '\n';
}

void sample(std::string& out, std::string_view name, std::string_view label, std::string_view value, uint64_t number) {
  out += name;
  if (!label.empty()) ((((out += '{') += label) += "=\"") += value) += "\"}";
  ((out += ' ') += std::to_string(number)) += '\n';
}

std::string seconds(uint64_t us) {
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%06llu", static_cast<unsigned long long>(us / 1'000'000),
                static_cast<unsigned long long>(us % 1'000'000));
  return text;
}

}  // namespace

Metrics::Metrics(uint32_t loops) : loops_(loops), lanes_(std::make_unique<Lane[]>(loops)) {}

void Metrics::invocationFinished(uint32_t loop, const observe::InvocationFinished& fact) {
  if (loop >= loops_) return;
  Lane& lane = lanes_[loop];
  const auto outcome = static_cast<size_t>(fact.outcome);
  bump(lane.invocations[outcome < wire::kOutcomeCount ? outcome : 0]);
  if (fact.failedOpen) bump(lane.failedOpen);
  record(lane.cpu, fact.cpuUs);
  record(lane.wall, fact.wallUs);
  if (!fact.logs.empty()) bump(lane.logLines, fact.logs.size());
  if (!fact.exceptions.empty()) bump(lane.exceptions, fact.exceptions.size());
}

void Metrics::requestFinished(uint32_t loop, const observe::RequestFinished& fact) {
  if (loop >= loops_) return;
  Lane& lane = lanes_[loop];
  const size_t statusClass = fact.status / 100u;
  bump(lane.requests[statusClass < kClasses ? statusClass : 0]);
  if (fact.errorCode >= 1000 && fact.errorCode < 1000 + kCodesPlatform) {
    bump(lane.errorPages[fact.errorCode - 1000u]);
  } else if (fact.errorCode >= 400 && fact.errorCode < 400 + kCodesStatus) {
    bump(lane.errorPages[kCodesPlatform + fact.errorCode - 400u]);
  }
  record(lane.requestWall, fact.wallUs);
  bump(lane.requestBytes, fact.requestBytes);
  bump(lane.responseBytes, fact.responseBytes);
}

void Metrics::connectionOpened(uint32_t loop, const observe::ConnectionOpened&) {
  if (loop < loops_) bump(lanes_[loop].connectionsOpened);
}
void Metrics::connectionClosed(uint32_t loop, const observe::ConnectionClosed&) {
  if (loop < loops_) bump(lanes_[loop].connectionsClosed);
}

void Metrics::engineStarted(uint32_t, const observe::EngineStarted&) { shared_.enginesStarted.fetch_add(1); }
void Metrics::engineDied(uint32_t, const observe::EngineDied& fact) {
  const auto reason = static_cast<size_t>(fact.reason);
  if (reason < observe::kEngineDeathCount) shared_.enginesDied[reason].fetch_add(1);
  shared_.invocationsLost.fetch_add(fact.invocationsLost);
}
void Metrics::isolateStarted(uint32_t, const observe::IsolateStarted& fact) {
  const auto source = static_cast<size_t>(fact.source);
  if (source < shared_.isolatesStarted.size()) shared_.isolatesStarted[source].fetch_add(1, std::memory_order_relaxed);
}
void Metrics::isolateEnded(uint32_t, const observe::IsolateEnded& fact) {
  const auto reason = static_cast<size_t>(fact.reason);
  if (reason < shared_.isolatesEnded.size()) shared_.isolatesEnded[reason].fetch_add(1, std::memory_order_relaxed);
}
void Metrics::versionFailed(uint32_t, const observe::VersionFailed&) { shared_.versionsFailed.fetch_add(1); }
void Metrics::catalogPublished(uint32_t, const observe::CatalogPublished& fact) {
  shared_.catalogGeneration.store(fact.generation);
  shared_.catalogScripts.store(fact.scripts);
}

template <class Get>
void Metrics::renderHistogram(std::string& out, std::string_view name, std::string_view help, Get get) const {
  head(out, name, "histogram", help);
  uint64_t total = 0;
  for (size_t b = 0; b < kBuckets; ++b) {
    total += sum([&](const Lane& lane) -> const Counter& { return get(lane).counts[b]; });
    const std::string bound = b + 1 == kBuckets ? "+Inf" : seconds(uint64_t{16} << b);
    ((((out += name) += "_bucket{le=\"") += bound) += "\"} ") += std::to_string(total);
    out += '\n';
  }
  const uint64_t sumUs = sum([&](const Lane& lane) -> const Counter& { return get(lane).sumUs; });
  (((out += name) += "_sum ") += seconds(sumUs)) += '\n';
  (((out += name) += "_count ") += std::to_string(total)) += '\n';
}

void Metrics::renderPrometheus(std::string& out) const {
  const auto scalar = [&](std::string_view name, std::string_view type, std::string_view help, uint64_t value) {
    head(out, name, type, help);
    sample(out, name, {}, {}, value);
  };

  head(out, "weir_requests_total", "counter", "Invocations by outcome.");
  for (const wire::OutcomeFacts& facts : wire::kOutcomes) {
    const auto index = static_cast<size_t>(facts.outcome);
    sample(out, "weir_requests_total", "outcome", facts.name,
           sum([&](const Lane& lane) -> const Counter& { return lane.invocations[index]; }));
  }
  scalar("weir_failed_open_total", "counter",
         "Invocations that failed and were answered by what stands behind the script.",
         sum([](const Lane& lane) -> const Counter& { return lane.failedOpen; }));
  renderHistogram(out, "weir_cpu_seconds", "CPU time of invocations.",
                  [](const Lane& lane) -> const Histogram& { return lane.cpu; });
  renderHistogram(out, "weir_wall_seconds", "Wall time of invocations.",
                  [](const Lane& lane) -> const Histogram& { return lane.wall; });
  scalar("weir_log_lines_total", "counter", "Console lines of scripts.",
         sum([](const Lane& lane) -> const Counter& { return lane.logLines; }));
  scalar("weir_exceptions_total", "counter", "Uncaught exceptions of scripts.",
         sum([](const Lane& lane) -> const Counter& { return lane.exceptions; }));

  head(out, "weir_http_requests_total", "counter", "Client requests by class of the response's status.");
  for (size_t c = 0; c < kClasses; ++c) {
    sample(out, "weir_http_requests_total", "class", kClassNames[c],
           sum([&](const Lane& lane) -> const Counter& { return lane.requests[c]; }));
  }
  renderHistogram(out, "weir_http_request_seconds",
                  "Head of a client request complete to its response complete or cut.",
                  [](const Lane& lane) -> const Histogram& { return lane.requestWall; });
  head(out, "weir_error_pages_total", "counter", "Pages of the platform's own, by error code.");
  for (size_t i = 0; i < kCodesPlatform + kCodesStatus; ++i) {
    const uint64_t pages = sum([&](const Lane& lane) -> const Counter& { return lane.errorPages[i]; });
    const size_t code = i < kCodesPlatform ? 1000 + i : 400 + i - kCodesPlatform;
    if (pages != 0) sample(out, "weir_error_pages_total", "code", std::to_string(code), pages);
  }
  scalar("weir_http_request_bytes_total", "counter", "Request bodies received.",
         sum([](const Lane& lane) -> const Counter& { return lane.requestBytes; }));
  scalar("weir_http_response_bytes_total", "counter", "Response bodies sent.",
         sum([](const Lane& lane) -> const Counter& { return lane.responseBytes; }));
  const uint64_t opened = sum([](const Lane& lane) -> const Counter& { return lane.connectionsOpened; });
  const uint64_t closed = sum([](const Lane& lane) -> const Counter& { return lane.connectionsClosed; });
  scalar("weir_connections_total", "counter", "Client connections accepted.", opened);
  scalar("weir_connections", "gauge", "Client connections open.", opened > closed ? opened - closed : 0);

  scalar("weir_engines_started_total", "counter", "Engine processes that became ready.", shared_.enginesStarted);
  head(out, "weir_engines_died_total", "counter", "Engine processes that ended, by reason.");
  for (size_t i = 0; i < observe::kEngineDeathCount; ++i) {
    sample(out, "weir_engines_died_total", "reason", observe::kEngineDeathNames[i], shared_.enginesDied[i]);
  }
  scalar("weir_invocations_lost_total", "counter", "Invocations that ended with their engine.",
         shared_.invocationsLost);
  head(out, "weir_isolates_started_total", "counter", "Isolates, by what they started from.");
  for (size_t i = 0; i < shared_.isolatesStarted.size(); ++i) {
    sample(out, "weir_isolates_started_total", "source", kStartSources[i], shared_.isolatesStarted[i]);
  }
  head(out, "weir_isolates_ended_total", "counter", "Isolates that take no new invocation, by reason.");
  for (size_t i = 0; i < shared_.isolatesEnded.size(); ++i) {
    sample(out, "weir_isolates_ended_total", "reason", kIsolateEnds[i], shared_.isolatesEnded[i]);
  }
  scalar("weir_versions_failed_total", "counter", "Starts of a version that failed.", shared_.versionsFailed);
  scalar("weir_catalog_generation", "gauge", "Number of the catalog that is being served.", shared_.catalogGeneration);
  scalar("weir_catalog_scripts", "gauge", "Scripts in it.", shared_.catalogScripts);
}

}  // namespace weir::logs
