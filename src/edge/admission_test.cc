#include "edge/admission.h"

#include <gtest/gtest.h>

#include "catalog/routing_model.h"

namespace weir::edge {
namespace {

using namespace std::chrono_literals;
using Way = Admission::Way;

class FakeClock final : public base::Clock {
 public:
  base::Instant now() const override { return base::Instant{1'000s}; }
  double wallMs() const override { return wall; }
  double wall = 20'000 * 86'400'000.0;
};

// One account with a zone whose routes fail open and closed.
class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() {
    account_.id = account_.name = "acme";
    account_.subdomain = "acme";
    account_.plan = catalog::Plan::kPaid;
    rebuild();
  }
  void rebuild() {
    catalog::RoutingRows rows;
    rows.accounts = {account_};
    catalog::Zone zone;
    zone.id = "z";
    zone.account = "acme";
    zone.name = "example.com";
    rows.zones = {zone};
    rows.routes = {{"1", "z", "example.com/*", "hello", false},
                   {"2", "z", "open.example.com/*", "hello", true},
                   {"3", "z", "gone.example.com/*", "gone", true},
                   {"4", "z", "two.example.com/*", "two", false},
                   {"5", "z", "shop.example.com/*", "hello", true}};
    catalog::CustomDomain domain;
    domain.account = "acme";
    domain.hostname = "shop.example.com";
    domain.script = "two";
    catalog::CustomDomain alone = domain;
    alone.hostname = "alone.io";
    alone.script = "gone";
    rows.domains = {domain, alone};
    rows.scripts = {{"acme", "hello", disabled_, true, {{1, "v1", catalog::kWholeShare}}},
                    {"acme", "two", false, true, {{2, "v2", 5'000, withAssets_}, {3, "v3", 5'000, withAssets_}}}};
    model_.apply(rows);
    routing_ = model_.build();
  }
  Admission ask(const char* host, std::initializer_list<http::Header> headers = {}, const char* request = "r") {
    return admit(routing_->find(host, catalog::Scheme::kHttp, "/"), http::HeaderList(headers), request, now_, clock_);
  }

  FakeClock clock_;
  bool withAssets_ = false;
  base::Instant now_{1'000s};
  catalog::Account account_;
  bool disabled_ = false;
  catalog::RoutingModel model_{{.hashSeed = 1}};
  std::shared_ptr<const catalog::Routing> routing_;
};

TEST_F(AdmissionTest, whoForgesTheClientsAddressIsRefused) {
  EXPECT_EQ(ask("example.com", {{"cf-connecting-ip", "192.0.2.1"}}).page, 1000);
  EXPECT_EQ(ask("other.example.com", {{"cf-connecting-ip", "192.0.2.1"}}).page, 1000);
  EXPECT_EQ(ask("example.com", {{"x-forwarded-for", "192.0.2.1"}}).way, Way::kScript);
}

TEST_F(AdmissionTest, whatNothingAnswersHasItsPage) {
  EXPECT_EQ(ask("nobody.org").page, 1042);
  EXPECT_EQ(ask("nothing.acme.workers.dev").page, 1042);
  EXPECT_EQ(ask("gone.example.com").page, 1022);
  EXPECT_EQ(ask("127.0.0.1").page, 1003);
  EXPECT_EQ(ask("a..b").page, 400);
  EXPECT_EQ(ask("alone.io").page, 1022) << "a custom domain in no zone whose script is not there";
  EXPECT_EQ(ask("other.example.com").way, Way::kOrigin);
  EXPECT_EQ(ask("example.com").way, Way::kScript);
  EXPECT_EQ(ask("example.com").version->id, "v1");
}

TEST_F(AdmissionTest, whatTheOperatorStoppedIs1103) {
  disabled_ = true;
  rebuild();
  EXPECT_EQ(ask("example.com").page, 1103);
  EXPECT_EQ(ask("two.example.com").way, Way::kScript);
  account_.suspended = true;
  rebuild();
  EXPECT_EQ(ask("two.example.com").page, 1103);
  EXPECT_EQ(ask("other.example.com").page, 1103);
  EXPECT_EQ(ask("gone.example.com").page, 1103);
}

TEST_F(AdmissionTest, aUsedUpLoopCounterIs1019AndTakesNothingOfTheQuotas) {
  account_.overrides = {{"burst_per_minute", 1}, {"requests_per_day", 1}};
  rebuild();
  EXPECT_EQ(ask("example.com", {{"cf-ew-via", "0"}}).page, 1019);
  const auto last = ask("example.com", {{"cf-ew-via", "1"}});
  EXPECT_EQ(last.way, Way::kScript);
  EXPECT_EQ(last.invocationsLeft, 1);
  EXPECT_EQ(ask("other.example.com", {{"cf-ew-via", "0"}}).way, Way::kOrigin);
}

TEST_F(AdmissionTest, theBurstLimitIs1015WithItsWait) {
  account_.overrides = {{"burst_per_minute", 2}};
  rebuild();
  EXPECT_EQ(ask("example.com").way, Way::kScript);
  EXPECT_EQ(ask("two.example.com").way, Way::kScript);
  const auto refused = ask("example.com");
  EXPECT_EQ(refused.page, 1015);
  EXPECT_EQ(refused.retryAfterSeconds, 61u);
  EXPECT_EQ(ask("other.example.com").way, Way::kOrigin);
  now_ += 61s;
  EXPECT_EQ(ask("example.com").way, Way::kScript);
}

TEST_F(AdmissionTest, theDailyQuotaIs1027OrTheOrigin) {
  account_.overrides = {{"requests_per_day", 1}, {"burst_per_minute", 1}};
  rebuild();
  EXPECT_EQ(ask("open.example.com").way, Way::kScript);
  now_ += 61s;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("open.example.com").way, Way::kOrigin);  // which no burst limit concerns
  EXPECT_EQ(ask("example.com").page, 1027);
  EXPECT_EQ(ask("example.com").page, 1015);  // the refused one had its place in the burst
  now_ += 61s;
  EXPECT_EQ(ask("shop.example.com").page, 1027);  // what stands behind the route is a script too
  clock_.wall += 86'400'000.0;
  now_ += 61s;
  EXPECT_EQ(ask("example.com").way, Way::kScript);
}

TEST_F(AdmissionTest, versionsAreChosenByKeyElseByChance) {
  int first = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string request = "request " + std::to_string(i);
    first += ask("two.example.com", {}, request.c_str()).version->id == "v2";
    const std::string key = "user " + std::to_string(i);
    EXPECT_EQ(ask("two.example.com", {{"cloudflare-workers-version-key", key}}, "a").version,
              ask("two.example.com", {{"cloudflare-workers-version-key", key}}, "b").version);
  }
  EXPECT_GT(first, 120);
  EXPECT_LT(first, 280);
}

TEST_F(AdmissionTest, assetsMayAnswerForAVersionThatHasSome) {
  const auto chosen = [&](const char* host, std::initializer_list<http::Header> headers = {}) {
    return versionWithAssets(routing_->find(host, catalog::Scheme::kHttp, "/"), http::HeaderList(headers), "r");
  };
  EXPECT_EQ(chosen("two.example.com"), nullptr);
  withAssets_ = true;
  rebuild();
  ASSERT_NE(chosen("two.example.com"), nullptr);
  // The version that the Worker would be of.
  for (const char* key : {"a", "b", "c", "d", "e", "f"}) {
    EXPECT_EQ(chosen("two.example.com", {{"Cloudflare-Workers-Version-Key", key}}),
              ask("two.example.com", {{"Cloudflare-Workers-Version-Key", key}}).version);
  }
  EXPECT_EQ(chosen("example.com"), nullptr);       // has none
  EXPECT_EQ(chosen("gone.example.com"), nullptr);  // is not there
  account_.suspended = true;
  rebuild();
  EXPECT_EQ(chosen("two.example.com"), nullptr);
}

}  // namespace
}  // namespace weir::edge
