#include "catalog/zone_routes.h"

#include <array>
#include <map>

#include "base/check.h"

namespace weir::catalog {

ZoneRoutes::ZoneRoutes(std::string_view zone, const std::vector<CompiledRoute>& routes,
                       const std::function<uint64_t(std::string_view)>& hashOf) {
  using Group = std::vector<const CompiledRoute*>;
  std::map<std::string, Group, std::less<>> hosts;
  std::map<std::string, std::map<std::string, Group>, std::less<>> suffixes;  // name → reversed tail → routes
  Group ending;
  Group all;
  for (const auto& route : routes) {
    const auto& pattern = route.pattern;
    switch (pattern.hosts) {
      case RoutePattern::Hosts::kOne: hosts[pattern.host].push_back(&route); break;
      case RoutePattern::Hosts::kBelow: suffixes[pattern.host][""].push_back(&route); break;
      case RoutePattern::Hosts::kEnding: {
        if (pattern.host == zone) {
          ending.push_back(&route);
          break;
        }
        const size_t dot = pattern.host.find('.');
        CHECK(dot != std::string::npos);  // it is longer than its zone
        suffixes[pattern.host.substr(dot + 1)]
                [std::string(pattern.host.rend() - static_cast<ptrdiff_t>(dot), pattern.host.rend())]
                    .push_back(&route);
        break;
      }
      case RoutePattern::Hosts::kAll: all.push_back(&route); break;
    }
  }
  for (const auto& [name, group] : hosts) {
    const uint32_t at = keep(name);
    hosts_.push_back({at, static_cast<uint32_t>(name.size()), hashOf(name), addPaths(group)});
  }
  for (const auto& [name, tails] : suffixes) {
    const auto begin = static_cast<uint32_t>(tails_.size());
    for (const auto& [tail, group] : tails) {
      Tail entry{keep(tail), static_cast<uint32_t>(tail.size()), kNoPrefix, {}};
      entry.paths = addPaths(group);
      tails_.push_back(entry);
    }
    linkPrefixes(std::span(tails_).subspan(begin), [&](const Tail& tail) { return text(tail.at, tail.size); });
    const uint32_t at = keep(name);
    suffixes_.push_back(
        {at, static_cast<uint32_t>(name.size()), hashOf(name), begin, static_cast<uint32_t>(tails_.size())});
  }
  ending_ = addPaths(ending);
  all_ = addPaths(all);
  text_.shrink_to_fit();
  paths_.shrink_to_fit();
  actions_.shrink_to_fit();
}

uint32_t ZoneRoutes::keep(std::string_view text) {
  const auto at = static_cast<uint32_t>(text_.size());
  text_ += text;
  return at;
}

ZoneRoutes::Paths ZoneRoutes::addPaths(std::span<const CompiledRoute* const> routes) {
  Paths range{static_cast<uint32_t>(paths_.size()), 0};
  std::map<std::string_view, Path> byText;
  for (const auto* route : routes) {
    const auto [at, fresh] = byText.try_emplace(route->pattern.path);
    if (fresh) {
      at->second.at = keep(route->pattern.path);
      at->second.size = static_cast<uint32_t>(route->pattern.path.size());
    }
    auto& slot =
        (route->pattern.pathPrefix ? at->second.prefix : at->second.whole)[static_cast<size_t>(route->pattern.schemes)];
    slot = static_cast<uint32_t>(actions_.size());
    actions_.push_back(route->action);
  }
  for (const auto& [path, entry] : byText) paths_.push_back(entry);
  range.end = static_cast<uint32_t>(paths_.size());
  linkPrefixes(std::span(paths_).subspan(range.begin), [&](const Path& path) { return text(path.at, path.size); });
  return range;
}

const RouteAction* ZoneRoutes::findPath(Paths range, Scheme scheme, std::string_view target) const {
  const auto paths = std::span(paths_).subspan(range.begin, range.end - range.begin);
  const auto one = static_cast<size_t>(scheme);
  constexpr auto kBoth = static_cast<size_t>(RoutePattern::Schemes::kBoth);
  const auto choose = [&](const uint32_t(&actions)[3]) -> const RouteAction* {
    const uint32_t index = actions[one] != kNone ? actions[one] : actions[kBoth];
    return index == kNone ? nullptr : &actions_[index];
  };
  const auto textOf = [&](const Path& path) { return text(path.at, path.size); };
  for (int32_t at = findLongestPrefix(paths, target, textOf); at >= 0; at = paths[static_cast<size_t>(at)].parent) {
    const Path& path = paths[static_cast<size_t>(at)];
    if (path.size == target.size()) {
      if (const auto* action = choose(path.whole)) return action;
    }
    if (const auto* action = choose(path.prefix)) return action;
  }
  return nullptr;
}

const RouteAction* ZoneRoutes::findBelow(uint32_t suffix, std::string_view label, Scheme scheme,
                                         std::string_view target) const {
  const auto tails =
      std::span(tails_).subspan(suffixes_[suffix].begin, suffixes_[suffix].end - suffixes_[suffix].begin);
  std::array<char, 64> room;
  const size_t size = std::min(label.size(), room.size());
  for (size_t i = 0; i < size; ++i) room[i] = label[label.size() - 1 - i];
  const auto textOf = [&](const Tail& tail) { return text(tail.at, tail.size); };
  for (int32_t at = findLongestPrefix(tails, std::string_view(room.data(), size), textOf); at >= 0;
       at = tails[static_cast<size_t>(at)].parent) {
    if (const auto* action = findPath(tails[static_cast<size_t>(at)].paths, scheme, target)) return action;
  }
  return nullptr;
}

const RouteAction* ZoneRoutes::findAnywhere(Scheme scheme, std::string_view target) const {
  if (const auto* action = findPath(ending_, scheme, target)) return action;
  return findPath(all_, scheme, target);
}

}  // namespace weir::catalog
