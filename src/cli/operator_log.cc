#include "cli/operator_log.h"

#include <cstdio>

namespace weir::cli {

namespace {

// What came from outside cannot steer the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 && c != '\n' && c != '\t' ? '?' : (byte == 0x7f ? '?' : c);
  }
  return out;
}

}  // namespace

void OperatorLog::print(const std::string& line) {
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "%s\n", printable(line).c_str());
}

void OperatorLog::engineSaid(uint32_t, const observe::EngineSaid& fact) {
  print("engine " + std::to_string(fact.engine) + ": " + std::string(fact.line));
}

void OperatorLog::engineConfined(uint32_t, const observe::EngineConfined& fact) {
  print("weir: WARNING: engine " + std::to_string(fact.engine) + " is not fully confined: " + std::string(fact.report) +
        "; --require-sandbox refuses to run like this");
}

void OperatorLog::engineDied(uint32_t, const observe::EngineDied& fact) {
  std::string line = "weir: engine " + std::to_string(fact.engine) + " ";
  switch (fact.reason) {
    case observe::EngineDeath::kStopped: line += "was stopped"; break;
    case observe::EngineDeath::kCrashed: line += "ended by itself"; break;
    case observe::EngineDeath::kUnresponsive: line += "did not answer and was killed"; break;
    case observe::EngineDeath::kProtocolViolation: line += "broke the protocol and was killed"; break;
    case observe::EngineDeath::kMemory: line += "outgrew its memory and was killed"; break;
    case observe::EngineDeath::kReplaced: line += "was replaced, because a script cost it a thread"; break;
    case observe::EngineDeath::kStartFailed: line += "did not start"; break;
  }
  line += " (" + std::string(fact.detail) + ")";
  if (fact.invocationsLost != 0) line += "; " + std::to_string(fact.invocationsLost) + " invocations ended with it";
  print(line);
}

void OperatorLog::scriptConfined(uint32_t, const observe::ScriptConfined& fact) {
  print("weir: script " + std::string(fact.script) +
        " has cost engines their threads repeatedly and runs apart from now on, on engine " +
        std::to_string(fact.engine));
}

void OperatorLog::versionFailed(uint32_t, const observe::VersionFailed& fact) {
  print("weir: script " + std::string(fact.script) + " does not start: " + std::string(fact.message) +
        (fact.profiled ? "\n  where its time went: weir profile " + std::string(fact.script) + " --startup" : ""));
}

void OperatorLog::versionChecked(uint32_t, const observe::VersionChecked& fact) {
  if (fact.kept) return;
  std::string line = "weir: script " + std::string(fact.script) + " is checked, ";
  line += std::to_string(fact.startupUs / 1000) + " ms of start-up";
  if (!fact.reason.empty()) {
    line +=
        fact.source == wire::StartSource::kCodeCache ? ", starts from its code cache: " : ", starts from its source: ";
    line += fact.reason;
  }
  print(line);
}

}  // namespace weir::cli
