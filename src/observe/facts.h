// Facts: what layers report, past tense, units in the names. Plain structs; every view is borrowed for the duration of
// the report. Sinks (sink.h) decide whether a fact becomes a log line, a metric or a trace.
//
// A new kind of fact is one struct here and one default method in the sink.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "wire/message.h"
#include "wire/outcome.h"

namespace weir::observe {

// What a script printed. `message` is the JSON array of the console call's arguments, as the engine gave it: an engine
// may be compromised, so it is any text until checked.
struct LogEntry {
  double timestampMs = 0;  // since 1970
  wire::LogLevel level = wire::LogLevel::kLog;
  std::string_view message;
};

// An exception nobody caught. Any text.
struct ExceptionEntry {
  double timestampMs = 0;
  std::string_view name;
  std::string_view message;
  std::string_view stack;  // empty: none
};

enum class EventKind : uint8_t { kFetch = 0, kScheduled = 1 };

// One event was handled by one version, waitUntil included. The source of traces, tail, logs and metrics.
struct InvocationFinished {
  std::string_view ray;  // 16 hex digits, or with the place appended; empty: none
  std::string_view script;
  std::string_view version;  // the version's id, a UUID
  EventKind kind = EventKind::kFetch;
  wire::Outcome outcome = wire::Outcome::kUnknown;
  uint16_t status = 0;         // of the response the client got, 0: none
  uint16_t errorCode = 0;      // of the page that response was, 0: it was the script's own
  bool failedOpen = false;     // the script failed and what stands behind it answered
  double startedMs = 0;        // since 1970
  uint64_t cpuUs = 0;          // on the isolate's thread, JavaScript and native
  uint64_t wallUs = 0;         // event delivered to last effect
  uint64_t responseBytes = 0;  // body only, as sent
  // kFetch
  std::string_view method;
  std::string_view url;
  wire::HeadBlock requestHead;
  // kScheduled
  std::string_view cron;
  double scheduledMs = 0;
  // In order of time.
  std::span<const LogEntry> logs;
  std::span<const ExceptionEntry> exceptions;
  bool truncated = false;  // some of them were dropped before they came here
};

// A client's request was answered, by a script, an origin or the platform itself.
struct RequestFinished {
  std::string_view host;
  std::string_view method;
  std::string_view path;
  uint16_t status = 0;         // 0: the client left before there was one
  uint16_t errorCode = 0;      // of the page the platform answered with, 0: none
  uint64_t requestBytes = 0;   // body only
  uint64_t responseBytes = 0;  // body only
  uint64_t wallUs = 0;         // the request's head complete to the response complete, or cut
};

struct ConnectionOpened {};
struct ConnectionClosed {
  uint64_t requests = 0;
};

struct EngineStarted {
  uint32_t engine = 0;
  uint64_t startupUs = 0;  // clone to EngineReady
  std::string_view v8Version;
};

// The engine runs, but the kernel refused part of its confinement.
struct EngineConfined {
  uint32_t engine = 0;
  uint32_t active = 0;      // bits of the confinements that hold
  uint32_t wanted = 0;      // bits of all there are
  std::string_view report;  // one line per confinement
};

// A line an engine printed: of its host executable or of V8, never of a script. Any text.
struct EngineSaid {
  uint32_t engine = 0;
  std::string_view line;
};

enum class EngineDeath : uint8_t {
  kStopped = 0,
  kCrashed,
  kUnresponsive,
  kProtocolViolation,
  kMemory,
  kReplaced,
  kStartFailed
};
inline constexpr size_t kEngineDeathCount = 7;
inline constexpr std::string_view kEngineDeathNames[kEngineDeathCount] = {
    "stopped", "crashed", "unresponsive", "protocol_violation", "memory", "replaced", "start_failed"};

struct EngineDied {
  uint32_t engine = 0;
  EngineDeath reason = EngineDeath::kCrashed;
  int signal = 0;  // that ended it, 0: it exited
  int exitCode = 0;
  uint32_t invocationsLost = 0;
  std::string_view detail;
};

// A script that cost engines their threads runs on an engine apart from now on.
struct ScriptConfined {
  std::string_view script;
  uint32_t engine = 0;
};

struct IsolateStarted {
  uint32_t engine = 0;
  std::string_view script;
  std::string_view version;
  wire::StartSource source = wire::StartSource::kCompiled;
  uint64_t startupUs = 0;  // CPU
};

struct IsolateEnded {
  uint32_t engine = 0;
  std::string_view script;
  std::string_view version;
  wire::IsolateEnd reason = wire::IsolateEnd::kEvicted;
};

// A version cannot start; requests to it get page 1101 (or 1102) until another is deployed.
struct VersionFailed {
  std::string_view script;
  std::string_view version;
  wire::StartFailure failure = wire::StartFailure::kException;
  std::string_view message;
  std::string_view file;
  uint32_t line = 0;
  uint32_t column = 0;
  bool profiled = false;  // a CPU profile of the start is kept
};

// A version's top-level scope was run once, before it serves, and passed.
struct VersionChecked {
  std::string_view script;
  std::string_view version;
  wire::StartSource source = wire::StartSource::kCompiled;  // what its isolates start from
  std::string_view reason;                                  // why that is not a heap snapshot; empty: it is
  uint64_t startupUs = 0;                                   // CPU of the top-level scope
  bool kept = false;                                        // known from an earlier run of the platform
};

// The settings or the catalog were read anew.
struct CatalogPublished {
  uint64_t generation = 0;
  uint32_t scripts = 0;
};

}  // namespace weir::observe
