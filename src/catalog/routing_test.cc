#include "catalog/routing.h"

#include <gtest/gtest.h>

#include <random>

#include "catalog/hostname.h"
#include "catalog/route_target.h"
#include "catalog/routing_model.h"

namespace weir::catalog {
namespace {

constexpr Scheme kHttp = Scheme::kHttp;
constexpr Scheme kHttps = Scheme::kHttps;

Account account(const std::string& id, const std::string& subdomain) {
  Account row;
  row.id = id;
  row.name = id;
  row.subdomain = subdomain;
  return row;
}

ScriptRow script(const std::string& account, const std::string& name, uint64_t number) {
  ScriptRow row;
  row.account = account;
  row.name = name;
  row.versions = {{number, "v" + std::to_string(number), kWholeShare}};
  return row;
}

Zone zone(const std::string& id, const std::string& account, const std::string& name) {
  Zone row;
  row.id = id;
  row.account = account;
  row.name = name;
  row.origin = Origin{false, "10.0.0.1", 80};
  return row;
}

Route route(const std::string& zone, const std::string& pattern, std::optional<std::string> script,
            bool failOpen = false) {
  return {zone + pattern, zone, pattern, std::move(script), failOpen};
}

// "script NAME", "origin of ZONE", or the kind.
std::string answer(const Match& match) {
  switch (match.kind) {
    case Match::Kind::kScript: return match.script->name;
    case Match::Kind::kOrigin: return "origin of " + match.zone->name;
    case Match::Kind::kNoScript: return "no script";
    case Match::Kind::kUndeployed: return "undeployed";
    case Match::Kind::kUnknownHost: return "unknown host";
    case Match::Kind::kIpAddress: return "ip address";
    case Match::Kind::kBadHost: return "bad host";
  }
  return "?";
}

RoutingRows exampleRows() {
  RoutingRows rows;
  rows.accounts = {account("acme", "acme"), account("other", "other")};
  for (const char* name : {"hello", "exact", "prefix", "whole", "secure", "sub", "ending", "apex", "all", "shop"}) {
    rows.scripts.push_back(script("acme", name, rows.scripts.size() + 1));
  }
  rows.scripts.push_back(script("other", "hello", 100));
  rows.zones = {zone("z1", "acme", "example.com"), zone("z2", "other", "eu.example.com"),
                zone("z3", "acme", "plain.org")};
  rows.routes = {
      route("z1", "www.example.com/*", "exact"),
      route("z1", "www.example.com/a/*", "prefix", true),
      route("z1", "www.example.com/a/b", "whole"),
      route("z1", "https://www.example.com/a/*", "secure"),
      route("z1", "www.example.com/a/open/*", std::nullopt),
      route("z1", "*.example.com/*", "sub"),
      route("z1", "*cdn.example.com/*", "ending"),
      route("z1", "*example.com/only", "apex"),
      route("z1", "gone.example.com/*", "missing"),
      route("z1", "*.eu.example.com/*", "sub"),
  };
  CustomDomain domain;
  domain.account = "acme";
  domain.hostname = "shop.plain.org";
  domain.script = "shop";
  rows.domains = {domain};
  return rows;
}

TEST(Routing, theMostSpecificRouteWins) {
  RoutingModel model({.hashSeed = 1});
  model.apply(exampleRows());
  const auto routing = model.build();
  const struct {
    const char* host;
    Scheme scheme;
    const char* target;
    const char* expected;
  } cases[] = {
      {"www.example.com", kHttp, "/", "exact"},
      {"www.example.com:8080", kHttp, "/x?y", "exact"},
      {"WWW.Example.COM", kHttp, "/", "exact"},
      {"www.example.com.", kHttp, "/", "exact"},
      {"www.example.com", kHttp, "/a/c", "prefix"},
      {"www.example.com", kHttps, "/a/c", "secure"},
      {"www.example.com", kHttp, "/a/b", "whole"},
      {"www.example.com", kHttps, "/a/b", "whole"},
      {"www.example.com", kHttp, "/a/b?q", "prefix"},
      {"www.example.com", kHttp, "/A/b", "exact"},
      {"www.example.com", kHttp, "/a/open/door", "origin of example.com"},
      {"www.example.com", kHttp, "/a/%6fpen/door", "origin of example.com"},
      {"www.example.com", kHttp, "/x/../a/b", "whole"},
      {"a.example.com", kHttp, "/", "sub"},
      {"a.b.example.com", kHttp, "/", "sub"},
      {"cdn.example.com", kHttp, "/", "ending"},
      {"mycdn.example.com", kHttp, "/", "ending"},
      {"a.mycdn.example.com", kHttp, "/", "ending"},
      {"cdnx.example.com", kHttp, "/", "sub"},
      {"example.com", kHttp, "/", "origin of example.com"},
      {"example.com", kHttp, "/only", "apex"},
      {"a.example.com", kHttp, "/only", "sub"},
      {"gone.example.com", kHttp, "/", "undeployed"},
      // The innermost zone decides, whatever patterns of the outer one say.
      {"eu.example.com", kHttp, "/", "origin of eu.example.com"},
      {"a.eu.example.com", kHttp, "/only", "origin of eu.example.com"},
      {"plain.org", kHttp, "/", "origin of plain.org"},
      {"deep.below.plain.org", kHttp, "/", "origin of plain.org"},
      {"shop.plain.org", kHttp, "/anything", "shop"},
      {"notplain.org", kHttp, "/", "unknown host"},
      {"org", kHttp, "/", "unknown host"},
      {"hello.acme.workers.dev", kHttp, "/", "hello"},
      {"hello.acme.workers.localhost:8787", kHttp, "/", "hello"},
      {"missing.acme.workers.dev", kHttp, "/", "no script"},
      {"shop.other.workers.dev", kHttp, "/", "no script"},
      {"acme.workers.dev", kHttp, "/", "no script"},
      {"a.hello.acme.workers.dev", kHttp, "/", "no script"},
      {"workers.dev", kHttp, "/", "no script"},
      {"127.0.0.1:8787", kHttp, "/", "ip address"},
      {"[::1]:8787", kHttp, "/", "ip address"},
      {"2130706433", kHttp, "/", "ip address"},
      {"", kHttp, "/", "unknown host"},
      {":80", kHttp, "/", "bad host"},
      {"a..example.com", kHttp, "/", "bad host"},
      {".example.com", kHttp, "/", "bad host"},
      {"a b.example.com", kHttp, "/", "bad host"},
      {"www.example.com", kHttp, "*", "exact"},
      {"www.example.com", kHttp, "", "exact"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(answer(routing->find(c.host, c.scheme, c.target)), c.expected) << c.host << c.target;
  EXPECT_EQ(std::size(cases), 47u);
  EXPECT_EQ(routing->scriptCount(), 11u);
  EXPECT_EQ(routing->zoneCount(), 3u);
}

TEST(Routing, aZoneWithinAPlatformDomainTakesNothing) {
  RoutingRows rows = exampleRows();
  rows.zones.push_back(zone("z4", "other", "acme.apps.example.com"));
  rows.zones.push_back(zone("z5", "other", "apps.example.com"));
  rows.zones.push_back(zone("z6", "other", "hello.acme.workers.dev"));
  for (const char* id : {"z4", "z5", "z6"}) rows.routes.push_back(route(id, "*/*", "hello"));
  rows.routes.push_back(route("z4", "hello.acme.apps.example.com/*", "hello"));
  CustomDomain domain;
  domain.account = "other";
  domain.hostname = "hello.acme.apps.example.com";
  domain.script = "hello";
  rows.domains.push_back(domain);
  RoutingModel model({.workersDomain = "apps.example.com", .hashSeed = 1});
  model.apply(rows);
  const auto routing = model.build();
  for (const char* host : {"hello.acme.apps.example.com", "hello.acme.workers.dev"}) {
    const auto match = routing->find(host, kHttp, "/");
    EXPECT_EQ(answer(match), "hello") << host;
    EXPECT_EQ(match.account->id, "acme") << host;
    EXPECT_TRUE(match.isWorkersDomain) << host;
  }
  EXPECT_EQ(answer(routing->find("acme.apps.example.com", kHttp, "/")), "no script");
  EXPECT_EQ(answer(routing->find("apps.example.com", kHttp, "/")), "no script");
  EXPECT_EQ(answer(routing->find("x.example.com", kHttp, "/")), "sub") << "the zone around it goes on";
}

TEST(Routing, previewsHaveDigitsOrAnAliasBeforeTheScriptsName) {
  RoutingRows rows;
  rows.accounts = {account("acme", "acme")};
  rows.scripts = {script("acme", "shop", 1), script("acme", "old-shop", 2), script("acme", "quiet", 3)};
  rows.scripts[0].previews = true;
  rows.scripts[0].aliases = {{"staging", 0xabcdef01}, {"very-new", 7}, {"deadbeef", 9}};
  rows.scripts[1].previews = true;
  rows.scripts[1].aliases = {{"very", 8}};
  rows.scripts[2].aliases = {{"staging", 5}};
  RoutingModel model({.hashSeed = 1});
  model.apply(rows);
  const auto routing = model.build();
  const auto asked = [&](const std::string& label) {
    const auto match = routing->find(label + ".acme.workers.dev", kHttp, "/");
    if (match.kind != Match::Kind::kScript) return answer(match);
    return match.script->name + (match.preview ? " " + std::to_string(*match.preview) : "");
  };
  EXPECT_EQ(asked("staging-shop"), "shop 2882400001");
  EXPECT_EQ(asked("0000000a-shop"), "shop 10");
  EXPECT_EQ(asked("deadbeef-shop"), "shop 9");  // an alias is what somebody chose
  EXPECT_EQ(asked("very-new-shop"), "shop 7");
  EXPECT_EQ(asked("very-old-shop"), "old-shop 8");
  EXPECT_EQ(asked("old-shop"), "old-shop");  // a script's own name comes first
  EXPECT_EQ(asked("staging-quiet"), "no script");
  EXPECT_EQ(asked("other-shop"), "no script");
  EXPECT_EQ(asked("-shop"), "no script");
}

TEST(Routing, aMatchSaysWhoseItIsAndWhatMayHappen) {
  RoutingModel model({.hashSeed = 1});
  model.apply(exampleRows());
  const auto routing = model.build();
  const auto open = routing->find("www.example.com", kHttp, "/a/c");
  EXPECT_TRUE(open.failOpen);
  EXPECT_TRUE(open.isRoute);
  EXPECT_EQ(open.account->id, "acme");
  EXPECT_EQ(open.zone->name, "example.com");
  EXPECT_EQ(open.script->versions[0].id, "v3");
  EXPECT_FALSE(routing->find("www.example.com", kHttp, "/").failOpen);
  const auto domain = routing->find("shop.plain.org", kHttp, "/");
  EXPECT_FALSE(domain.isRoute);
  EXPECT_EQ(domain.zone->name, "plain.org");
  EXPECT_EQ(routing->find("hello.other.workers.dev", kHttp, "/").account->id, "other");
  EXPECT_EQ(routing->find("hello.other.workers.dev", kHttp, "/").zone, nullptr);
  EXPECT_EQ(routing->find("a.eu.example.com", kHttp, "/").account->id, "other");
  EXPECT_EQ(routing->findScript("other", "hello")->versions[0].number, routedNumber(100));
  EXPECT_EQ(routing->findScript("other", "shop"), nullptr);
}

TEST(Routing, routesRunBeforeACustomDomain) {
  auto rows = exampleRows();
  rows.routes.push_back(route("z3", "shop.plain.org/log*", "hello"));
  rows.routes.push_back(route("z3", "shop.plain.org/logo", std::nullopt));
  RoutingModel model({.hashSeed = 1});
  model.apply(rows);
  const auto routing = model.build();
  const auto before = routing->find("shop.plain.org", kHttp, "/log");
  EXPECT_EQ(answer(before), "hello");
  ASSERT_NE(before.behind, nullptr);
  EXPECT_EQ(before.behind->name, "shop");
  EXPECT_EQ(answer(routing->find("shop.plain.org", kHttp, "/logo")), "shop");
  EXPECT_EQ(answer(routing->findBehindRoutes("shop.plain.org")), "shop");
  EXPECT_EQ(answer(routing->findBehindRoutes("www.example.com")), "origin of example.com");
}

TEST(Routing, aChangeShowsInTheNextSnapshotOnly) {
  RoutingModel model({.hashSeed = 1});
  model.apply(exampleRows());
  const auto before = model.build();

  RoutingRows change;
  change.whole = false;
  change.changes = {{ChangeKind::kScript, "acme/hello"},
                    {ChangeKind::kZone, "z1"},
                    {ChangeKind::kDomain, "shop.plain.org"},
                    {ChangeKind::kAccount, "other"}};
  change.scripts = {script("acme", "hello", 77)};
  change.zones = {zone("z1", "acme", "example.com")};
  change.routes = {route("z1", "www.example.com/*", "hello")};
  auto suspended = account("other", "elsewhere");
  suspended.suspended = true;
  change.accounts = {suspended};
  model.apply(change);
  const auto after = model.build();

  EXPECT_EQ(answer(before->find("www.example.com", kHttp, "/a/b")), "whole");
  EXPECT_EQ(answer(after->find("www.example.com", kHttp, "/a/b")), "hello");
  EXPECT_EQ(before->find("hello.acme.workers.dev", kHttp, "/").script->versions[0].number, routedNumber(1));
  EXPECT_EQ(after->find("hello.acme.workers.dev", kHttp, "/").script->versions[0].number, routedNumber(77));
  EXPECT_EQ(answer(after->find("a.example.com", kHttp, "/")), "origin of example.com");
  EXPECT_EQ(answer(after->find("shop.plain.org", kHttp, "/")), "origin of plain.org");
  EXPECT_EQ(answer(after->find("hello.other.workers.dev", kHttp, "/")), "no script");
  EXPECT_TRUE(after->find("hello.elsewhere.workers.dev", kHttp, "/").account->suspended);
  EXPECT_EQ(after->find("hello.elsewhere.workers.dev", kHttp, "/").account->meter,
            before->find("hello.other.workers.dev", kHttp, "/").account->meter);
  EXPECT_GT(after->generation(), before->generation());
  // A slot belongs to one version, and those in use are listed.
  const auto slots = after->versionSlots();
  const auto& version = after->find("hello.acme.workers.dev", kHttp, "/").script->versions[0];
  EXPECT_EQ(slots[version.slot], routedNumber(77));
  EXPECT_EQ(std::count(slots.begin(), slots.end(), routedNumber(1)), 0);

  // What a removed script was named by stays; the script coming back is found again.
  RoutingRows gone;
  gone.whole = false;
  gone.changes = {{ChangeKind::kScript, "acme/hello"}};
  model.apply(gone);
  EXPECT_EQ(answer(model.build()->find("www.example.com", kHttp, "/")), "undeployed");
  gone.scripts = {script("acme", "hello", 78)};
  model.apply(gone);
  EXPECT_EQ(answer(model.build()->find("www.example.com", kHttp, "/")), "hello");

  model.apply(RoutingRows{});
  const auto empty = model.build();
  EXPECT_EQ(answer(empty->find("www.example.com", kHttp, "/")), "unknown host");
  EXPECT_EQ(empty->scriptCount(), 0u);
  EXPECT_EQ(answer(before->find("www.example.com", kHttp, "/a/b")), "whole");
}

TEST(Routing, configuredScriptsHideTheCatalogsAndServeEveryHostWhenAsked) {
  RoutingModel model({.hashSeed = 1});
  model.apply(exampleRows());
  model.configure({"acme", {{"hello", 1'001, "configured"}}, {}});
  auto routing = model.build();
  EXPECT_EQ(routing->find("hello.acme.workers.dev", kHttp, "/").script->versions[0].number, 1'001u);
  model.configure({"acme", {}, {}});
  routing = model.build();
  EXPECT_EQ(routing->find("hello.acme.workers.dev", kHttp, "/").script->versions[0].number, routedNumber(1));

  RoutingModel alone({.hashSeed = 1});
  alone.configure({"nobody", {{"dev", 5, "x"}}, "dev"});
  routing = alone.build();
  EXPECT_EQ(answer(routing->find("127.0.0.1", kHttp, "/")), "dev");
  EXPECT_EQ(answer(routing->find("anything at all", kHttp, "/")), "dev");
  alone.configure({"nobody", {{"one", 7, "y"}, {"two", 9, "z"}}, {}});
  routing = alone.build();
  EXPECT_EQ(answer(routing->find("one.local.workers.localhost", kHttp, "/")), "one");
  EXPECT_EQ(answer(routing->find("dev.local.workers.localhost", kHttp, "/")), "no script");
}

TEST(Routing, sharesDecideWhichVersionAndKeysStick) {
  RoutedScript script;
  script.versions = {{1, "a", 0, 3'000}, {2, "b", 1, 10'000}};
  int first = 0;
  for (uint64_t key = 0; key < 10'000; ++key) {
    const auto* version = script.pick(key);
    EXPECT_EQ(version, script.pick(key));
    first += version->number == 1;
  }
  EXPECT_NEAR(first, 3'000, 150);
  script.versions.clear();
  EXPECT_EQ(script.pick(1), nullptr);
}

// Every answer compared with one that looks at all routes.
TEST(Routing, agreesWithLookingAtEveryRoute) {
  std::mt19937 random(5);
  const auto pick = [&](const auto& list) { return list[random() % std::size(list)]; };
  const std::vector<std::string> hosts = {"a.io",      "b.a.io",  "c.b.a.io", "bb.a.io",
                                          "x.bb.a.io", "xb.a.io", "q.io",     "b.q.io"};
  const std::vector<std::string> paths = {"/", "/a", "/ab", "/a/b", "/b", "/a?x"};
  int matched = 0;
  int compared = 0;
  for (int round = 0; round < 300; ++round) {
    RoutingRows rows;
    rows.accounts = {account("acme", "acme")};
    rows.zones = {zone("z1", "acme", "a.io"), zone("z2", "acme", "q.io")};
    if (round % 2 == 0) rows.zones.push_back(zone("z3", "acme", "b.a.io"));
    std::set<std::string> seen;
    for (int i = 0; i < 12; ++i) {
      const auto& owner = rows.zones[random() % rows.zones.size()];
      const std::string host = pick(hosts);
      if (!isInZone(host, owner.name)) continue;
      constexpr std::string_view kSchemes[] = {"", "", "http://", "https://"};
      constexpr std::string_view kStars[] = {"", "*", "*."};
      std::string pattern = std::string(pick(kSchemes)) + (random() % 12 == 0 ? "*" : std::string(pick(kStars)) + host);
      pattern += paths[random() % 5];
      if (random() % 2 == 0) pattern += "*";
      if (!seen.insert(owner.id + pattern).second) continue;
      std::optional<std::string> target = "s" + std::to_string(i);
      rows.scripts.push_back(script("acme", *target, static_cast<uint64_t>(i) + 1));
      if (random() % 6 == 0) target.reset();
      rows.routes.push_back(route(owner.id, pattern, target));
    }
    RoutingModel model({.hashSeed = random()});
    model.apply(rows);
    EXPECT_EQ(model.unreadable(), 0u);
    const auto routing = model.build();
    for (const auto& host : hosts) {
      for (const auto& target : paths) {
        for (const Scheme scheme : {kHttp, kHttps}) {
          const Zone* owner = nullptr;
          for (const auto& row : rows.zones) {
            if (isInZone(host, row.name) && (owner == nullptr || row.name.size() > owner->name.size())) owner = &row;
          }
          const Route* best = nullptr;
          std::tuple<int, size_t, size_t, int, int> bestRank;
          for (const auto& candidate : rows.routes) {
            if (candidate.zone != owner->id) continue;
            const auto p = *parseRoutePattern(candidate.pattern, owner->name);
            if (p.schemes != RoutePattern::Schemes::kBoth && static_cast<int>(p.schemes) != static_cast<int>(scheme))
              continue;
            if (p.hosts == RoutePattern::Hosts::kOne && host != p.host) continue;
            if (p.hosts == RoutePattern::Hosts::kBelow && !host.ends_with("." + p.host)) continue;
            if (p.hosts == RoutePattern::Hosts::kEnding && !host.ends_with(p.host)) continue;
            if (p.pathPrefix ? !target.starts_with(p.path) : target != p.path) continue;
            const size_t hostSize = p.host.size() + (p.hosts == RoutePattern::Hosts::kBelow ? 1 : 0);
            const std::tuple rank{p.hosts == RoutePattern::Hosts::kOne ? 1 : 0, hostSize, p.path.size(),
                                  p.pathPrefix ? 0 : 1, p.schemes == RoutePattern::Schemes::kBoth ? 0 : 1};
            if (best == nullptr || rank > bestRank) {
              best = &candidate;
              bestRank = rank;
            }
          }
          const std::string expected = best != nullptr && best->script ? *best->script : "origin of " + owner->name;
          ASSERT_EQ(answer(routing->find(host, scheme, target)), expected)
              << host << target << " best " << (best ? best->pattern : "none");
          matched += best != nullptr;
          ++compared;
        }
      }
    }
  }
  EXPECT_EQ(compared, 300 * 8 * 6 * 2);
  EXPECT_GT(matched, 5'000);
}

TEST(Routing, hostileHostsAndTargetsAreAnswered) {
  RoutingModel model({.hashSeed = 9});
  model.apply(exampleRows());
  const auto routing = model.build();
  std::string labels;
  for (int i = 0; i < 120; ++i) labels += "a.";
  EXPECT_EQ(answer(routing->find(labels + "example.com", kHttp, "/")), "sub");
  EXPECT_EQ(answer(routing->find(labels + labels + "example.com", kHttp, "/")), "bad host");
  EXPECT_EQ(answer(routing->find(std::string(70, 'a') + "cdn.example.com", kHttp, "/")), "ending");
  EXPECT_EQ(answer(routing->find("www.example.com", kHttp, "/" + std::string(16'000, '%'))), "exact");
  std::string climbing = "/a";
  while (climbing.size() < 16'000) climbing += "/..";
  EXPECT_EQ(answer(routing->find("www.example.com", kHttp, climbing + "/a/b")), "whole");
  EXPECT_EQ(answer(routing->find("www.example.com", kHttp, std::string(100'000, '/'))), "exact");
  std::mt19937 random(1);
  int kinds[7] = {};
  for (int i = 0; i < 50'000; ++i) {
    std::string host;
    for (size_t n = random() % 40; n > 0; --n) host += "abz.-_:[]019\xff\0%"[random() % 15];
    std::string target;
    for (size_t n = random() % 20; n > 0; --n) target += "/.%2e\\?a"[random() % 8];
    ++kinds[static_cast<size_t>(routing->find(host, kHttp, target).kind)];
  }
  EXPECT_GT(kinds[static_cast<size_t>(Match::Kind::kBadHost)], 1'000);
  EXPECT_GT(kinds[static_cast<size_t>(Match::Kind::kUnknownHost)], 100);
}

}  // namespace
}  // namespace weir::catalog
