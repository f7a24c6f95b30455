// Outcome: the one vocabulary for how an invocation ended. Page, status, tail, logs, metrics and log push derive from
// this table and nothing else. Numbers and names are the platform's (reference/observability.md §1).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::wire {

enum class Outcome : uint8_t {
  kUnknown = 0,
  kOk = 1,
  kException = 2,
  kExceededCpu = 3,
  kKillSwitch = 4,
  kDaemonDown = 5,
  kScriptNotFound = 6,
  kCanceled = 7,
  kExceededMemory = 8,
  kLoadShed = 9,
  kResponseStreamDisconnected = 10,
  kInternalError = 11,
  kExceededWallTime = 12,
  kAborted = 13,
};

inline constexpr size_t kOutcomeCount = 14;

// What an outcome means to each reader of it.
struct OutcomeFacts {
  Outcome outcome;
  std::string_view name;    // in traces, tail, logs, log push
  std::string_view status;  // in metrics (classic vocabulary)
  std::string_view chart;   // the dashboard's group; empty: not an error and not a disconnect
  uint16_t errorCode;       // the page a client gets when no response had started; 0: none
  uint16_t httpStatus;      // of that page; 0: none
};

inline constexpr std::array<OutcomeFacts, kOutcomeCount> kOutcomes{{
    {Outcome::kUnknown, "unknown", "unknown", "Internal", 1101, 500},
    {Outcome::kOk, "ok", "success", "", 0, 0},
    {Outcome::kException, "exception", "scriptThrewException", "Uncaught Exception", 1101, 500},
    {Outcome::kExceededCpu, "exceededCpu", "exceededResources", "Exceeded CPU Time Limits", 1102, 503},
    {Outcome::kKillSwitch, "killSwitch", "killSwitch", "Internal", 1103, 403},
    {Outcome::kDaemonDown, "daemonDown", "internalError", "Internal", 1104, 500},
    {Outcome::kScriptNotFound, "scriptNotFound", "scriptNotFound", "", 1042, 404},
    {Outcome::kCanceled, "canceled", "clientDisconnected", "Cancelled", 0, 0},
    {Outcome::kExceededMemory, "exceededMemory", "exceededResources", "Exceeded Memory", 1102, 503},
    {Outcome::kLoadShed, "loadShed", "loadShed", "Load Shed", 1105, 503},
    {Outcome::kResponseStreamDisconnected, "responseStreamDisconnected", "responseStreamDisconnected",
     "Response Stream Disconnected", 0, 0},
    {Outcome::kInternalError, "internalError", "internalError", "Internal", 1104, 500},
    {Outcome::kExceededWallTime, "exceededWallTime", "exceededResources", "Internal", 1102, 503},
    {Outcome::kAborted, "aborted", "aborted", "Internal", 1101, 500},
}};

// Total: a number that is not an outcome reads as kUnknown.
constexpr const OutcomeFacts& factsOf(Outcome outcome) {
  const auto index = static_cast<size_t>(outcome);
  return index < kOutcomeCount ? kOutcomes[index] : kOutcomes[0];
}

constexpr bool outcomesAreInOrder() {
  for (size_t i = 0; i < kOutcomeCount; ++i) {
    if (static_cast<size_t>(kOutcomes[i].outcome) != i) return false;
  }
  return true;
}
static_assert(outcomesAreInOrder(), "factsOf indexes the table by the outcome's number");

}  // namespace weir::wire
