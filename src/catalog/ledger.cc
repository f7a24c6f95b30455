#include "catalog/ledger.h"

#include <algorithm>

namespace weir::catalog {

Ledger::Ledger(const std::vector<Catalog::Usage>& saved, base::Instant now, double wallMs) {
  for (const auto& usage : saved) {
    Entry& entry = entries_[usage.account];
    entry.meter = std::make_shared<AccountMeter>();
    entry.meter->daily.restore(usage.daily);
    entry.daily = usage.daily;
    // A clock that went back since ages nothing: too strict for a minute rather than too lax.
    const auto passed = static_cast<uint64_t>(std::max(0.0, (wallMs - static_cast<double>(usage.savedMs)) / 1000.0));
    std::vector<BurstWindow::Slot> slots;
    for (const auto& slot : usage.burst) {
      const uint64_t age = slot.ageSeconds + passed;
      if (age <= BurstWindow::kSeconds) slots.push_back({static_cast<uint32_t>(age), slot.count});
    }
    if (!slots.empty()) entry.meter->burst.restore(slots, now);
    entry.burstAdmitted = entry.meter->burst.admitted();
  }
}

std::shared_ptr<AccountMeter> Ledger::meterOf(const std::string& account) {
  auto& entry = entries_[account];
  if (!entry.meter) entry.meter = std::make_shared<AccountMeter>();
  return entry.meter;
}

std::vector<Catalog::Usage> Ledger::unsaved(base::Instant now, double wallMs) {
  std::vector<Catalog::Usage> out;
  for (auto& [account, entry] : entries_) {
    entry.offeredDaily = entry.meter->daily.usage();
    entry.offeredBurst = entry.meter->burst.admitted();
    if (entry.offeredDaily == entry.daily && entry.offeredBurst == entry.burstAdmitted) continue;
    out.push_back({account, entry.offeredDaily, entry.meter->burst.slots(now), static_cast<UnixMs>(wallMs)});
  }
  return out;
}

void Ledger::markSaved() {
  for (auto& [account, entry] : entries_) {
    entry.daily = entry.offeredDaily;
    entry.burstAdmitted = entry.offeredBurst;
  }
}

}  // namespace weir::catalog
