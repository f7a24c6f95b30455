#include "catalog/plan.h"

#include <array>

namespace weir::catalog {

namespace {

constexpr PlanLimits kFreePreset{.cpuMs = 10,
                                 .subrequests = 50,
                                 .burstPerMinute = 1'000,
                                 .requestsPerDay = 100'000,
                                 .scripts = 100,
                                 .schedules = 5,
                                 .texts = 64,
                                 .uploadBytes = 3u << 20,
                                 .assets = 20'000,
                                 .assetBytes = 1ULL << 30};
constexpr PlanLimits kPaidPreset{};

constexpr uint64_t kMany = 1'000'000'000;

constexpr std::array kFields = {
    LimitField{"cpu_ms", &PlanLimits::cpuMs, 1, 300'000},
    LimitField{"startup_cpu_ms", &PlanLimits::startupCpuMs, 1, 10'000},
    LimitField{"memory_mb", &PlanLimits::memoryMb, 8, 4'096},
    LimitField{"subrequests", &PlanLimits::subrequests, 1, 10'000'000},
    LimitField{"scheduled_ms", &PlanLimits::scheduledMs, 1, 86'400'000},
    LimitField{"burst_per_minute", &PlanLimits::burstPerMinute, 0, kMany, "no limit"},
    LimitField{"requests_per_day", &PlanLimits::requestsPerDay, 0, 1'000'000'000'000, "no limit"},
    LimitField{"request_body_bytes", &PlanLimits::requestBodyBytes, 0, 5'000'000'000, "as weir serve --body-bytes"},
    LimitField{"scripts", &PlanLimits::scripts, 1, 1'000'000},
    LimitField{"schedules", &PlanLimits::schedules, 0, 100'000},
    LimitField{"routes_per_zone", &PlanLimits::routesPerZone, 1, 100'000},
    LimitField{"domains_per_zone", &PlanLimits::domainsPerZone, 0, 100'000},
    LimitField{"zones", &PlanLimits::zones, 0, 10'000},
    LimitField{"texts", &PlanLimits::texts, 0, 4'096},
    LimitField{"text_bytes", &PlanLimits::textBytes, 1, 1u << 20},
    LimitField{"upload_bytes", &PlanLimits::uploadBytes, 1, 128u << 20},
    LimitField{"bundle_bytes", &PlanLimits::bundleBytes, 1, 128u << 20},
    LimitField{"assets", &PlanLimits::assets, 0, 100'000},
    LimitField{"asset_bytes", &PlanLimits::assetBytes, 0, 1ULL << 50},
};
static_assert(sizeof(PlanLimits) == kFields.size() * sizeof(uint64_t), "every limit has a name");

}  // namespace

std::string_view nameOf(Plan plan) { return plan == Plan::kFree ? "free" : "paid"; }

std::optional<Plan> findPlan(std::string_view name) {
  if (name == "free") return Plan::kFree;
  if (name == "paid") return Plan::kPaid;
  return std::nullopt;
}

const PlanLimits& presetOf(Plan plan) { return plan == Plan::kFree ? kFreePreset : kPaidPreset; }

std::span<const LimitField> limitFields() { return kFields; }

const LimitField* findLimitField(std::string_view name) {
  for (const auto& field : kFields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

PlanLimits resolveLimits(Plan plan, const std::vector<LimitOverride>& overrides) {
  PlanLimits limits = presetOf(plan);
  for (const auto& entry : overrides) {
    if (const auto* field = findLimitField(entry.name)) limits.*field->member = entry.value;
  }
  return limits;
}

}  // namespace weir::catalog
