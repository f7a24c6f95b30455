#include "assets/worker_first.h"

#include <algorithm>

#include "assets/limits.h"

namespace weir::assets {

namespace {

void checkRules(const std::vector<std::string>& rules, std::string_view sign, std::vector<std::string>& wrong) {
  const auto quoted = [&](const std::string& rule) { return "'" + std::string(sign) + rule + "'"; };
  for (size_t i = 0; i < rules.size(); ++i) {
    const std::string& rule = rules[i];
    if (sign.size() + rule.size() > Limits::kWorkerFirstRuleBytesMax) {
      wrong.push_back(quoted(rule.substr(0, Limits::kWorkerFirstRuleBytesMax)) + ": all rules must be less than " +
                      std::to_string(Limits::kWorkerFirstRuleBytesMax) + " characters in length");
    }
    if (std::find(rules.begin(), rules.begin() + static_cast<ptrdiff_t>(i), rule) !=
        rules.begin() + static_cast<ptrdiff_t>(i))
      wrong.push_back(quoted(rule) + ": rule is a duplicate; rules must be unique");
    if (!rule.ends_with('*')) continue;
    for (const auto& other : rules) {
      if (other != rule && other.starts_with(std::string_view(rule).substr(0, rule.size() - 1)))
        wrong.push_back(quoted(other) + ": rule " + quoted(rule) + " makes it redundant");
    }
  }
}

}  // namespace

WorkerFirst WorkerFirst::always() {
  WorkerFirst first;
  first.always_ = true;
  return first;
}

base::Result<WorkerFirst> WorkerFirst::parse(std::span<const std::string> rules) {
  if (rules.empty()) return base::Error{"No `run_worker_first` rules were provided; must provide at least 1 rule."};
  if (rules.size() > Limits::kWorkerFirstRulesMax) {
    return base::Error{"Too many `run_worker_first` rules were provided; " + std::to_string(rules.size()) +
                       " rules provided exceeds max of " + std::to_string(Limits::kWorkerFirstRulesMax) + "."};
  }
  WorkerFirst first;
  std::vector<std::string> wrong;
  for (const auto& rule : rules) {
    const std::string shown = rule.substr(0, Limits::kWorkerFirstRuleBytesMax);
    if (rule.starts_with("!/")) first.asset_.push_back(rule.substr(1));
    else if (rule.starts_with('/')) first.worker_.push_back(rule);
    else if (rule.starts_with('!')) wrong.push_back("'" + shown + "': negative rules must start with '!/'");
    else wrong.push_back("'" + shown + "': rules must start with '/' or '!/'");
  }
  if (!first.asset_.empty() && first.worker_.empty()) {
    return base::Error{
        "Only negative `run_worker_first` rules were provided; must provide at least 1 non-negative rule"};
  }
  checkRules(first.worker_, "", wrong);
  checkRules(first.asset_, "!", wrong);
  if (!wrong.empty()) {
    std::string message = "Invalid routes in `run_worker_first`:";
    for (const auto& line : wrong) message += "\n" + line;
    return base::Error{std::move(message)};
  }
  return first;
}

WorkerFirst::Choice WorkerFirst::choose(std::string_view path) const {
  if (always_) return Choice::kWorker;
  const auto matches = [&](const std::string& glob) { return matchesGlob(glob, path); };
  if (std::any_of(asset_.begin(), asset_.end(), matches)) return Choice::kAsset;
  if (std::any_of(worker_.begin(), worker_.end(), matches)) return Choice::kWorker;
  return Choice::kAssetIfAny;
}

bool matchesGlob(std::string_view glob, std::string_view path) {
  size_t star = glob.find('*');
  if (star == std::string_view::npos) return glob == path;
  if (!path.starts_with(glob.substr(0, star))) return false;
  path.remove_prefix(star);
  glob.remove_prefix(star + 1);
  // The first place of each text between two stars is as good as any later one.
  for (;;) {
    star = glob.find('*');
    if (star == std::string_view::npos) return path.ends_with(glob);
    const std::string_view text = glob.substr(0, star);
    const size_t at = path.find(text);
    if (at == std::string_view::npos) return false;
    path.remove_prefix(at + text.size());
    glob.remove_prefix(star + 1);
  }
}

}  // namespace weir::assets
