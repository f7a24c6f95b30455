#include "control/api_router.h"

#include "base/hex.h"

namespace weir::control {

namespace {

constexpr size_t kSegmentsMax = 24;
constexpr size_t kQueryMax = 128;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    const size_t end = path.find('/');
    if (end != 0) segments.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
  }
  return segments;
}

std::string_view withoutLeadingSlashes(std::string_view target) {
  while (target.starts_with("//")) target.remove_prefix(1);
  return target;
}

}  // namespace

std::optional<std::string> decodePercent(std::string_view text, bool plusIsSpace) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? base::hexValue(text[i + 1]) : -1;
      const int low = high < 0 ? -1 : base::hexValue(text[i + 2]);
      if (low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plusIsSpace) c = ' ';
    if (c == '\0') return std::nullopt;
    out += c;
  }
  return out;
}

ApiRouter::ApiRouter(std::vector<Endpoint> endpoints) : endpoints_(std::move(endpoints)) {
  for (const auto& endpoint : endpoints_) {
    const std::string_view pattern = endpoint.pattern;
    patterns_.push_back(split(pattern.substr(0, pattern.find('?'))));
  }
}

bool ApiRouter::owns(std::string_view target) {
  target = withoutLeadingSlashes(target);
  if (!target.starts_with(kBase)) return false;
  target.remove_prefix(kBase.size());
  return target.empty() || target[0] == '/' || target[0] == '?';
}

ApiTry<ApiRouter::Match> ApiRouter::match(std::string_view method, std::string_view target) const {
  if (method == "HEAD") method = "GET";
  target = withoutLeadingSlashes(target).substr(kBase.size());
  const size_t mark = target.find('?');
  std::string_view query = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  const auto segments = split(target.substr(0, mark));
  if (segments.size() > kSegmentsMax) return noRoute();

  const Endpoint* found = nullptr;
  const std::vector<std::string_view>* pattern = nullptr;
  size_t literals = 0;
  bool pathKnown = false;
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    const auto& wanted = patterns_[i];
    if (wanted.size() != segments.size()) continue;
    size_t same = 0;
    bool fits = true;
    for (size_t at = 0; fits && at < wanted.size(); ++at) {
      if (wanted[at][0] == ':') continue;
      fits = wanted[at] == segments[at];
      ++same;
    }
    if (!fits) continue;
    pathKnown = true;
    // Where two patterns fit, the one that says more of the path.
    if (method != endpoints_[i].method || (found != nullptr && same <= literals)) continue;
    found = &endpoints_[i];
    pattern = &wanted;
    literals = same;
  }
  if (found == nullptr) return pathKnown ? methodNotAllowed() : noRoute();

  Match match{found, {}, {}};
  for (size_t at = 0; at < segments.size(); ++at) {
    if ((*pattern)[at][0] != ':') continue;
    const std::string_view name = (*pattern)[at].substr(1);
    auto value = decodePercent(segments[at], false);
    if (!value) return malformedParameter(name);
    match.parameters.emplace_back(name, std::move(*value));
  }
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    auto name = decodePercent(pair.substr(0, equals), true);
    auto value = decodePercent(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (!name || !value || match.query.size() >= kQueryMax) return malformedParameter("query");
    match.query.emplace_back(std::move(*name), std::move(*value));
  }
  return match;
}

}  // namespace weir::control
