// What an account may use: a preset, and settings that differ from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::catalog {

enum class Plan : uint8_t { kFree = 0, kPaid = 1 };

std::string_view nameOf(Plan plan);
std::optional<Plan> findPlan(std::string_view name);

// reference/limits.md; where it lists two values, the suggested default of its §14.
struct PlanLimits {
  uint64_t cpuMs = 30'000;
  uint64_t startupCpuMs = 400;
  uint64_t memoryMb = 128;
  uint64_t subrequests = 1'000;
  uint64_t scheduledMs = 900'000;  // wall time of a cron trigger's run
  uint64_t burstPerMinute = 0;     // requests in any minute; 0: no limit
  uint64_t requestsPerDay = 0;     // from 00:00 UTC; 0: no limit
  uint64_t requestBodyBytes = 0;   // 0: what the platform takes from anybody
  uint64_t scripts = 500;
  uint64_t schedules = 250;  // of all scripts together
  uint64_t routesPerZone = 1'000;
  uint64_t domainsPerZone = 100;
  uint64_t zones = 0;                 // that the account may make itself; 0: the operator makes them
  uint64_t texts = 128;               // text values and secrets of one version
  uint64_t textBytes = 5'000;         // of each
  uint64_t uploadBytes = 10u << 20;   // one version, compressed
  uint64_t bundleBytes = 64u << 20;   // one version
  uint64_t assets = 100'000;          // files of one version
  uint64_t assetBytes = 20ULL << 30;  // of all versions together, each content once

  bool operator==(const PlanLimits&) const = default;
};

const PlanLimits& presetOf(Plan plan);

// One limit by its name in commands and in the store.
struct LimitField {
  std::string_view name;
  uint64_t PlanLimits::*member;
  uint64_t min;
  uint64_t max;
  std::string_view zero = {};  // what a 0 means, where that is no bound of nothing
};

std::span<const LimitField> limitFields();
const LimitField* findLimitField(std::string_view name);

// A limit set for one account. Names that no field has are ignored when resolving: a newer weir wrote them.
struct LimitOverride {
  std::string name;
  uint64_t value = 0;
  bool operator==(const LimitOverride&) const = default;
};

PlanLimits resolveLimits(Plan plan, const std::vector<LimitOverride>& overrides);

}  // namespace weir::catalog
