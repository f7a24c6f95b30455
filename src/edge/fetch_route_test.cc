#include "edge/fetch_route.h"

#include <gtest/gtest.h>

#include "catalog/routing_model.h"

namespace weir::edge {
namespace {

using Way = FetchRoute::Way;

catalog::Account account(const char* id) {
  catalog::Account row;
  row.id = row.name = id;
  row.subdomain = id;
  return row;
}

catalog::Zone zone(const char* id, const char* owner, const char* name, bool hasOrigin = true) {
  catalog::Zone row;
  row.id = id;
  row.account = owner;
  row.name = name;
  if (hasOrigin) row.origin = catalog::Origin{false, "10.0.0.1", 80};
  return row;
}

catalog::CustomDomain domain(const char* hostname, const char* script) {
  catalog::CustomDomain row;
  row.account = "acme";
  row.hostname = hostname;
  row.script = script;
  return row;
}

class FetchRouteTest : public testing::Test {
 protected:
  FetchRouteTest() {
    catalog::RoutingRows rows;
    rows.accounts = {account("acme"), account("other")};
    rows.zones = {zone("1", "acme", "example.com"), zone("2", "acme", "empty.org", false),
                  zone("3", "other", "other.net")};
    rows.routes = {{"1", "1", "example.com/*", "one", false},       {"2", "1", "two.example.com/*", "two", false},
                   {"3", "1", "gone.example.com/*", "gone", false}, {"4", "1", "shop.example.com/*", "one", false},
                   {"5", "2", "empty.org/*", "one", false},         {"6", "3", "other.net/*", "theirs", false}};
    rows.domains = {domain("shop.example.com", "two"), domain("app.example.com", "two"), domain("alone.io", "gone")};
    rows.scripts = {{"acme", "one", false, true, {{1, "v1", catalog::kWholeShare}}},
                    {"acme", "two", false, true, {{2, "v2", catalog::kWholeShare}}},
                    {"other", "theirs", false, true, {{3, "v3", catalog::kWholeShare}}}};
    model_.apply(rows);
    routing_ = model_.build();
  }
  FetchRoute ask(const char* url, const char* from = "example.com", bool strictlyPublic = false) {
    return routeFetch(*routing_, {from, "acme", "one", strictlyPublic}, *http::Url::parse(url));
  }

  catalog::RoutingModel model_{{.hashSeed = 1}};
  std::shared_ptr<const catalog::Routing> routing_;
};

TEST_F(FetchRouteTest, whatIsNobodysGoesOut) {
  EXPECT_EQ(ask("https://www.example.org/").way, Way::kNetwork);
  EXPECT_EQ(ask("http://10.0.0.1/").way, Way::kNetwork);
}

TEST_F(FetchRouteTest, theOwnZoneIsItsOrigin) {
  for (const char* url : {"http://example.com/", "https://example.com:444/x", "http://deep.below.example.com/"}) {
    const auto route = ask(url);
    EXPECT_EQ(route.way, Way::kOrigin) << url;
    EXPECT_TRUE(route.sameZone);
    EXPECT_EQ(route.zone->name, "example.com");
  }
  const auto none = ask("http://empty.org/", "empty.org");
  EXPECT_EQ(none.way, Way::kError);
  EXPECT_EQ(none.errorCode, 523);
}

TEST_F(FetchRouteTest, anotherScriptsRouteInTheOwnZoneIs1042) {
  for (const char* url : {"http://two.example.com/", "http://gone.example.com/"}) {
    EXPECT_EQ(ask(url).way, Way::kError) << url;
    EXPECT_EQ(ask(url).errorCode, 1042) << url;
  }
  EXPECT_EQ(ask("http://two.example.com/", "empty.org").way, Way::kFrontDoor);
}

TEST_F(FetchRouteTest, theOwnAccountsWorkersDomainIs1042) {
  EXPECT_EQ(ask("http://one.acme.workers.dev/", "acme.workers.dev").errorCode, 1042);
  EXPECT_EQ(ask("http://two.acme.workers.dev/").errorCode, 1042);
  EXPECT_EQ(ask("http://theirs.other.workers.dev/").way, Way::kFrontDoor);
  EXPECT_EQ(ask("http://nobody.acme.workers.dev/").way, Way::kFrontDoor);
}

TEST_F(FetchRouteTest, aCustomDomainIsItsScript) {
  const auto route = ask("http://app.example.com/");
  EXPECT_EQ(route.way, Way::kFrontDoor);
  EXPECT_TRUE(route.sameZone);
  EXPECT_EQ(ask("http://shop.example.com/").way, Way::kBehind);
  EXPECT_EQ(ask("http://alone.io/").way, Way::kFrontDoor);
}

TEST_F(FetchRouteTest, otherZonesAreReachedAsByAnybody) {
  const auto theirs = ask("http://other.net/");
  EXPECT_EQ(theirs.way, Way::kFrontDoor);
  EXPECT_FALSE(theirs.sameZone);
  const auto plain = ask("http://sub.other.net/");
  EXPECT_EQ(plain.way, Way::kOrigin);
  EXPECT_FALSE(plain.sameZone);
}

TEST_F(FetchRouteTest, strictlyPublicIsTheFrontDoorEverywhere) {
  for (const char* url : {"http://example.com/", "http://two.example.com/", "http://shop.example.com/",
                          "http://one.acme.workers.dev/", "http://other.net/"}) {
    EXPECT_EQ(ask(url, "example.com", true).way, Way::kFrontDoor) << url;
  }
  EXPECT_EQ(ask("http://www.example.org/", "example.com", true).way, Way::kNetwork);
}

}  // namespace
}  // namespace weir::edge
