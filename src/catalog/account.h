// Account: who pays and owns. A value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/plan.h"

namespace weir::catalog {

// Times are milliseconds since 1970-01-01T00:00:00Z everywhere in the catalog.
using UnixMs = int64_t;

struct Account {
  std::string id;    // 32 hex digits
  std::string name;  // what the operator calls it; unique
  Plan plan = Plan::kFree;
  std::vector<LimitOverride> overrides;
  // Everything the account owns answers 1103.
  bool suspended = false;
  std::optional<std::string> subdomain;  // scripts answer at NAME.SUBDOMAIN.workers.dev; unique
  UnixMs createdMs = 0;

  PlanLimits limits() const { return resolveLimits(plan, overrides); }
};

struct NewAccount {
  std::string name;
  Plan plan = Plan::kFree;
  std::vector<LimitOverride> overrides;
  std::optional<std::string> subdomain;
};

// What is set is changed.
struct AccountChange {
  std::optional<std::string> name;
  std::optional<Plan> plan;
  std::vector<LimitOverride> setOverrides;
  std::vector<std::string> dropOverrides;  // by name: back to the preset
  std::optional<bool> suspended;
  std::optional<std::string> subdomain;
};

}  // namespace weir::catalog
