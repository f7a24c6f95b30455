#include "wire/compatibility.h"

namespace weir::wire {

std::optional<Compatibility> findCompatibility(std::string_view name) {
  for (const auto& rule : kCompatibilityRules) {
    if (rule.name == name) return rule.flag;
  }
  return std::nullopt;
}

CompatibilitySet CompatibilitySet::of(std::string_view date, std::string_view flags) {
  CompatibilitySet set;
  const auto bit = [](const CompatibilityRule& rule) { return uint64_t{1} << static_cast<unsigned>(rule.flag); };
  uint64_t off = 0;
  for (const auto& rule : kCompatibilityRules) {
    if (!rule.since.empty() && date >= rule.since) set.bits_ |= bit(rule);
  }
  while (!flags.empty()) {
    const size_t comma = flags.find(',');
    const std::string_view flag = flags.substr(0, comma);
    flags.remove_prefix(comma == std::string_view::npos ? flags.size() : comma + 1);
    for (const auto& rule : kCompatibilityRules) {
      if (rule.name == flag) set.bits_ |= bit(rule);
      if (rule.opposite == flag) off |= bit(rule);
    }
  }
  set.bits_ &= ~off;
  return set;
}

}  // namespace weir::wire
