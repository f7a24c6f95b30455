// _headers, _redirects, the globs of run_worker_first and the paths they are asked about: whatever they say, a Location
// stays on its host unless the file names another, no header breaks its line, and patterns match what a regular
// expression would. Input: a request target on the first line, a pattern on the second, then the files.
#include <string>

#include "assets/headers.h"
#include "assets/path.h"
#include "assets/redirects.h"
#include "assets/resolution.h"
#include "assets/rule_pattern.h"
#include "assets/worker_first.h"
#include "base/check.h"
#include "http/codec/field_syntax.h"
#include "target.h"

namespace {

using namespace weir::assets;

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isWord(char c) { return isLetter(c) || (c >= '0' && c <= '9') || c == '_'; }

// The slow way: every way to split, the longest first. `steps` bounds it; 0 when it is used up.
bool matchSlowly(std::string_view pattern, std::string_view text, bool inHost, std::vector<std::string>& values,
                 int& steps) {
  if (--steps <= 0) return false;
  if (pattern.empty()) return text.empty();
  const bool splat = pattern.front() == '*';
  const bool name = pattern.front() == ':' && pattern.size() > 1 && isLetter(pattern[1]);
  if (!splat && !name) {
    if (text.empty() || text.front() != pattern.front()) return false;
    const bool stays = inHost && pattern.front() != '/';
    return matchSlowly(pattern.substr(1), text.substr(1), stays, values, steps);
  }
  size_t size = 1;
  while (name && size < pattern.size() && isWord(pattern[size])) ++size;
  size_t longest = 0;
  const std::string_view forbidden = splat ? "" : inHost ? "/." : "/";
  while (longest < text.size() && forbidden.find(text[longest]) == std::string_view::npos) ++longest;
  for (size_t take = longest + 1; take-- > (splat ? 0u : 1u);) {
    values.emplace_back(text.substr(0, take));
    if (matchSlowly(pattern.substr(size), text.substr(take), inHost, values, steps)) return true;
    values.pop_back();
    if (steps <= 0) return false;
  }
  return false;
}

void tryPattern(std::string_view pattern, std::string_view path) {
  const bool withHost = pattern.starts_with("https://");
  if (!withHost && !pattern.starts_with('/')) return;
  const auto parsed = RulePattern::parse(pattern);
  if (!parsed.ok()) {
    CHECK(!parsed.error().message.empty());
    return;
  }
  constexpr std::string_view kHost = "a.b.example";
  Captures captures;
  const bool matches = parsed->match(kHost, path, captures);
  std::vector<std::string> values;
  int steps = 5'000;
  // "https://" is no part of the host.
  const std::string text = withHost ? std::string(kHost) + std::string(path) : std::string(path);
  const bool slowly = matchSlowly(withHost ? pattern.substr(8) : pattern, text, withHost, values, steps);
  if (steps <= 0) return;
  CHECK(matches == slowly);
  if (!matches) return;
  CHECK(captures.size() == values.size());
  for (size_t i = 0; i < values.size(); ++i) CHECK(captures[i].value == values[i]);
}

bool globSlowly(std::string_view glob, std::string_view text, int& steps) {
  if (--steps <= 0) return false;
  if (glob.empty()) return text.empty();
  if (glob.front() != '*')
    return !text.empty() && text.front() == glob.front() && globSlowly(glob.substr(1), text.substr(1), steps);
  for (size_t take = 0; take <= text.size(); ++take) {
    if (globSlowly(glob.substr(1), text.substr(take), steps)) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view target = takeLine(rest).substr(0, 2'000);
  const std::string_view pattern = takeLine(rest).substr(0, 200);

  const std::string path = urlPath(target);
  CHECK(path.starts_with('/'));
  CHECK(urlPath(path) == path);
  if (isPlainPath(path))
    CHECK(path == target.substr(0, target.find('?')) || !isPlainPath(target.substr(0, target.find('?'))));
  const std::string decoded = decodePath(path);
  CHECK(decoded.starts_with('/'));
  CHECK(decoded.find("//") == std::string::npos);
  const std::string canonical = encodePath(decoded);
  CHECK(decodePath(canonical) == decoded || canonical.find('%') != std::string::npos);
  CHECK(weir::http::isTarget(canonical));
  if (isPlainPath(path)) CHECK(canonical == path);

  tryPattern(pattern, path.substr(0, 60));
  int steps = 5'000;
  const bool slowly = globSlowly(pattern, path, steps);
  if (steps > 0) CHECK(matchesGlob(pattern, path) == slowly);

  std::vector<RuleProblem> problems;
  const Redirects redirects = Redirects::parse(rest, true, problems);
  for (const auto& problem : problems) CHECK(problem.line > 0 && !problem.message.empty());
  if (const auto redirect = redirects.find(path)) {
    CHECK(redirect->status == 200 || (redirect->status >= 301 && redirect->status <= 308));
    CHECK(weir::http::isFieldValue(redirect->to));
  }
  problems.clear();
  const HeaderRules headers = HeaderRules::parse(rest, problems);
  weir::http::HeaderList list{{"etag", "x"}};
  headers.apply("a.b.example", path, list);
  for (const auto header : list) {
    CHECK(weir::http::isToken(header.name));
    CHECK(weir::http::isFieldValue(header.value));
  }
  return 0;
}
