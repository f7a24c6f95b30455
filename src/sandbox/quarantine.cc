#include "sandbox/quarantine.h"

#include <algorithm>

namespace weir::sandbox {

std::shared_ptr<ScriptHome> Quarantine::homeOf(const std::string& script) {
  const std::lock_guard lock(homesMutex_);
  auto& known = homes_[script];
  auto home = known.lock();
  if (home) return home;
  home = std::make_shared<ScriptHome>();
  known = home;
  if (homes_.size() % 1024 == 0) {
    std::erase_if(homes_, [](const auto& entry) { return entry.second.expired(); });
  }
  return home;
}

bool Quarantine::parked(const std::string& script, base::Instant now) {
  if (limits_.parksMax == 0 || limits_.slots == 0) return false;
  Record& record = records_[script];
  record.parks.push_back(now);
  std::erase_if(record.parks, [&](base::Instant at) { return now - at > limits_.parksWithin; });
  if (record.parks.size() > limits_.parksMax) record.parks.erase(record.parks.begin());
  if (record.home || record.parks.size() < limits_.parksMax) return false;
  uint32_t best = firstSlot_;
  size_t fewest = ~size_t{0};
  for (uint32_t slot = firstSlot_; slot < firstSlot_ + limits_.slots; ++slot) {
    const size_t count = scriptsIn(slot).size();
    if (count < fewest) {
      fewest = count;
      best = slot;
    }
  }
  record.home = homeOf(script);
  record.home->slot.store(best);
  return true;
}

bool Quarantine::release(base::Instant now) {
  bool released = false;
  std::erase_if(records_, [&](const auto& entry) {
    const Record& record = entry.second;
    const auto quiet = now - record.parks.back();
    if (quiet <= (record.home ? limits_.holdFor : limits_.parksWithin)) return false;
    if (record.home) {
      record.home->slot.store(ScriptHome::kShared);
      released = true;
    }
    return true;
  });
  return released;
}

bool Quarantine::uses(uint32_t slot) const { return !scriptsIn(slot).empty(); }

std::vector<std::string> Quarantine::scriptsIn(uint32_t slot) const {
  std::vector<std::string> names;
  for (const auto& [script, record] : records_) {
    if (record.home && record.home->slot.load() == slot) names.push_back(script);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace weir::sandbox
