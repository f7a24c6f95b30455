// The readable form of an invocation, for a terminal (reference/observability.md §4.6):
//
//   GET http://localhost:8787/ - Ok @ 2026-02-26 12:34:56
//     (log) hello { "answer": 42 }
//     Error: boom
//       at index.js:3:9
//
// Text of tenants cannot steer the terminal: control characters are shown, not sent.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "observe/sink.h"

namespace weir::logs {

struct PrettyOptions {
  bool colours = false;
  int utcOffsetSeconds = 0;  // of the clock on the wall
};

// The word for an outcome: "Ok", "Exception Thrown", …
std::string_view outcomeWord(wire::Outcome outcome);

// Appends the block for one invocation, ending in a line feed. Any thread.
void appendPretty(std::string& out, const observe::InvocationFinished& fact, const PrettyOptions& options);
// The same for a version that does not start.
void appendPretty(std::string& out, const observe::VersionFailed& fact, const PrettyOptions& options);

// Prints to a descriptor as facts arrive, colours only if it is a terminal and NO_COLOR was not set (the caller asks
// the environment). Any loop; waits for the terminal, so it is for `weir dev` and not for production.
class PrettyPrinter final : public observe::Sink {
 public:
  // `fd` is borrowed. `utcOffsetSeconds` as above.
  PrettyPrinter(int fd, bool coloursAllowed, int utcOffsetSeconds);

  void invocationFinished(uint32_t loop, const observe::InvocationFinished& fact) override;
  void versionFailed(uint32_t loop, const observe::VersionFailed& fact) override;

 private:
  void print(const std::string& text);

  const int fd_;
  const PrettyOptions options_;
  std::mutex mutex_;  // one block at a time
};

}  // namespace weir::logs
