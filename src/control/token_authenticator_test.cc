#include "control/token_authenticator.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "catalog/sqlite_catalog.h"

namespace weir::control {
namespace {

class FakeClock final : public base::Clock {
 public:
  base::Instant now() const override { return base::Instant{} + std::chrono::milliseconds(ms); }
  double wallMs() const override { return static_cast<double>(ms); }
  int64_t ms = 1'000'000;
};

class TokenAuthenticatorTest : public testing::Test {
 protected:
  TokenAuthenticatorTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-tokens-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    catalog_ = catalog::SqliteCatalog::open(folder_ + "/catalog.db", {clock_, random_}).value();
    account_ = catalog_->addAccount({"acme", catalog::Plan::kPaid, {}, {}}).value().id;
  }
  ~TokenAuthenticatorTest() override {
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }
  catalog::Token add(const std::string& text, std::optional<catalog::UnixMs> expires = {}) {
    catalog::NewToken token;
    token.hash = catalog::tokenHash(text);
    token.name = text;
    token.scope.account = account_;
    token.expiresMs = expires;
    return catalog_->addToken(token).value();
  }
  auto ask(std::initializer_list<http::Header> headers, const char* ip = "192.0.2.1") {
    http::RequestHead head;
    head.headers = headers;
    return authenticator_.authenticate(*catalog_, head, ip);
  }
  // The error's code; 0: it was let in.
  uint32_t bearer(const std::string& text, const char* ip = "192.0.2.1") {
    const std::string field = "Bearer " + text;
    const auto principal = ask({{"authorization", field}}, ip);
    if (!principal.ok()) last_ = principal.error();
    return principal.ok() ? 0 : principal.error().code;
  }

  FakeClock clock_;
  base::SystemRandom random_;
  std::string folder_;
  std::unique_ptr<catalog::SqliteCatalog> catalog_;
  std::string account_;
  TokenAuthenticator authenticator_{clock_,
                                    {.free = 3, .forgiveEvery = std::chrono::milliseconds(1'000), .peersMax = 100}};
  ApiError last_;
};

TEST_F(TokenAuthenticatorTest, aTokenIsWhatItsScopeSays) {
  catalog::NewToken token;
  token.hash = catalog::tokenHash("text");
  token.name = "ci";
  token.scope = {account_, catalog::TokenAccess::kRead, {"shop"}};
  const auto made = catalog_->addToken(token).value();
  for (const auto& headers : std::initializer_list<std::initializer_list<http::Header>>{
           {{"authorization", "Bearer text"}},
           {{"Authorization", "  bearer   text "}},
           {{"x-auth-key", "text"}, {"x-auth-email", "a@example.com"}},
           // The key wins.
           {{"x-auth-key", "text"}, {"x-auth-email", "a@example.com"}, {"authorization", "Bearer other"}}}) {
    const auto principal = ask(headers);
    ASSERT_TRUE(principal.ok()) << principal.error().message;
    EXPECT_EQ(principal->id, made.id);
    EXPECT_EQ(principal->name, "ci");
    EXPECT_FALSE(principal->everyAccount);
    EXPECT_TRUE(principal->reaches(account_));
    EXPECT_FALSE(principal->reaches("other"));
    EXPECT_FALSE(principal->mayWrite);
    EXPECT_TRUE(principal->reachesScript("shop"));
    EXPECT_FALSE(principal->reachesScript("blog"));
  }
  catalog::NewToken all;
  all.hash = catalog::tokenHash("all");
  all.name = "ops";
  ASSERT_TRUE(catalog_->addToken(all).ok());
  const auto principal = ask({{"authorization", "Bearer all"}});
  ASSERT_TRUE(principal.ok());
  EXPECT_TRUE(principal->reaches("any"));
  EXPECT_TRUE(principal->mayWrite);
  EXPECT_TRUE(principal->reachesScript("any"));
}

TEST_F(TokenAuthenticatorTest, whatIsNoCredentialIsToldApart) {
  EXPECT_EQ(ask({}).error().code, 9106u);
  EXPECT_EQ(ask({{"authorization", "Basic dGV4dA=="}}).error().code, 9106u);
  EXPECT_EQ(ask({{"authorization", "Bearer"}}).error().code, 9106u);
  EXPECT_EQ(ask({{"x-auth-key", "text"}}).error().code, 9106u);
  EXPECT_EQ(ask({{"authorization", "Bearer a"}, {"authorization", "Bearer b"}}).error().code, 9106u);
  add(std::string(100, 'x'));
  EXPECT_EQ(bearer(std::string(100, 'x')), 0u);
  EXPECT_EQ(bearer(std::string(5'000, 'x')), 10000u);
}

TEST_F(TokenAuthenticatorTest, expiredAndRevokedTokensAreWorthNothing) {
  add("short", clock_.ms + 100);
  const auto token = add("long");
  EXPECT_EQ(bearer("short"), 0u);
  EXPECT_EQ(bearer("long"), 0u);
  clock_.ms += 100;
  EXPECT_EQ(bearer("short"), 10000u);
  ASSERT_TRUE(catalog_->removeToken(token.id).ok());
  EXPECT_EQ(bearer("long"), 10000u);
}

TEST_F(TokenAuthenticatorTest, failuresAreSlowedAndKnownTokensAreNot) {
  add("known");
  add("fresh");
  EXPECT_EQ(bearer("known"), 0u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bearer("wrong"), 10000u);
    EXPECT_EQ(last_.status, 403u);
  }
  EXPECT_EQ(bearer("fresh"), 10000u);
  EXPECT_EQ(last_.status, 429u);
  EXPECT_EQ(last_.retryAfterSeconds, 1u);
  EXPECT_EQ(bearer("known"), 0u);
  EXPECT_EQ(bearer("fresh", "192.0.2.2"), 0u);  // another peer
  EXPECT_EQ(bearer("fresh"), 0u);               // and so it is known
  clock_.ms += 1'000;
  EXPECT_EQ(bearer("wrong"), 10000u);
  EXPECT_EQ(last_.status, 403u);
  EXPECT_EQ(bearer("wrong"), 10000u);
  EXPECT_EQ(last_.status, 429u);
}

TEST_F(TokenAuthenticatorTest, aTokenIsKnownForAnHour) {
  add("known");
  EXPECT_EQ(bearer("known"), 0u);
  clock_.ms += 3'600'001;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bearer("wrong"), 10000u);
  EXPECT_EQ(bearer("known"), 10000u);
  EXPECT_EQ(last_.status, 429u);
}

TEST_F(TokenAuthenticatorTest, aTokensUseIsNotedOnceAMinute) {
  const auto token = add("text");
  const int64_t begun = clock_.ms;
  EXPECT_EQ(bearer("text"), 0u);
  EXPECT_EQ(catalog_->findToken(token.id).value().usedMs, begun);
  EXPECT_EQ(catalog_->findToken(token.id).value().usedFrom, "192.0.2.1");
  clock_.ms = begun + 59'999;
  EXPECT_EQ(bearer("text", "192.0.2.2"), 0u);
  EXPECT_EQ(catalog_->findToken(token.id).value().usedMs, begun);
  clock_.ms = begun + 60'000;
  EXPECT_EQ(bearer("text", "192.0.2.2"), 0u);
  EXPECT_EQ(catalog_->findToken(token.id).value().usedFrom, "192.0.2.2");
}

}  // namespace
}  // namespace weir::control
