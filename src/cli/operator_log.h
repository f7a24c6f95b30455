// OperatorLog: what whoever runs weir must know, as lines on standard error: engines that start, end or are not fully
// confined, and scripts that do not start.
#pragma once

#include <mutex>
#include <string>

#include "observe/sink.h"

namespace weir::cli {

class OperatorLog final : public observe::Sink {
 public:
  void engineSaid(uint32_t loop, const observe::EngineSaid& fact) override;
  void engineConfined(uint32_t loop, const observe::EngineConfined& fact) override;
  void engineDied(uint32_t loop, const observe::EngineDied& fact) override;
  void scriptConfined(uint32_t loop, const observe::ScriptConfined& fact) override;
  void versionFailed(uint32_t loop, const observe::VersionFailed& fact) override;
  void versionChecked(uint32_t loop, const observe::VersionChecked& fact) override;

 private:
  void print(const std::string& line);

  std::mutex mutex_;  // one line at a time
};

}  // namespace weir::cli
