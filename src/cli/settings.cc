#include "cli/settings.h"

namespace weir::cli {

namespace {

using Milliseconds = std::chrono::milliseconds;

template <auto kMember>
constexpr Setting::Number number(int64_t min, int64_t max) {
  return {min, max, [](const Settings& s) { return static_cast<int64_t>(s.*kMember); },
          [](Settings& s, int64_t value) { s.*kMember = static_cast<uint32_t>(value); }};
}

template <auto kMember>
constexpr Setting::Number supervised(int64_t min, int64_t max) {
  return {min, max,
          [](const Settings& s) {
            if constexpr (requires { (s.supervision.*kMember).count(); })
              return static_cast<int64_t>((s.supervision.*kMember).count());
            else return static_cast<int64_t>(s.supervision.*kMember);
          },
          [](Settings& s, int64_t value) {
            using Type = std::decay_t<decltype(s.supervision.*kMember)>;
            s.supervision.*kMember = Type(value);
          }};
}

template <auto kMember>
constexpr Setting::Number quarantined(int64_t min, int64_t max) {
  return {min, max,
          [](const Settings& s) {
            const auto& value = s.supervision.quarantine.*kMember;
            if constexpr (requires { value.count(); }) return static_cast<int64_t>(value.count());
            else return static_cast<int64_t>(value);
          },
          [](Settings& s, int64_t value) {
            using Type = std::decay_t<decltype(s.supervision.quarantine.*kMember)>;
            s.supervision.quarantine.*kMember = Type(value);
          }};
}

template <auto kMember>
constexpr Setting::Number limited(int64_t min, int64_t max) {
  return {min, max,
          [](const Settings& s) {
            if constexpr (requires { (s.http.*kMember).count(); })
              return static_cast<int64_t>((s.http.*kMember).count());
            else return static_cast<int64_t>(s.http.*kMember);
          },
          [](Settings& s, int64_t value) {
            using Type = std::decay_t<decltype(s.http.*kMember)>;
            s.http.*kMember = Type(value);
          }};
}

using Limits = sandbox::SupervisorLimits;
using Quarantine = sandbox::QuarantineLimits;

const Setting kTable[] = {
    {"edge", "address", "--edge", "Address requests come to", Setting::Text{&Settings::edge}},
    {"edge", "loops", "--loops", "Threads that serve connections; 0: one per core", number<&Settings::loops>(0, 16)},
    {"edge", "workers_domain", "--workers-domain",
     "Scripts answer at NAME.SUBDOMAIN.DOMAIN, and at NAME.SUBDOMAIN.workers.dev",
     Setting::Text{&Settings::workersDomain}},
    {"edge", "body_bytes", "--body-bytes", "Largest request body",
     limited<&http::HttpLimits::bodyBytesMax>(0, int64_t{1} << 50)},
    {"edge", "idle_ms", "--idle-ms", "How long a connection without a request is kept",
     limited<&http::HttpLimits::idleTimeout>(1, 3'600'000)},
    {"edge", "head_ms", "--head-ms", "How long the head of a request may take to arrive",
     limited<&http::HttpLimits::headTimeout>(1, 3'600'000)},
    {"edge", "body_stall_ms", "--body-stall-ms", "How long a client may send nothing of a body that is waited for",
     limited<&http::HttpLimits::bodyStallTimeout>(1, 3'600'000)},
    {"edge", "write_stall_ms", "--write-stall-ms", "How long a client may take nothing of a response that waits",
     limited<&http::HttpLimits::writeStallTimeout>(1, 3'600'000)},
    {"edge", "drain_ms", "--drain-ms", "How long requests may finish after SIGTERM",
     number<&Settings::drainMs>(0, 3'600'000)},
    {"edge", "error_docs_url", "--error-docs-url",
     "Page on an error code that error pages link to, as in https://errors.example/{code}",
     Setting::Text{&Settings::errorDocsUrl}},
    {"outbound", "allow", "--outbound-allow",
     "Address ranges that scripts may reach beside the internet, as in 127.0.0.0/8,10.1.2.3",
     Setting::Text{&Settings::outboundAllow}},
    {"outbound", "deny", "--outbound-deny", "Address ranges that scripts may never reach",
     Setting::Text{&Settings::outboundDeny}},
    {"fetch", "ca_file", "--ca-file", "PEM file of certificates to trust beside the system's",
     Setting::Text{&Settings::caFile}},
    {"fetch", "connect_ms", "--fetch-connect-ms", "How long connecting to an origin may take, TLS included",
     limited<&http::HttpLimits::connectTimeout>(1, 3'600'000)},
    {"fetch", "response_ms", "--fetch-response-ms", "How long an origin may take to begin its response",
     limited<&http::HttpLimits::responseHeadTimeout>(1, 3'600'000)},
    {"fetch", "stall_ms", "--fetch-stall-ms",
     "How long an origin may take or send nothing of a body that is waited for",
     limited<&http::HttpLimits::upstreamStallTimeout>(1, 3'600'000)},
    {"control", "address", "--control", "Address of the management API, /health and /metrics; empty: none",
     Setting::Text{&Settings::control}},
    {"control", "any_address", "--control-any-address",
     "Let --control name an address that others can reach; whoever can, reads it",
     Setting::Switch{&Settings::controlAnyAddress}},
    {"data", "directory", "--data", "Directory for traces and state, made when missing",
     Setting::Text{&Settings::data}},
    {"data", "secret_key_command", "--secret-key-command",
     "Prints the keys that secrets are sealed with; empty: they are in the file secret.key in --data",
     Setting::Text{&Settings::secretKeyCommand}},
    {"data", "audit_days", "--audit-days", "How long the audit log remembers; at most a million changes",
     number<&Settings::auditDays>(1, 36'500)},
    {"data", "asset_cache_mb", "--asset-cache-mb", "Memory for static assets; the least recently used go above it",
     number<&Settings::assetCacheMb>(1, 1 << 20)},
    {"engines", "count", "--engines", "Engine processes; 0: one per core", number<&Settings::engines>(0, 48)},
    {"engines", "replica_queue_ms", "--replica-queue-ms",
     "A script whose engine leaves requests unanswered for longer is run on another as well",
     number<&Settings::replicaQueueMs>(1, 60'000)},
    {"engines", "memory_mb", "--engine-memory-mb", "Memory of an engine's scripts; the least recently used go above it",
     number<&Settings::engineMemoryMb>(64, 1 << 20)},
    {"engines", "memory_percent", "--engine-memory-percent",
     "Of --engine-memory-mb: an engine process that has more is killed",
     number<&Settings::engineMemoryPercent>(110, 10'000)},
    {"engines", "silent_ms", "--engine-silent-ms", "An engine that reads nothing for so long is killed",
     supervised<&Limits::silentMax>(200, 600'000)},
    {"engines", "look_ms", "--engine-look-ms", "How often answers and memory of engines are looked at",
     supervised<&Limits::lookEvery>(50, 60'000)},
    {"engines", "drain_ms", "--engine-drain-ms", "How long an engine that is replaced may finish its work",
     supervised<&Limits::drainMax>(0, 600'000)},
    {"engines", "restart_max_ms", "--engine-restart-max-ms",
     "The longest pause before a start, where engines end as soon as they are ready",
     Setting::Number{100, 600'000,
                     [](const Settings& s) { return static_cast<int64_t>(s.supervision.restart.delayMax.count()); },
                     [](Settings& s, int64_t value) { s.supervision.restart.delayMax = Milliseconds(value); }}},
    {"engines", "start_from", "--start-from", "What scripts start from at best: snapshot, code-cache or source",
     Setting::Text{&Settings::startFrom}},
    {"engines", "require_sandbox", "--require-sandbox", "Refuse to start when a confinement is missing",
     Setting::Switch{&Settings::requireSandbox}},
    {"engines", "node", "--node", "Node executable that hosts engines", Setting::Text{&Settings::node}},
    {"engines", "directory", "--engine-dir", "Folder of the engine addon, its launcher and its start-up snapshot",
     Setting::Text{&Settings::engineDir}},
    {"quarantine", "parks", "--quarantine-parks",
     "A script that costs engines so many threads within --quarantine-within-s runs apart; 0: never",
     quarantined<&Quarantine::parksMax>(0, 1000)},
    {"quarantine", "within_s", "--quarantine-within-s", "See --quarantine-parks",
     quarantined<&Quarantine::parksWithin>(1, 86'400)},
    {"quarantine", "hold_s", "--quarantine-hold-s", "How long such a script must be quiet to come back",
     quarantined<&Quarantine::holdFor>(1, 31 * 86'400)},
    {"quarantine", "engines", "--quarantine-engines", "Engines for such scripts, started when they are needed",
     quarantined<&Quarantine::slots>(0, 16)},
};

}  // namespace

Settings devDefaults(const Settings& common) {
  Settings settings = common;
  settings.data = "./.weir";
  settings.outboundAllow = "0.0.0.0/0,::/0";
  settings.control.clear();
  settings.catalog = false;
  return settings;
}

std::span<const Setting> settingsTable() { return kTable; }

std::string problemWith(const Setting::Number& number, int64_t value) {
  if (value >= number.min && value <= number.max) return {};
  return "must be a whole number from " + std::to_string(number.min) + " to " + std::to_string(number.max);
}

}  // namespace weir::cli
