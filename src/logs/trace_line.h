// One invocation as one line of JSON: the field names of a TraceItem (reference/observability.md §4.1), redacted
// (§4.2) and bounded (§4.3). Hot path: no allocation, no lock, no clock.
//
// Threads: pure functions, any thread.
#pragma once

#include <cstddef>

#include "observe/facts.h"

namespace weir::logs {

// Logs, exceptions, URL and headers of one invocation together; what is beyond is dropped and the line says so.
inline constexpr size_t kTraceBytesMax = 256 * 1024;

// An upper bound of the line's length, cheap to compute. Never above kTraceLineBytesMax.
size_t traceLineBytesMax(const observe::InvocationFinished& fact);
inline constexpr size_t kTraceLineBytesMax = kTraceBytesMax * 12 + 64 * 1024;

// Writes the line with its line feed and returns the end. `out` has room for traceLineBytesMax(fact).
char* writeTraceLine(char* out, const observe::InvocationFinished& fact);

}  // namespace weir::logs
