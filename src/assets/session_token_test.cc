#include "assets/session_token.h"

#include <gtest/gtest.h>

#include "assets/base64.h"

namespace weir::assets {
namespace {

std::vector<std::byte> key(uint8_t seed) { return std::vector<std::byte>(32, std::byte{seed}); }

SessionToken token() { return {"session-1", "account-1", SessionToken::Use::kUpload, 1'700'000'000}; }

std::string encoded(std::string_view text) {
  return encodeBase64Url({reinterpret_cast<const std::byte*>(text.data()), text.size()});
}

TEST(SessionToken, saysWhatWasSigned) {
  for (const auto use : {SessionToken::Use::kUpload, SessionToken::Use::kVersion}) {
    SessionToken given = token();
    given.use = use;
    const std::string text = signToken(given, key(1));
    EXPECT_EQ(readUnverified(text), given);
    EXPECT_TRUE(isSignedWith(text, key(1)));
    EXPECT_FALSE(isSignedWith(text, key(2)));
  }
}

TEST(SessionToken, hasTheFormThatClientsRead) {
  const std::string text = signToken(token(), key(1));
  const size_t first = text.find('.'), second = text.find('.', first + 1);
  const auto payload = decodeBase64Url(std::string_view(text).substr(first + 1, second - first - 1), 1000);
  ASSERT_TRUE(payload);
  const std::string_view json(reinterpret_cast<const char*>(payload->data()), payload->size());
  EXPECT_NE(json.find("\"exp\":1700000000"), std::string_view::npos) << json;
}

TEST(SessionToken, isNoLongerSignedOnceChanged) {
  const std::string text = signToken(token(), key(1));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(isSignedWith(changed, key(1))) << i;
  }
  EXPECT_FALSE(isSignedWith(text.substr(0, text.rfind('.') + 1), key(1)));
  EXPECT_FALSE(isSignedWith("", key(1)));
}

TEST(SessionToken, hasOneAlgorithm) {
  const std::string payload = encoded(R"({"sid":"s","acc":"a","use":"upload","exp":1})");
  EXPECT_TRUE(readUnverified(encoded(R"({"alg":"HS256","typ":"JWT"})") + "." + payload + ".x"));
  EXPECT_FALSE(readUnverified(encoded(R"({"alg":"none","typ":"JWT"})") + "." + payload + "."));
  EXPECT_FALSE(readUnverified(encoded(R"({"alg":"RS256","typ":"JWT"})") + "." + payload + ".x"));
}

TEST(SessionToken, refusesOtherTexts) {
  const std::string head = encoded(R"({"alg":"HS256","typ":"JWT"})");
  for (const char* payload :
       {"", "[]", "{}", R"({"sid":1,"acc":"a","use":"upload","exp":1})", R"({"sid":"s","acc":"a","use":"all","exp":1})",
        R"({"sid":"s","acc":"a","use":"upload","exp":"1"})", R"({"sid":"s","use":"upload","exp":1})"}) {
    EXPECT_FALSE(readUnverified(head + "." + encoded(payload) + ".x")) << payload;
  }
  for (const char* text : {"", ".", "..", "a.b.c", "a.b", "a.b.c.d"}) EXPECT_FALSE(readUnverified(text)) << text;
  EXPECT_FALSE(readUnverified(std::string(5'000, 'a')));
}

}  // namespace
}  // namespace weir::assets
