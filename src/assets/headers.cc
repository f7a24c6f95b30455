#include "assets/headers.h"

#include <algorithm>
#include <optional>
#include <set>

#include "assets/limits.h"
#include "http/codec/field_syntax.h"

namespace weir::assets {

namespace {

constexpr std::string_view kUnset = "! ";

// Not certainly, but who writes a header of this form has made a mistake.
bool looksLikeAPath(std::string_view line) {
  if (line.front() == '/') return true;
  const size_t space = std::find_if(line.begin(), line.end(), isSpace) - line.begin();
  const size_t scheme = line.substr(0, space).find("://");
  return scheme != std::string_view::npos && scheme > 0;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

}  // namespace

HeaderRules HeaderRules::parse(std::string_view text, std::vector<RuleProblem>& problems) {
  HeaderRules rules;
  const auto report = [&](uint32_t line, std::string message) {
    if (problems.size() < Limits::kProblemsMax) problems.push_back({line, std::move(message)});
  };
  std::optional<Rule> rule;
  uint32_t ruleLine = 0;
  const auto finishRule = [&] {
    if (!rule) return;
    if (rule->set.empty() && rule->unset.empty()) {
      report(ruleLine, "No headers specified");
    } else {
      const auto same =
          std::find_if(rules.rules_.begin(), rules.rules_.end(), [&](const Rule& r) { return r.path == rule->path; });
      if (same == rules.rules_.end()) {
        rules.rules_.push_back(std::move(*rule));
      } else {
        report(ruleLine, "This rule takes the place of an earlier one for the same path.");
        *same = std::move(*rule);
      }
    }
    rule.reset();
  };
  uint32_t number = 0;
  while (!text.empty()) {
    const std::string_view rest = text;
    const std::string_view line = trimmed(takeLine(text));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    if (line.size() > Limits::kHeaderLineBytesMax) {
      report(number, "Ignoring line " + std::to_string(number) + " as it exceeds the maximum allowed length of " +
                         std::to_string(Limits::kHeaderLineBytesMax) + ".");
      continue;
    }
    if (looksLikeAPath(line)) {
      finishRule();
      if (rules.rules_.size() >= Limits::kHeaderRulesMax) {
        const auto left = std::count(rest.begin(), rest.end(), '\n') + (rest.ends_with('\n') ? 0 : 1);
        report(number, "Maximum number of rules supported is " + std::to_string(Limits::kHeaderRulesMax) +
                           ". Skipping remaining " + std::to_string(left) + " lines of file.");
        break;
      }
      auto path = parseRuleUrl(line, {.noPort = true});
      if (!path.ok()) {
        report(number, path.error().message);
        continue;
      }
      auto pattern = RulePattern::parse(*path);
      if (!pattern.ok()) {
        report(number, pattern.error().message);
        continue;
      }
      rule.emplace(Rule{std::move(*path), std::move(*pattern), {}, {}});
      ruleLine = number;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      if (!rule) {
        report(number, "Expected a path beginning with at least one forward-slash");
      } else if (line.starts_with(kUnset) && http::isToken(trimmed(line.substr(kUnset.size())))) {
        rule->unset.push_back(lower(trimmed(line.substr(kUnset.size()))));
      } else {
        report(number, "Expected a colon-separated header pair (e.g. name: value)");
      }
      continue;
    }
    const std::string name = lower(trimmed(line.substr(0, colon)));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name.find(' ') != std::string::npos) {
      report(number, "Header name cannot include spaces");
    } else if (name.empty()) {
      report(number, "No header name specified");
    } else if (value.empty()) {
      report(number, "No header value specified");
    } else if (!rule) {
      report(number, "Path should come before header (" + name + ": " + std::string(value) + ")");
    } else if (!http::isToken(name)) {
      report(number, "Header name includes characters that are not allowed");
    } else if (!http::isFieldValue(value)) {
      report(number, "Header value includes characters that are not allowed");
    } else {
      const auto same =
          std::find_if(rule->set.begin(), rule->set.end(), [&](const Field& f) { return f.name == name; });
      if (same == rule->set.end()) rule->set.push_back({name, std::string(value)});
      else same->value.append(", ").append(value);
    }
  }
  finishRule();
  return rules;
}

void HeaderRules::apply(std::string_view host, std::string_view path, http::HeaderList& headers) const {
  if (rules_.empty()) return;
  std::set<std::string_view> ours;  // set by a rule: the next one's value is added
  Captures captures;
  for (const auto& rule : rules_) {
    if (!rule.pattern.match(host, path, captures)) continue;
    for (const auto& name : rule.unset) headers.remove(name);
    for (const auto& field : rule.set) {
      const std::string value = fillIn(field.value, captures);
      if (!ours.insert(field.name).second) {
        if (const auto before = headers.find(field.name)) {
          headers.set(field.name, std::string(*before).append(", ").append(value));
          continue;
        }
      }
      headers.set(field.name, value);
    }
  }
}

}  // namespace weir::assets
