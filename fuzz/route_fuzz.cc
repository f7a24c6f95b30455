// Routing: the same answer as looking at every route would give, whatever host and path; targets and patterns have one
// spelling; the loop counter never grows. Input: lines of a host, a target, a route pattern and a CF-EW-Via.
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/check.h"
#include "catalog/hostname.h"
#include "catalog/route_target.h"
#include "catalog/routing_model.h"
#include "edge/forwarding.h"
#include "edge/loop_counter.h"
#include "target.h"

namespace {

using namespace weir;
using namespace weir::catalog;

struct World {
  RoutingRows rows;
  std::vector<RoutePattern> patterns;  // of rows.routes
  std::shared_ptr<const Routing> routing;
};

const World& world() {
  static const World made = [] {
    World world;
    Account account;
    account.id = account.name = "acme";
    account.subdomain = "local";
    world.rows.accounts = {account};
    for (const char* name : {"a.io", "b.a.io", "q.io"}) {
      Zone zone;
      zone.id = zone.name = name;
      zone.account = "acme";
      world.rows.zones.push_back(zone);
    }
    const std::pair<const char*, const char*> routes[] = {
        {"a.io", "a.io/*"},        {"a.io", "a.io/a"},     {"a.io", "https://a.io/a*"},
        {"a.io", "*.a.io/*"},      {"a.io", "*a.io/x"},    {"a.io", "*c.a.io/a/*"},
        {"a.io", "cc.a.io/*"},     {"a.io", "*.b.a.io/*"}, {"b.a.io", "b.a.io/a/b"},
        {"b.a.io", "*b.a.io/a/*"}, {"q.io", "*/*"},        {"q.io", "http://q.io/%61b*"},
        {"q.io", "x.y.q.io/a"}};
    for (const auto& [zone, pattern] : routes) {
      const std::string name = "s" + std::to_string(world.rows.routes.size());
      Route route{name, zone, pattern, name, false};
      if (world.rows.routes.size() % 5 == 4) route.script.reset();
      ScriptRow script;
      script.account = "acme";
      script.name = name;
      script.versions = {{world.rows.routes.size() + 1, name, kWholeShare}};
      world.rows.scripts.push_back(script);
      world.rows.routes.push_back(route);
      world.patterns.push_back(parseRoutePattern(pattern, zone).value());
    }
    RoutingModel model({.hashSeed = 7});
    model.apply(world.rows);
    world.routing = model.build();
    return world;
  }();
  return made;
}

std::string normal(std::string_view target) {
  std::vector<char> room(target.size() + 1);
  return std::string(normalizeTarget(target, room));
}

void checkMatch(std::string_view authority, std::string_view target, Scheme scheme) {
  const auto match = world().routing->find(authority, scheme, target);
  // A host as people would read it, with neither port nor the root's dot.
  const auto host = normalizeHostname(authority.substr(0, authority.find(':')));
  const Zone* owner = nullptr;
  for (const auto& zone : world().rows.zones) {
    if (host && isInZone(*host, zone.name) && (owner == nullptr || zone.name.size() > owner->name.size()))
      owner = &zone;
  }
  // What routing takes for a host but the catalog does not (a label that begins with a dash) may lie in a zone as well.
  if (owner == nullptr) {
    if (host) CHECK(match.zone == nullptr);
    return;
  }
  CHECK(match.zone != nullptr);
  CHECK(match.zone->name == owner->name);
  const std::string path = target.empty() || target == "*" ? "/" : normal(target);
  const Route* best = nullptr;
  std::tuple<int, size_t, size_t, int, int> bestRank;
  for (size_t i = 0; i < world().patterns.size(); ++i) {
    const auto& p = world().patterns[i];
    if (world().rows.routes[i].zone != owner->id) continue;
    if (p.schemes != RoutePattern::Schemes::kBoth && static_cast<int>(p.schemes) != static_cast<int>(scheme)) continue;
    if (p.hosts == RoutePattern::Hosts::kOne && *host != p.host) continue;
    if (p.hosts == RoutePattern::Hosts::kBelow && !host->ends_with("." + p.host)) continue;
    if (p.hosts == RoutePattern::Hosts::kEnding && !host->ends_with(p.host)) continue;
    if (p.pathPrefix ? !path.starts_with(p.path) : path != p.path) continue;
    const std::tuple rank{p.hosts == RoutePattern::Hosts::kOne ? 1 : 0,
                          p.host.size() + (p.hosts == RoutePattern::Hosts::kBelow ? 1 : 0), p.path.size(),
                          p.pathPrefix ? 0 : 1, p.schemes == RoutePattern::Schemes::kBoth ? 0 : 1};
    if (best != nullptr && rank <= bestRank) continue;
    best = &world().rows.routes[i];
    bestRank = rank;
  }
  if (best == nullptr || !best->script) {
    CHECK(match.kind == Match::Kind::kOrigin);
  } else {
    CHECK(match.kind == Match::Kind::kScript);
    CHECK(match.script->name == *best->script);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&] {
    const size_t end = rest.find('\n');
    const auto text = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return text;
  };
  const auto host = line();
  const auto target = line().substr(0, 16 * 1024);
  const auto pattern = line();
  const auto via = line();

  checkMatch(host, target, Scheme::kHttp);
  checkMatch(host, target, Scheme::kHttps);

  const std::string once = normal(target);
  CHECK(once.size() <= target.size() + (target.starts_with('/') ? 0 : 1));
  CHECK(normal(once) == once);
  if (isNormalTarget(target)) CHECK(once == target);

  const auto parsed = parseRoutePattern(pattern, "a.io");
  if (parsed.ok()) {
    const auto again = parseRoutePattern(formatRoutePattern(*parsed), "a.io");
    CHECK(again.ok());
    CHECK(*again == *parsed);
  }

  http::HeaderList headers{{"cf-ew-via", via}, {"cdn-loop", via}};
  const uint8_t left = edge::invocationsLeft(headers);
  CHECK(left <= edge::kInvocationsMax);
  edge::countDown(headers, left);
  CHECK(edge::invocationsLeft(headers) == (left > 0 ? left - 1 : 0));
  (void)edge::forwardings(headers);
  return 0;
}
