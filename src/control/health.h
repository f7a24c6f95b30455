// Health: whether the platform serves, and what is amiss, for people and for probes.
//
// Values and pure functions. Threads: any.
#pragma once

#include <string>
#include <vector>

#include "sandbox/supervisor.h"

namespace weir::control {

struct Health {
  std::string version;   // of weir
  double startedMs = 0;  // since 1970
  double nowMs = 0;
  bool draining = false;
  std::vector<sandbox::EngineStatus> engines;
};

enum class HealthStatus {
  kOk,
  kDegraded,     // it serves, but an engine is missing or not fully confined
  kUnavailable,  // it takes no requests: it drains, or has no engine
};
HealthStatus statusOf(const Health& health);
std::string_view nameOf(HealthStatus status);

// What an operator should see to, one line each; empty when all is well.
std::vector<std::string> warningsOf(const Health& health);

// One JSON object, over several lines, ended by a line feed.
std::string toJson(const Health& health);

}  // namespace weir::control
