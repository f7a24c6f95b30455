#include "logs/redaction.h"

#include <gtest/gtest.h>

namespace weir::logs {
namespace {

TEST(Redaction, headersThatCarryCredentialsAreSecret) {
  for (const char* name : {"cookie", "set-cookie", "authorization", "proxy-authorization", "x-api-key", "key", "x-jwt",
                           "jwt-assertion", "x-secret", "client-secret-2", "x-csrf-token", "tokenize", "author"}) {
    EXPECT_TRUE(isSecretHeader(name)) << name;
  }
  for (const char* name : {"", "accept", "cookies", "x-cookie", "set-cookie2", "user-agent", "content-type", "ke-y",
                           "toke", "x-ecret", "aut", "jw", "referer", "host"}) {
    EXPECT_FALSE(isSecretHeader(name)) << name;
  }
}

TEST(Redaction, aRunOfHexDigitsIsSecretFromThirtyTwoOn) {
  EXPECT_FALSE(isSecretRun(std::string(31, 'a')));
  EXPECT_TRUE(isSecretRun(std::string(32, 'a')));
  EXPECT_TRUE(isSecretRun("0123-4567-89ab-CDEF-0123-4567-89ab-CDEF"));  // separators do not count
  EXPECT_FALSE(isSecretRun("0123456789abcdef0123456789abcdeg"));        // another letter
}

TEST(Redaction, aMixtureOfUpperLowerAndDigitsIsSecretFromTwentyOneOn) {
  EXPECT_TRUE(isSecretRun("AAbb11xxxxxxxxxxxxxxx"));    // 21
  EXPECT_FALSE(isSecretRun("AAbb11xxxxxxxxxxxxxx"));    // 20
  EXPECT_FALSE(isSecretRun("Abb11xxxxxxxxxxxxxxxx"));   // one upper
  EXPECT_FALSE(isSecretRun("AAbb1xxxxxxxxxxxxxxxx"));   // one digit
  EXPECT_FALSE(isSecretRun("AA11XXXXXXXXXXXXXXXXXb"));  // one lower
}

TEST(Redaction, aCardNumberIsSecretWhenItsCheckDigitIsRight) {
  EXPECT_TRUE(isSecretRun("4111111111111111"));
  EXPECT_TRUE(isSecretRun("4111-1111-1111-1111"));
  EXPECT_FALSE(isSecretRun("4111111111111112"));
  EXPECT_FALSE(isSecretRun("411111111111111a"));
  EXPECT_TRUE(isSecretRun("0000000000000"));          // 13 digits
  EXPECT_FALSE(isSecretRun("000000000000"));          // 12
  EXPECT_FALSE(isSecretRun("00000000000000000000"));  // 20
}

TEST(Redaction, urlsKeepEverythingElse) {
  EXPECT_EQ(redactUrl("https://a.example/p?card=4111111111111111&q=shoes"),
            "https://a.example/p?card=REDACTED&q=shoes");
  EXPECT_EQ(redactUrl("https://a.example/0123456789abcdef0123456789abcdef/AbCdEf123456789012345x"),
            "https://a.example/REDACTED/REDACTED");
  EXPECT_EQ(redactUrl("https://a.example/ordinary-words_and+signs?page=12"),
            "https://a.example/ordinary-words_and+signs?page=12");
  EXPECT_EQ(redactUrl(""), "");
  const SecretRun run = findSecretRun("x/4111111111111111/y", 0);
  EXPECT_EQ(run.begin, 2u);
  EXPECT_EQ(run.end, 18u);
}

}  // namespace
}  // namespace weir::logs
