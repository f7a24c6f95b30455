#include "catalog/route_pattern.h"

#include <vector>

#include "catalog/hostname.h"
#include "catalog/route_target.h"

namespace weir::catalog {

namespace {

Error bad(std::string_view text, const std::string& why) {
  return {Situation::kBadRoute, "route pattern " + shown(text) + ": " + why};
}

}  // namespace

Result<RoutePattern> parseRoutePattern(std::string_view text, std::string_view zone) {
  const std::string_view whole = text;
  RoutePattern pattern;
  if (text.empty())
    return Error{Situation::kBadRoute, "a route pattern is missing: write one like " + std::string(zone) + "/*"};
  if (beginsWithScheme(text, "https://")) {
    pattern.schemes = RoutePattern::Schemes::kHttps;
    text.remove_prefix(8);
  } else if (beginsWithScheme(text, "http://")) {
    pattern.schemes = RoutePattern::Schemes::kHttp;
    text.remove_prefix(7);
  } else if (const size_t at = text.find("://"); at != std::string_view::npos && at + 1 == text.find('/')) {
    return bad(whole, "the scheme must be http:// or https://, or be left out for both");
  }
  const size_t slash = text.find('/');
  std::string_view host = text.substr(0, slash);
  const std::string_view path = slash == std::string_view::npos ? std::string_view("/") : text.substr(slash);

  if (host == "*") {
    pattern.hosts = RoutePattern::Hosts::kAll;
  } else {
    if (host.starts_with("*.")) {
      pattern.hosts = RoutePattern::Hosts::kBelow;
      host.remove_prefix(2);
    } else if (host.starts_with('*')) {
      pattern.hosts = RoutePattern::Hosts::kEnding;
      host.remove_prefix(1);
    }
    if (host.find('*') != std::string_view::npos) return bad(whole, "in a host, * may only be the first character");
    if (host.find(':') != std::string_view::npos)
      return bad(whole, "a route has no port; it matches requests to every port");
    const auto normal = normalizeHostname(host);
    if (!normal) return bad(whole, "its host is no host name; write international names in their xn-- form");
    pattern.host = *normal;
    if (!isInZone(pattern.host, zone)) return bad(whole, "its host is not in the zone " + std::string(zone));
  }

  std::string_view fixed = path;
  if (fixed.ends_with('*')) {
    pattern.pathPrefix = true;
    fixed.remove_suffix(1);
  }
  if (fixed.find('*') != std::string_view::npos) return bad(whole, "in a path, * may only be the last character");
  if (fixed.find('?') != std::string_view::npos) {
    return bad(whole, "a route cannot name a query string; end its path with * to match any");
  }
  if (fixed.find('#') != std::string_view::npos)
    return bad(whole, "a route cannot name a fragment; servers never see one");
  if (fixed.size() > kRoutePathBytesMax)
    return bad(whole, "its path is longer than " + std::to_string(kRoutePathBytesMax) + " bytes");
  for (const char c : fixed) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad(whole, "its path holds a control character");
  }
  // Dots right before the wildcard are the beginning of a segment, not a segment: something behind them keeps them.
  const std::string closed = std::string(fixed) + (pattern.pathPrefix ? "x" : "");
  std::vector<char> room(closed.size() + 1);
  pattern.path = std::string(normalizeTarget(closed, room));
  if (pattern.pathPrefix) pattern.path.pop_back();
  return pattern;
}

std::string formatRoutePattern(const RoutePattern& pattern) {
  std::string text;
  if (pattern.schemes == RoutePattern::Schemes::kHttp) text = "http://";
  if (pattern.schemes == RoutePattern::Schemes::kHttps) text = "https://";
  if (pattern.hosts != RoutePattern::Hosts::kOne) text += '*';
  if (pattern.hosts == RoutePattern::Hosts::kBelow) text += '.';
  text += pattern.host + pattern.path;
  if (pattern.pathPrefix) text += '*';
  return text;
}

}  // namespace weir::catalog
