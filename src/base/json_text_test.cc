#include "base/json_text.h"

#include <gtest/gtest.h>

#include <random>

namespace weir::base {
namespace {

std::string asJson(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

TEST(JsonText, plainTextIsOnlyQuoted) {
  EXPECT_EQ(asJson(""), R"("")");
  EXPECT_EQ(asJson("short"), R"("short")");
  EXPECT_EQ(asJson("exactly8"), R"("exactly8")");
  EXPECT_EQ(asJson("longer than eight bytes, DEL \x7f"), "\"longer than eight bytes, DEL \x7f\"");
}

TEST(JsonText, specialCharactersAreEscapedAtEveryOffset) {
  for (size_t before = 0; before < 20; ++before) {
    const std::string pad(before, 'a');
    EXPECT_EQ(asJson(pad + "\"" + pad), "\"" + pad + "\\\"" + pad + "\"");
    EXPECT_EQ(asJson(pad + "\\" + pad), "\"" + pad + "\\\\" + pad + "\"");
    EXPECT_EQ(asJson(pad + "\n" + pad), "\"" + pad + "\\n" + pad + "\"");
    EXPECT_EQ(asJson(pad + std::string(1, '\0') + pad), "\"" + pad + "\\u0000" + pad + "\"");
    EXPECT_EQ(asJson(pad + "€𝄞" + pad), "\"" + pad + "€𝄞" + pad + "\"");
    EXPECT_EQ(asJson(pad + "\xC3" + pad), "\"" + pad + "\xEF\xBF\xBD" + pad + "\"");
  }
}

TEST(JsonText, malformedUtf8BecomesReplacementCharacters) {
  const std::string fffd = "\xEF\xBF\xBD";
  EXPECT_EQ(wellFormedUtf8("a\xC0\xAF"), "a" + fffd + fffd);                 // overlong
  EXPECT_EQ(wellFormedUtf8("\xED\xA0\x80"), fffd + fffd + fffd);             // surrogate
  EXPECT_EQ(wellFormedUtf8("\xF4\x90\x80\x80"), fffd + fffd + fffd + fffd);  // above U+10FFFF
  EXPECT_EQ(wellFormedUtf8("ok \xF0\x9F\x98\x80"), "ok \xF0\x9F\x98\x80");
}

TEST(JsonText, whateverTheBytesTheStringIsJson) {
  std::mt19937 random(7);
  int checked = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 40, '\0');
    for (char& c : text) c = static_cast<char>(random() % 3 == 0 ? random() : 0x20 + random() % 0x60);
    ASSERT_TRUE(isJsonLine(asJson(text)));
    ++checked;
  }
  EXPECT_EQ(checked, 20'000);
}

TEST(JsonText, validJsonIsRecognised) {
  for (const char* text : {"[]", "{}", "[1,-2.5e+10,0.1]", R"(["a",{"b":[null,true,false]},"\u00e9\n"])", "1", "\"x\"",
                           R"({"a":{},"b":[[]]})", " [ 1 , 2 ] ", "[\"€\"]", "[[[[1]]],2]"}) {
    EXPECT_TRUE(isJsonLine(text)) << text;
  }
  EXPECT_TRUE(isJson("[\n1\n]\n"));
  EXPECT_TRUE(isJsonLine("[1]", JsonKind::kArray));
  EXPECT_FALSE(isJsonLine("{}", JsonKind::kArray));
  EXPECT_FALSE(isJsonLine("[]", JsonKind::kObject));
}

TEST(JsonText, anythingElseIsNot) {
  for (const char* text : {"",
                           "[",
                           "]",
                           "[1,]",
                           "{\"a\"}",
                           "{\"a\":1,}",
                           "[1]]",
                           "[1] 2",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "-",
                           "1e",
                           "'a'",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "tru",
                           "nulll",
                           "[1\n]",
                           "{1:2}",
                           "[}",
                           "{]",
                           "\"\x01\"",
                           "\"\xff\"",
                           "[\"a\" \"b\"]",
                           "{\"a\":1 \"b\":2}",
                           "NaN"}) {
    EXPECT_FALSE(isJsonLine(text)) << text;
  }
}

TEST(JsonText, depthIsBounded) {
  EXPECT_TRUE(isJson(std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']')));
  EXPECT_FALSE(isJson(std::string(kJsonDepthMax + 1, '[') + std::string(kJsonDepthMax + 1, ']')));
}

}  // namespace
}  // namespace weir::base
