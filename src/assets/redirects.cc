#include "assets/redirects.h"

#include <algorithm>
#include <set>

#include "assets/limits.h"
#include "assets/path.h"
#include "http/codec/field_syntax.h"

namespace weir::assets {

namespace {

constexpr std::string_view kLoop =
    "Infinite loop detected in this rule and has been ignored. This will cause a redirect to strip `.html` or `/index` "
    "and end up triggering this rule again. Please fix or remove this rule to silence this warning.";

std::vector<std::string_view> wordsOf(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    line = trimmed(line);
    if (line.empty()) return words;
    const size_t end = std::find_if(line.begin(), line.end(), isSpace) - line.begin();
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

bool endsInIndex(std::string_view to) { return to.ends_with("/index") || to.ends_with("/index.html"); }

// "https://" and the like: where a target leaves this host.
bool isAbsolute(std::string_view to) {
  const size_t at = to.find("://");
  return at != std::string_view::npos && at > 0 && std::all_of(to.begin(), to.begin() + at, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

}  // namespace

Redirects Redirects::parse(std::string_view text, bool htmlHandling, std::vector<RuleProblem>& problems) {
  Redirects redirects;
  const auto report = [&](uint32_t line, std::string message) {
    if (problems.size() < Limits::kProblemsMax) problems.push_back({line, std::move(message)});
  };
  std::set<std::string, std::less<>> seen;
  size_t statics = 0, dynamics = 0;
  uint32_t number = 0;
  while (!text.empty()) {
    const std::string_view rest = text;
    const std::string_view line = trimmed(takeLine(text));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    auto words = wordsOf(line);
    for (size_t i = 2; i < words.size(); ++i) {
      if (words[i].front() == '#') words.resize(i);
    }
    const size_t size = static_cast<size_t>(words.back().data() + words.back().size() - line.data());
    if (size > Limits::kRedirectLineBytesMax) {
      report(number, "Ignoring line " + std::to_string(number) +
                         " as the redirect directive exceeds the maximum allowed length of " +
                         std::to_string(Limits::kRedirectLineBytesMax) + ".");
      continue;
    }
    if (words.size() < 2 || words.size() > 3) {
      report(number, "Expected exactly 2 or 3 whitespace-separated tokens. Got " + std::to_string(words.size()) + ".");
      continue;
    }
    auto from = parseRuleUrl(words[0], {.onlyPath = true, .noPort = true});
    if (!from.ok()) {
      report(number, from.error().message);
      continue;
    }
    const bool isStatic = dynamics == 0 && !RulePattern::isDynamic(*from);
    if (isStatic && ++statics > Limits::kStaticRedirectsMax) {
      report(number, "Maximum number of static rules supported is " + std::to_string(Limits::kStaticRedirectsMax) +
                         ". Skipping line.");
      continue;
    }
    if (!isStatic && ++dynamics > Limits::kDynamicRedirectsMax) {
      const auto left = std::count(rest.begin(), rest.end(), '\n') + (rest.ends_with('\n') ? 0 : 1);
      report(number, "Maximum number of dynamic rules supported is " + std::to_string(Limits::kDynamicRedirectsMax) +
                         ". Skipping remaining " + std::to_string(left) + " lines of file.");
      break;
    }
    auto to = parseRuleUrl(words[1], {.withQuery = true, .withFragment = true});
    if (!to.ok()) {
      report(number, to.error().message);
      continue;
    }
    const auto status = words.size() == 3 ? http::parseDecimal(words[2]) : std::optional<uint64_t>(302);
    constexpr uint64_t kStatuses[] = {200, 301, 302, 303, 307, 308};
    if (!status || std::find(std::begin(kStatuses), std::end(kStatuses), *status) == std::end(kStatuses)) {
      report(number,
             "Valid status codes are 200, 301, 302 (default), 303, 307, or 308. Got " + std::string(words[2]) + ".");
      continue;
    }
    if (!hasHost(*to) && endsInIndex(*to) && (from->ends_with("/*") || (from->ends_with('/') && htmlHandling))) {
      report(number, std::string(kLoop));
      continue;
    }
    if (!seen.insert(*from).second) {
      report(number, "Ignoring duplicate rule for path " + *from + ".");
      continue;
    }
    if (*status == 200 && hasHost(*to)) {
      report(number, "Proxy (200) redirects can only point to relative paths. Got " + *to);
      continue;
    }
    RedirectTarget target{static_cast<uint16_t>(*status), std::move(*to)};
    if (isStatic) {
      redirects.static_.emplace(std::move(*from), std::move(target));
      continue;
    }
    auto pattern = RulePattern::parse(*from);
    if (!pattern.ok()) {
      report(number, pattern.error().message);
      continue;
    }
    redirects.dynamic_.push_back({std::move(*pattern), std::move(target)});
  }
  return redirects;
}

std::optional<RedirectTarget> Redirects::find(std::string_view path) const {
  if (const auto at = static_.find(path); at != static_.end()) return at->second;
  Captures captures;
  for (const auto& rule : dynamic_) {
    if (!rule.from.match({}, path, captures)) continue;
    RedirectTarget target{rule.target.status, fillIn(rule.target.to, captures)};
    // What a client put into the path must not turn it into another host's ("//host").
    if (!isAbsolute(target.to)) target.to = collapseSlashes(target.to);
    return target;
  }
  return std::nullopt;
}

}  // namespace weir::assets
